import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, FileSystem, Layer } from "effect"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import type { FaultHook } from "../../src/kafka/embedded/faults.ts"
import { contract } from "./contract.ts"
import { World } from "./world.ts"

const world = Effect.gen(function* () {
  const broker = yield* Embedded.EmbeddedBroker
  let names = 0
  const process = Effect.sync(() => broker.client(`process${names++}`))
  const hold = (stuck: string): FaultHook => {
    return ({ client, kind }) => Effect.succeed(kind === "end" && client === stuck ? "fail" : "pass")
  }
  return {
    process: Effect.map(process, ({ kafka }) => kafka),
    deleteTopic: broker.control.deleteTopic,
    expire: () => broker.control.clean,
    // While nothing interferes, requests take a shorter path: it is to be tested, too.
    stuck: Effect.acquireRelease(
      Effect.tap(process, ({ name }) => broker.control.intercept(hold(name))),
      () => broker.control.heal
    ).pipe(Effect.map(({ kafka }) => kafka))
  }
})

const onDisk = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    return Embedded.layer({ directory: yield* fs.makeTempDirectoryScoped() })
  })
).pipe(Layer.provide(NodeFileSystem.layer))

contract("embedded, in memory", Layer.provide(Layer.effect(World, world), Embedded.layerMemory))
contract("embedded, on disk", Layer.provide(Layer.effect(World, world), onDisk))
