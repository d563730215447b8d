import { Effect, Layer, Option } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { json } from "../http/json.ts"
import { problem } from "../http/problem.ts"
import { letterAt } from "../runtime/letters.ts"
import type { LetterCommand } from "../runtime/control.ts"
import { Actors } from "./actors.ts"
import type { LetterRefused } from "./letters.ts"

const statuses = { UnknownLetter: 404, ReplayLimit: 409, NoKey: 409, AtLeastOnce: 409, Projection: 409 } as const
const refused = ({ message, reason }: LetterRefused) => Effect.succeed(problem(statuses[reason], reason, message))

const defaultLimit = 100
const mostLimit = 1_000

/** The actor of the path and its dead letters, or why there are none. */
const named = Effect.gen(function* () {
  const { actor = "", id = "" } = yield* HttpRouter.params
  const { letters, topology } = yield* Actors
  if (!topology.nodes.some(({ name }) => name === actor)) {
    return { refusal: problem(404, "UnknownActor", `no actor is named ${JSON.stringify(actor)}`) }
  }
  const found = letters(actor)
  return Option.isNone(found)
    ? { refusal: problem(409, "NoDeadLetters", `${actor} has no dead letters`) }
    : { actor, id, letters: found.value }
})

/** The letters nobody has replayed or discarded, ordered by partition and offset, in pages. */
const list = HttpRouter.add(
  "GET",
  "/dead-letters/:actor",
  Effect.gen(function* () {
    const { letters, refusal } = yield* named
    if (letters === undefined) return refusal
    const query = new URL((yield* HttpServerRequest.HttpServerRequest).url, "http://host").searchParams
    const [after, limit] = [query.get("after"), Number(query.get("limit") ?? defaultLimit)]
    const place = after === null ? undefined : letterAt(after)
    if (after !== null && place === undefined) {
      return problem(400, "InvalidRequest", "after is not the id of a dead letter")
    }
    if (!Number.isInteger(limit) || limit < 1 || limit > mostLimit) {
      return problem(400, "InvalidRequest", `limit is a whole number from 1 to ${mostLimit}`)
    }
    return json(yield* letters.list(place, limit))
  })
)

/** 202: the command is in the log, and the owner of the letter's key obeys it once, in its turn. */
const command = (op: LetterCommand["op"]) =>
  HttpRouter.add(
    "POST",
    `/dead-letters/:actor/:id/${op}`,
    Effect.gen(function* () {
      const { actor, id, letters, refusal } = yield* named
      if (letters === undefined) return refusal
      yield* letters.command({ op, id })
      yield* Effect.logInfo(`${actor}: ${op} dead letter ${id}`)
      return json({ actor, id, op }, 202)
    }).pipe(Effect.catchTag("LetterRefused", refused))
  )

const replayAll = HttpRouter.add(
  "POST",
  "/dead-letters/:actor/replay",
  Effect.gen(function* () {
    const { actor, letters, refusal } = yield* named
    if (letters === undefined) return refusal
    const counts = yield* letters.replayAll
    yield* Effect.logInfo(`${actor}: replay ${counts.replayed} dead letters`)
    return json({ actor, ...counts }, 202)
  })
)

/** The routes of dead letters, of whichever process's actors. */
export const letterRoutes = Layer.mergeAll(list, command("replay"), command("discard"), replayAll)
