import { inject } from "vitest"
import { madeTopics } from "./made-topics.ts"

madeTopics(() => inject("bootstrap"))
