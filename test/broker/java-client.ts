import type { KafkaRecord } from "../../src/kafka/records.ts"
import { tool } from "./kafka.ts"

/** Nothing a test writes has these in it. All ASCII: the tool reads its arguments in the machine's own encoding. */
const separator = { field: "<~field~>", header: "<~header~>", line: "<~line~>", null: "<~null~>" }
const printed = ["timestamp", "partition", "offset", "headers", "key", "value"]

/** Of a `latin1` string, a byte a character. */
const bytes = (text: string) => (text === separator.null ? null : Buffer.from(text, "latin1"))
const after = (name: string, text: string) => Number(text.slice(name.length + 1))

const header = (text: string): [string, Uint8Array] => {
  const colon = text.indexOf(":")
  return [Buffer.from(text.slice(0, colon), "latin1").toString(), bytes(text.slice(colon + 1)) ?? Buffer.alloc(0)]
}

/**
 * An independent client's view: the first `count` records that Java's console consumer sees of a topic, read-committed, by
 * partition and in the order of their offsets.
 */
export const javaReads = async (
  bootstrap: string,
  topic: string,
  count: number
): Promise<ReadonlyMap<number, ReadonlyArray<KafkaRecord>>> => {
  const settings = [
    ...printed.map((name) => `print.${name}=true`),
    `key.separator=${separator.field}`,
    `headers.separator=${separator.header}`,
    `line.separator=${separator.line}`,
    `null.literal=${separator.null}`
  ]
  const reading = `--bootstrap-server ${bootstrap} --topic ${topic} --from-beginning --isolation-level read_committed`
  const ending = `--max-messages ${count} --timeout-ms 60000`
  const output = await tool(
    "org.apache.kafka.tools.consumer.ConsoleConsumer",
    ...`${reading} ${ending}`.split(" "),
    ...settings.flatMap((setting) => ["--property", setting])
  )
  const found = new Map<number, Array<KafkaRecord>>()
  for (const line of output.split(separator.line).slice(0, -1)) {
    const [timestamp, partition, offset, headers, key, value] = line.split(separator.field)
    const at = after("Partition", partition!)
    const record: KafkaRecord = {
      offset: after("Offset", offset!),
      timestamp: after("CreateTime", timestamp!),
      key: bytes(key!),
      value: bytes(value!),
      headers: headers === "NO_HEADERS" ? [] : headers!.split(separator.header).map(header)
    }
    const before = found.get(at)
    if (before === undefined) found.set(at, [record])
    else before.push(record)
  }
  return found
}

const hex = (part: Uint8Array | null) => part && Buffer.from(part).toString("hex")

/** A record as one line, byte for byte. */
export const exactly = ({ headers, key, offset, timestamp, value }: KafkaRecord): string =>
  JSON.stringify([offset, timestamp, hex(key), hex(value), headers.map(([name, part]) => [name, hex(part)])])
