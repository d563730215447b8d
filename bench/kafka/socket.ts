/**
 * Not a client but the bound of one: requests of `produce` that were encoded beforehand go over one bare socket, five under way, eight batches of
 * 256 KiB each, and nobody looks at an answer but for its error code. No warm-up: there is nothing to compile.
 */
import { ConnectionPool, initProducerIdV4, parseBroker, Writer } from "@platformatic/kafka"
import type { Connection } from "@platformatic/kafka"
import { once } from "node:events"
import { connect } from "node:net"
import { promisify } from "node:util"
import { batchBytes, RecordBatch, sign, sizeBound } from "../../src/kafka/cluster/batch-encoder.ts"
import * as Buffers from "../../src/kafka/cluster/buffers.ts"
import { answer, begin, job, keyOf, valueOf } from "./workload.ts"

const { bootstrap, partitions, records, topic } = job()
const broker = parseBroker(bootstrap.split(",")[0]!)
const inFlight = 5

const identity = async () => {
  const pool = new ConnectionPool("bound")
  const connection: Connection = await pool.get(broker)
  const ask = promisify(initProducerIdV4.api) as (
    ...args: ReadonlyArray<unknown>
  ) => Promise<{ producerId: bigint; producerEpoch: number }>
  const answer = await ask(connection, null, 1_000, -1n, -1)
  await pool.close()
  return answer
}

const encode = async (): Promise<ReadonlyArray<Buffer>> => {
  const { producerEpoch, producerId } = await identity()
  const buffers = Buffers.make(0)
  const sequences = Array.from({ length: partitions }, () => 0)
  const requests: Array<Buffer> = []
  let made = 0
  const batch = (partition: number): Buffer => {
    const batch = new RecordBatch(buffers, batchBytes, false)
    for (; made < records; made++) {
      const record = { key: keyOf(made), value: valueOf(), headers: [], timestamp: 1_750_000_000_000 }
      const bound = sizeBound(record)
      if (batch.bytes + bound > batchBytes) break
      batch.append(record, bound)
    }
    const bytes = batch.seal("none")
    sign(bytes, { producerId, producerEpoch, baseSequence: sequences[partition]! })
    sequences[partition]! += batch.count
    return bytes
  }
  while (made < records) {
    const batches: Array<[partition: number, bytes: Buffer]> = []
    for (let partition = 0; partition < partitions && made < records; partition++)
      batches.push([partition, batch(partition)])
    const request = Writer.create()
      .appendInt16(0) // Produce
      .appendInt16(8)
      .appendInt32(requests.length)
      .appendString("bound", false)
      .appendString(null, false) // no transaction
      .appendInt16(-1) // acks=all
      .appendInt32(10_000)
      .appendArray(
        [topic],
        (w, topic) => {
          w.appendString(topic, false).appendArray(
            batches,
            (w, [partition, bytes]) => void w.appendInt32(partition).appendInt32(bytes.length).append(bytes),
            false,
            false
          )
        },
        false,
        false
      )
    requests.push(request.prependLength().buffer)
  }
  return requests
}

const requests = await encode()
const socket = connect(broker.port, broker.host)
socket.setNoDelay(true)
await once(socket, "connect")
const began = begin()
let sent = 0
let answered = 0
let rest: Buffer = Buffer.alloc(0)
const more = () => {
  while (sent < requests.length && sent - answered < inFlight) socket.write(requests[sent++]!)
}
/** Of the first partition of an answer of Produce 8. */
const errorCode = (bytes: Buffer) => bytes.readInt16BE(4 + 4 + 4 + 2 + Buffer.byteLength(topic) + 4 + 4)
await new Promise<void>((done, fail) => {
  socket.on("error", fail)
  socket.on("data", (bytes) => {
    rest = Buffer.concat([rest, bytes])
    for (let length = 0; rest.length >= 4 && rest.length >= (length = 4 + rest.readInt32BE(0));) {
      if (errorCode(rest) !== 0) fail(new Error(`the broker refuses with ${errorCode(rest)}`))
      rest = rest.subarray(length)
      answered++
    }
    if (answered === requests.length) done()
    else more()
  })
  more()
})
answer(began)
process.exit(0)
