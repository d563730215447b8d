import { Cause, Console, Effect, Exit, Option, Predicate } from "effect"
import { CliError } from "effect/cli"

/** Of the process: 0 a clean stop, 1 a failure, 2 a usage error, which has changed nothing. */
export type ExitCode = 0 | 1 | 2

/** Errors that say the command was given something it cannot use, by tag and reason. */
const usage: ReadonlySet<string> = new Set([
  "UsageError",
  "TopologyError/UnknownName",
  "TopologyError/BadScale",
  "KafkaError/Locked",
  "UnsafeBinding",
  "OtherDatabase",
  "ChannelKeyError"
])

const isUsage = (error: object): boolean => {
  const tag = "_tag" in error ? String(error._tag) : ""
  return usage.has(tag) || ("reason" in error && usage.has(`${tag}/${String(error.reason)}`))
}

/** Some errors say nothing themselves, only what caused them does. */
const messageOf = (error: unknown): string => {
  if (!Predicate.isError(error)) return String(error)
  if (error.message === "" && error.cause !== undefined) return messageOf(error.cause)
  return (error.message || error.name).split("\n")[0]!
}

/** What a command's end means for the process; a failure is told in one line, a defect with all there is. */
export const exitCode = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<ExitCode> => {
  if (Exit.isSuccess(exit)) return Effect.succeed(0)
  const error = Cause.findErrorOption(exit.cause)
  if (Cause.hasDies(exit.cause) || Option.isNone(error)) {
    return Cause.hasInterruptsOnly(exit.cause)
      ? Effect.succeed(1)
      : Effect.as(Console.error(`sixfold: a bug: ${Cause.pretty(exit.cause)}`), 1)
  }
  if (CliError.isCliError(error.value)) {
    // Told already, with the way to the help.
    return Effect.succeed(error.value._tag === "ShowHelp" && error.value.errors.length === 0 ? 0 : 2)
  }
  const code = Predicate.isObject(error.value) && isUsage(error.value) ? 2 : 1
  return Effect.as(Console.error(`sixfold: ${messageOf(error.value)}`), code)
}
