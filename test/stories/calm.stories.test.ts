import { calm } from "./processes.ts"
import { stories } from "./stories.ts"

stories("the six patterns, in two processes on a real broker:", calm)
