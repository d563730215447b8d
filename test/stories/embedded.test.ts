import { embedded } from "./embedded.ts"
import { stories } from "./stories.ts"

stories("the six patterns, in one process on the embedded broker:", embedded())
