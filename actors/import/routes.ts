import { Clock, Effect, Layer, Option, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { SqlClient } from "effect/sql"
import { json, Log, Page, problem, requestedChannel, uploadBody } from "../../src/index.ts"
import { normalizeEmail } from "./contact.ts"
import { findContact, listContacts } from "./contacts-view.ts"
import { uploadBegan } from "./import-id.ts"
import { findImport } from "./imports-view.ts"
import { rejectLine, rejectsHeader } from "./rejects-csv.ts"
import { readRejects } from "./rejects-view.ts"
import { imports } from "./topics.ts"
import { upload } from "./upload.ts"

const unknownImport = (importId: string) =>
  problem(404, "UnknownImport", `no import has the id ${JSON.stringify(importId)}`)
const importId = Effect.map(HttpRouter.params, (params) => params["importId"] ?? "")

/** 202 once the import exists. Whatever goes wrong before, nothing of the file is imported. */
const postImport = HttpRouter.add(
  "POST",
  "/imports",
  Effect.gen(function* () {
    const channel = yield* requestedChannel
    const body = yield* uploadBody({ contentType: "text/csv" })
    const importId = yield* upload(body, { channel })
    return json({ importId, channel: channel ?? null }, 202)
  }).pipe(
    Effect.catchTags({
      NotCsv: ({ message }) => Effect.succeed(problem(400, "NotCsv", message)),
      TooManyRows: ({ message }) => Effect.succeed(problem(413, "TooManyRows", message))
    })
  )
)

const getImport = HttpRouter.add(
  "GET",
  "/imports/:importId",
  Effect.gen(function* () {
    const id = yield* importId
    return Option.match(yield* findImport(id), { onNone: () => unknownImport(id), onSome: (status) => json(status) })
  })
)

/** An import may be too young for the view to know it, and its upload may have taken long: until then a cancel is taken on trust. */
const youth = 3_600_000

/** 202: what has not begun will not. The state tells what became of it; an import that has ended stays as it is. */
const deleteImport = HttpRouter.add(
  "DELETE",
  "/imports/:importId",
  Effect.gen(function* () {
    const id = yield* importId
    const began = uploadBegan(id)
    if (began === undefined) return unknownImport(id)
    const isYoung = (yield* Clock.currentTimeMillis) - began < youth
    if (!isYoung && Option.isNone(yield* findImport(id))) return unknownImport(id)
    yield* (yield* Log).append(imports, id, { _tag: "Cancel" })
    return json({ importId: id }, 202)
  })
)

const getRejects = HttpRouter.add(
  "GET",
  "/imports/:importId/rejects",
  Effect.gen(function* () {
    const id = yield* importId
    if (Option.isNone(yield* findImport(id))) return unknownImport(id)
    const rejects = Stream.provideContext(readRejects(id), yield* Effect.context<SqlClient.SqlClient>())
    const lines = Stream.concat(Stream.make(rejectsHeader), Stream.map(rejects, rejectLine))
    return HttpServerResponse.stream(Stream.encodeText(lines), {
      contentType: "text/csv; charset=utf-8",
      headers: { "content-disposition": `attachment; filename="rejects-${id}.csv"` }
    })
  })
)

const getContacts = HttpRouter.add(
  "GET",
  "/contacts",
  Effect.gen(function* () {
    const { after, limit } = yield* HttpServerRequest.schemaSearchParams(Page)
    const contacts = yield* listContacts(after, limit)
    return json({ contacts, next: contacts.length < limit ? null : contacts.at(-1)!.email })
  })
)

const getContact = HttpRouter.add(
  "GET",
  "/contacts/:email",
  Effect.gen(function* () {
    const { email = "" } = yield* HttpRouter.params
    const found = yield* findContact(normalizeEmail(email) ?? "")
    return Option.match(found, {
      onNone: () => problem(404, "UnknownContact", `no contact has the e-mail ${JSON.stringify(email)}`),
      onSome: (contact) => json(contact)
    })
  })
)

/** The routes of the contacts import; every GET reads a SQL view. */
export const importRoutes = Layer.mergeAll(
  postImport,
  getImport,
  deleteImport,
  getRejects,
  getContacts,
  getContact
).pipe(HttpRouter.provideRequest(SecureRandom.layerWebCrypto))
