import { Result } from "effect"
import type { ActorDefinition } from "../actor/actor.ts"
import { jsonText } from "../actor/topic.ts"
import { passive } from "./cell.ts"
import type { Cell } from "./cell.ts"

/** An actor's state as JSON text. The initial state has none: a key that is back at it leaves the changelog. */
export interface StateCodec {
  /** Null for the initial state. Fails when the state breaks its schema. */
  readonly encode: (state: unknown) => Result.Result<string | null, unknown>
  /** The cell's state, decoded and kept where it is passive. Fails when the text does not fit the schema any more. */
  readonly decode: (cell: Cell) => Result.Result<unknown, unknown>
}

const [noJson, noState] = [Result.succeed(null), Result.succeed(undefined)]

export const make = (definition: ActorDefinition): StateCodec => {
  if (definition.state === undefined) return { encode: () => noJson, decode: () => noState }
  const { initial, schema } = definition.state
  const codec = jsonText(schema)
  const initialJson = codec.encode(initial)
  return {
    encode: (state) =>
      Result.try(() => {
        const json = codec.encode(state)
        return json === initialJson ? null : json
      }),
    decode: (cell) => {
      if (cell.state !== passive) return Result.succeed(cell.state)
      const { json } = cell
      if (json === undefined) cell.state = initial
      else {
        const decoded = Result.try(() => Result.getOrThrow(codec.decode(json)))
        if (Result.isFailure(decoded)) return decoded
        cell.state = decoded.success
      }
      return Result.succeed(cell.state)
    }
  }
}
