import { createHash } from "node:crypto"

/** What happened in a run: what went wrong on purpose, for people, and a digest of every step, to compare two runs by. */
export class Story {
  readonly #now: () => number
  readonly #hash = createHash("sha256")
  readonly #lines: Array<string> = []
  readonly #faults = new Map<string, number>()

  /** `now` in milliseconds since the run began. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** A fault, or whatever else the simulation does: counted by kind and told. */
  tell(kind: string, detail = ""): void {
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1)
    this.#lines.push(`${(this.#now() / 1_000).toFixed(3).padStart(9)} s  ${kind}${detail === "" ? "" : `: ${detail}`}`)
    this.trace(`${kind} ${detail}`)
  }

  /** Something that two runs of a seed have in common; only the digest knows of it. */
  trace(line: string): void {
    this.#hash.update(`${this.#now()} ${line}\n`)
  }

  get lines(): ReadonlyArray<string> {
    return this.#lines
  }

  get faults(): ReadonlyMap<string, number> {
    return this.#faults
  }

  /** Of everything so far; ends the story. */
  digest(): string {
    return this.#hash.digest("hex").slice(0, 16)
  }
}
