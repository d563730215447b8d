import { connect } from "sixfold/client"

/** Uploads a CSV and follows it to its end, also over lost connections and restarts of the server. */
export const importAndFollow = async (url: string, csv: string) => {
  const client = await connect(url)
  const headers = { "content-type": "text/csv" }
  await fetch(`${url}/imports?channel=${client.channel.id}`, { method: "POST", headers, body: csv })
  for await (const update of client.statuses()) {
    if (update.type === "gap") continue // some were left out; the newest follows
    console.log(update.event) // { kind: "import", state: "running", rows: { imported: 1, … }, … }
    if (update.event["state"] === "done") break
  }
  client.close()
}
