import { assert, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { run } from "../cli/process.ts"
import { directory } from "./program.ts"

it.live("`npm start` hands a signal on: the program drains, and leaves port and data free", () =>
  Effect.gen(function* () {
    const data = yield* directory
    for (let times = 0; times < 2; times++) {
      const running = yield* run("npm", "start", "--", "--port", "0", "--data", data)
      yield* running.line(/ is up at /)
      yield* running.kill("SIGTERM")
      yield* running.line(/drained/)
      assert.deepStrictEqual(yield* running.ended, { code: 0, signal: null })
    }
  }).pipe(Effect.provide(NodeServices.layer), Effect.timeout("60 seconds"))
)
