/**
 * The actor runtime beside what the same broker and the same timers do bare.
 *
 *     node bench/runtime/runtime.ts [throughput] [others] [latency] [memory] [--messages 50000] [--rounds 3]
 *
 * Default: all parts. On the embedded broker in memory, or on a real one that `KAFKA_BROKERS` names. Contestants take turns, and
 * of each the median counts; a ratio above 1 is ours ahead. Beside the clock's are printed figures that other programs disturb less: in
 * its own time (the clock's less what the main thread waited for a processor), and processor time of all threads for a message. Prints a table and
 * a line of JSON:
 *
 * - throughput: a handler that changes its state and emits one record, exactly once, beside a bare consume–transform–produce loop
 *   in transactions; a 5 ms handler over 1,000 keys beside bare promise chains per key, fed from memory or from the broker;
 * - others: 9,999 cool keys beside one that gets every 50th message and takes 1 ms for each, is parked, or (one message) takes a minute;
 * - latency: from the send to the committed output at 200 messages a second, beside the bare loop; the longest of 1,000 a second
 *   while one handler takes a minute;
 * - memory: of what only waits.
 */
import { parseArgs } from "node:util"
import { others } from "./beside.ts"
import { latency } from "./latency.ts"
import { memory } from "./memory.ts"
import { throughput } from "./throughput.ts"
import { isReal } from "./workload.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { messages: { type: "string", default: "50000" }, rounds: { type: "string", default: "3" } }
})
const [messages, rounds] = [Number(values.messages), Number(values.rounds)]
const isAsked = (part: string) => positionals.length === 0 || positionals.includes(part)

const result = {
  broker: isReal ? "real" : "embedded",
  messages,
  ...(isAsked("throughput") ? await throughput(messages, rounds) : {}),
  ...(isAsked("others") ? await others(messages, rounds) : {}),
  ...(isAsked("latency") ? await latency() : {}),
  ...(isAsked("memory") ? memory() : {})
}
console.table(result)
console.log(JSON.stringify({ bench: "runtime", ...result }))
process.exit(0)
