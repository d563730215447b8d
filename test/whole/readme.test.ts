import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { importAndFollow } from "../structure/readme/follow.ts"
import { contacts, directory, eventually, start } from "./program.ts"

describe("the README's client", () => {
  it.live("follows an import to its end", () =>
    Effect.gen(function* () {
      const { url } = yield* start(yield* directory)
      yield* Effect.promise(() => importAndFollow(url, "email,name\nada@example.com,Ada\n"))
      const [found] = yield* eventually(contacts(url), ({ length }) => length > 0)
      assert.strictEqual(found?.email, "ada@example.com")
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
