/** `sixfold/testing`: one turn without a broker, a topology on the fake Kafka, and the fake itself. */
export * as FakeKafka from "../kafka/embedded/embedded.ts"
export { TestKit } from "./testKit.ts"
export { turn } from "./turn.ts"
export type { Outcome } from "./turn.ts"
