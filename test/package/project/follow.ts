import process from "node:process"
import { connect } from "sixfold/client"

const url = process.argv[2] ?? "http://127.0.0.1:8080"
const client = await connect(url)

for (const place of ["depot", "door"]) {
  await fetch(`${url}/parcels/p-1/scans?channel=${client.channel.id}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ place })
  })
}
for await (const update of client.statuses()) {
  if (update.type === "gap") continue // some were left out; the newest of each follows
  console.log(update.event)
  if (update.event["place"] === "door") break
}
client.close()
