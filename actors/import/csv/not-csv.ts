import { Schema } from "effect"

/** Why an upload is refused: binary, no header, no e-mail column, or quoting that never comes right. */
export class NotCsv extends Schema.TaggedError<NotCsv>()("NotCsv", { message: Schema.String }) {}
