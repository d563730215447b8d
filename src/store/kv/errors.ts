import { Option, Schema } from "effect"

/** The key is not at the version that the write asked for. */
export class KvConflict extends Schema.TaggedError<KvConflict>()("KvConflict", {
  key: Schema.String,
  /** None: the key has no value. */
  current: Schema.Option(Schema.Int)
}) {
  override get message(): string {
    return Option.match(this.current, {
      onNone: () => `${this.key} has no value`,
      onSome: (version) => `${this.key} is at version ${version}`
    })
  }
}

/**
 * No answer in time: the write may have taken effect, may yet, or never will. Trying again with the same request id takes
 * effect once.
 */
export class KvUnknown extends Schema.TaggedError<KvUnknown>()("KvUnknown", {
  key: Schema.String,
  requestId: Schema.String
}) {
  override get message(): string {
    return `it is not known whether the write of ${this.key} took effect (request ${this.requestId})`
  }
}
