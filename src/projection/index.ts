/** `sixfold/projection`: exactly once into SQL. */
export { Projection } from "../actor/projection.ts"
export type { AnyProjection, Change } from "../actor/projection.ts"
export { ProjectionError } from "./errors.ts"
export { Sqlite } from "./sqlite.ts"
