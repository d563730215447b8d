import { layer } from "@effect/vitest"
import { embedded } from "./embedded.ts"
import { scale, scaled } from "./scale.ts"

layer(embedded({ scale }), { excludeTestServices: true })("a process whose actors are scaled, embedded,", (it) => {
  it.effect("has as many replicas of each as it was told to, or none, while messages flow", () => scaled)
})
