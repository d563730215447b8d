import { Effect, Option } from "effect"
import { Projection } from "../../src/projection/index.ts"
import { count, importStatus, noProgress, Progress } from "./progress.ts"
import { importProgress, imports } from "./topics.ts"

/** What is known of each import, from the seal on: the fold that `import-progress` keeps, in SQL. The view behind `GET /imports/{id}`. */
export const importsView = Projection.fold("imports-view", {
  inbox: [imports, importProgress],
  table: "imports",
  state: Progress,
  fold: (before, { value }) => {
    if (Option.isNone(value) || value.value._tag === "Cancel" || value.value._tag === "PartEnded") return before
    if (value.value._tag === "Seal") return before ?? noProgress
    return count(before ?? noProgress, value.value)
  }
})

/** As `GET /imports/{id}` answers; none where the view does not know the import (yet). */
export const findImport = (importId: string) => Effect.map(importsView.find(importId), Option.map(importStatus))
