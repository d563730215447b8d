import type { RequestRefused } from "./problem.ts"
import { refuse } from "./problem.ts"

/** The media type of a Content-Type header, without its parameters. */
const essence = (contentType: string | undefined): string | undefined =>
  contentType?.split(";")[0]?.trim().toLowerCase()

/** What the header says of the encoding, if anything. */
const charset = (contentType: string): string | undefined =>
  /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1]?.toLowerCase()

/** JSON is UTF-8 (RFC 8259), of which ASCII is a part; read as such, another encoding would be other text. */
const isUtf8 = (contentType: string): boolean => ["utf-8", "utf8", "us-ascii", undefined].includes(charset(contentType))

/** A body of another type than these is refused, and JSON in another encoding. Text is UTF-8 for us where the client says nothing else. */
export const wrongType = (
  contentType: string | undefined,
  accepted: ReadonlyArray<string>
): RequestRefused | undefined => {
  const given = essence(contentType)
  if (given === undefined || !accepted.includes(given)) {
    return refuse("UnsupportedMediaType", `Content-Type must be ${accepted.join(" or ")}`)
  }
  if (given === "application/json" && !isUtf8(contentType!)) return refuse("UnsupportedMediaType", "JSON must be UTF-8")
  return undefined
}
