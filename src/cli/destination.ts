import { Effect } from "effect"
import type { Option } from "effect"
import { readToken } from "./token.ts"
import type { Destination } from "./request.ts"

/** `--url` and `--token-file`. */
export interface DestinationFlags {
  readonly url: URL
  readonly tokenFile: Option.Option<string>
}

/** The server, and the token in the file. */
export const destination = ({ tokenFile, url }: DestinationFlags) =>
  Effect.map(readToken(tokenFile), (token): Destination => ({ url, token }))
