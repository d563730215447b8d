import type { Option } from "effect"

/** `sixfold import`'s arguments. */
export interface ImportOptions {
  readonly file: string
  readonly url: URL
  readonly tokenFile: Option.Option<string>
}
