import type { Layer } from "effect"
import { Console, Effect, Schema } from "effect"
import { CliOutput } from "effect/cli"
import type { CliError } from "effect/cli"

/** What the command was given cannot be used; nothing has been changed. Ends it with exit code 2. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { message: Schema.String }) {}

const oneLine = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(" ")

const meant = (suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? "" : `; did you mean ${suggestions.join(" or ")}?`

/** A parse error in one line, without the name of its command. */
const told = (error: CliError.NonShowHelpErrors): string => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return `unknown flag ${error.option}${meant(error.suggestions)}`
    case "UnknownSubcommand":
      return `unknown command ${error.subcommand}${meant(error.suggestions)}`
    case "InvalidValue": {
      const what = error.kind === "flag" ? `--${error.option}` : error.option
      return `${what} ${JSON.stringify(error.value)}: expected ${error.expected}`
    }
    case "MissingArgument":
      return `${error.argument} is missing`
    case "MissingOption":
      return `--${error.option} is missing`
    default:
      return oneLine(error.message)
  }
}

/** Help goes to standard output; a wrong invocation is one line on standard error, and says where the help is. */
const present: CliOutput.Presenter["present"] = Effect.fnUntraced(function* (event) {
  if (event._tag !== "InvalidInvocation") return yield* CliOutput.defaultPresenter.present(event)
  const problems = [...new Set(event.errors.map(told))].join("; ")
  yield* Console.error(`sixfold: ${problems} (see ${event.commandPath.join(" ")} --help)`)
})

export const presenter: Layer.Layer<never> = CliOutput.layerPresenter({ present })
