import { Result } from "effect"
import type { ActorDefinition } from "../actor/actor.ts"
import { jsonText } from "../actor/topic.ts"
import { passive } from "./cell.ts"
import type { Cell } from "./cell.ts"

/** An actor's state as JSON text. The initial state has none: a key that is back at it leaves the changelog. */
export interface StateCodec {
  /** Null for the initial state. Throws when the state breaks its schema. */
  encode(state: unknown): string | null
  /** The cell's state, decoded where it is passive. Throws when the text does not fit the schema any more. */
  stateOf(cell: Cell): unknown
}

export const make = (definition: ActorDefinition): StateCodec => {
  if (definition.state === undefined) return { encode: () => null, stateOf: () => undefined }
  const { initial, schema } = definition.state
  const codec = jsonText(schema)
  const initialJson = codec.encode(initial)
  return {
    encode: (state) => {
      const json = codec.encode(state)
      return json === initialJson ? null : json
    },
    stateOf: (cell) => {
      if (cell.state === passive) {
        cell.state = cell.json === undefined ? initial : Result.getOrThrow(codec.decode(cell.json))
      }
      return cell.state
    }
  }
}
