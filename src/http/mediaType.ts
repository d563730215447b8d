import type { RequestRefused } from "./problem.ts"
import { refuse } from "./problem.ts"

/** The media type of a Content-Type header, without its parameters. */
const essence = (contentType: string | undefined): string | undefined =>
  contentType?.split(";")[0]?.trim().toLowerCase()

/** A body of another type than these is refused. Text is UTF-8 for us where the client says nothing else. */
export const wrongType = (
  contentType: string | undefined,
  accepted: ReadonlyArray<string>
): RequestRefused | undefined => {
  const given = essence(contentType)
  if (given !== undefined && accepted.includes(given)) return undefined
  return refuse("UnsupportedMediaType", `Content-Type must be ${accepted.join(" or ")}`)
}
