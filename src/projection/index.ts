/** `sixfold/projection`: exactly once into SQL. */
import { make } from "../actor/projection.ts"
import { fold } from "./fold.ts"

export type { AnyProjection, Change } from "../actor/projection.ts"
export type { FoldProjection } from "./fold.ts"
export { ProjectionError } from "./errors.ts"
export { Sqlite } from "./sqlite.ts"

/**
 * `Projection.make(name, { inbox, table, create, apply })`: a node of a topology that keeps a table.
 * `Projection.fold(name, { inbox, table, state, fold })`: one that keeps a row for each key, a fold over its records.
 */
export const Projection = { make, fold }
