import { Cause, Exit, Option, Predicate } from "effect"
import type { Ending } from "./intensity.ts"

/** How the port says that no broker answers, and that a transactional id was taken over. */
const endingOf = (error: unknown): Ending => {
  if (Predicate.isTagged(error, "KafkaError") && Predicate.hasProperty(error, "reason")) {
    if (error.reason === "Unavailable") return "away"
    if (error.reason === "Fenced") return "fenced"
  }
  if (Predicate.isTagged(error, "TransactionError") && Predicate.hasProperty(error, "outcome")) {
    if (error.outcome === "fenced") return "fenced"
  }
  return "crash"
}

/** Why a child's run ended. A defect beside a typed error is still a crash; so is a run that just ends. */
export const ending = (exit: Exit.Exit<unknown, unknown>): Ending =>
  Exit.isFailure(exit) && !Cause.hasDies(exit.cause)
    ? Option.match(Cause.findErrorOption(exit.cause), { onNone: () => "crash" as const, onSome: endingOf })
    : "crash"
