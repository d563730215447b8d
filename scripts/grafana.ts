// `npm run grafana`: writes docs/grafana.json, a dashboard of every metric in docs/operations.md. Panels are data; the rest of the
// format is the same for all.
import { writeFileSync } from "node:fs"

interface Panel {
  readonly title: string
  readonly unit: "short" | "s" | "bytes" | "ops"
  /** PromQL, and the legend of its series. */
  readonly queries: ReadonlyArray<readonly [expr: string, legend: string]>
}
interface Row {
  readonly title: string
  readonly panels: ReadonlyArray<Panel>
}

const of = 'job=~"$job",instance=~"$instance"'
const quantile = (q: number, metric: string) =>
  `histogram_quantile(${q}, sum by (le, actor) (rate(${metric}_bucket{${of},actor=~"$actor"}[$__rate_interval])))`

const rows: ReadonlyArray<Row> = [
  {
    title: "Is anything stuck?",
    panels: [
      {
        title: "Replicas by state",
        unit: "short",
        queries: [[`sum by (state) (sixfold_replica_state{${of},actor=~"$actor"})`, "{{state}}"]]
      },
      {
        title: "Partitions held",
        unit: "short",
        queries: [[`sum by (actor) (sixfold_partition_held{${of},actor=~"$actor"})`, "{{actor}}"]]
      },
      {
        title: "Dead letters",
        unit: "short",
        queries: [[`max by (actor) (sixfold_dead_letters{${of},actor=~"$actor"})`, "{{actor}}"]]
      },
      {
        title: "Age of the oldest dead letter",
        unit: "s",
        queries: [
          [
            `time() - min by (actor) (sixfold_dead_letters_oldest_timestamp_seconds{${of},actor=~"$actor"})`,
            "{{actor}}"
          ]
        ]
      },
      {
        title: "Restarts in ten minutes",
        unit: "short",
        queries: [
          [`sum by (actor) (increase(sixfold_replica_restarts_total{${of},actor=~"$actor"}[10m]))`, "{{actor}}"]
        ]
      }
    ]
  },
  {
    title: "Work",
    panels: [
      {
        title: "Lag",
        unit: "short",
        queries: [[`sum by (actor) (sixfold_partition_lag{${of},actor=~"$actor"})`, "{{actor}}"]]
      },
      {
        title: "Turns by ending",
        unit: "ops",
        queries: [
          [
            `sum by (actor, ending) (rate(sixfold_turns_total{${of},actor=~"$actor"}[$__rate_interval]))`,
            "{{actor}} {{ending}}"
          ]
        ]
      },
      {
        title: "In flight and parked",
        unit: "short",
        queries: [
          [`sum by (actor) (sixfold_partition_in_flight{${of},actor=~"$actor"})`, "{{actor}} in flight"],
          [`sum by (actor) (sixfold_partition_parked{${of},actor=~"$actor"})`, "{{actor}} parked"]
        ]
      },
      {
        title: "Handler time",
        unit: "s",
        queries: [
          [quantile(0.5, "sixfold_handler_seconds"), "{{actor}} p50"],
          [quantile(0.99, "sixfold_handler_seconds"), "{{actor}} p99"]
        ]
      }
    ]
  },
  {
    title: "Settling",
    panels: [
      { title: "Settle time, p99", unit: "s", queries: [[quantile(0.99, "sixfold_settle_seconds"), "{{actor}}"]] },
      {
        title: "Turns per settle, median",
        unit: "short",
        queries: [[quantile(0.5, "sixfold_settle_turns"), "{{actor}}"]]
      },
      {
        title: "Settles that did not commit",
        unit: "ops",
        queries: [
          [
            `sum by (actor, outcome) (rate(sixfold_settle_failures_total{${of},actor=~"$actor"}[$__rate_interval]))`,
            "{{actor}} {{outcome}}"
          ]
        ]
      }
    ]
  },
  {
    title: "Processes",
    panels: [
      {
        title: "Memory",
        unit: "bytes",
        queries: [
          [`process_resident_memory_bytes{${of}}`, "{{instance}}"],
          [`nodejs_heap_size_used_bytes{${of}}`, "{{instance}} heap"],
          [`nodejs_external_memory_bytes{${of}}`, "{{instance}} buffers"]
        ]
      },
      {
        title: "Processor",
        unit: "s",
        queries: [[`rate(process_cpu_seconds_total{${of}}[$__rate_interval])`, "{{instance}}"]]
      },
      { title: "Open WebSockets", unit: "short", queries: [[`sixfold_gateway_sockets{${of}}`, "{{instance}}"]] },
      {
        title: "Entries of stores",
        unit: "short",
        queries: [
          [`sixfold_kv_entries{${of}}`, "{{store}} {{instance}}"],
          [`sixfold_kv_undecodable{${of}}`, "{{store}} {{instance}} undecodable"]
        ]
      }
    ]
  }
]

const datasource = { type: "prometheus", uid: "${datasource}" }
const [width, height] = [6, 8]

const panel = ({ queries, title, unit }: Panel, id: number, x: number, y: number) => ({
  id,
  type: "timeseries",
  title,
  datasource,
  gridPos: { x, y, w: width, h: height },
  fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
  options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
  targets: queries.map(([expr, legendFormat], n) => ({
    refId: String.fromCharCode(65 + n),
    datasource,
    expr,
    legendFormat
  }))
})

const variable = (name: string, query: string) => ({
  name,
  label: name,
  type: "query",
  datasource,
  query: { query, refId: name },
  refresh: 2,
  multi: true,
  includeAll: true,
  current: { text: "All", value: "$__all" }
})

export const dashboard = {
  title: "Sixfold",
  uid: "sixfold",
  schemaVersion: 39,
  version: 1,
  tags: ["sixfold"],
  time: { from: "now-1h", to: "now" },
  refresh: "30s",
  templating: {
    list: [
      { name: "datasource", label: "data source", type: "datasource", query: "prometheus" },
      variable("job", "label_values(sixfold_replica_state, job)"),
      variable("instance", 'label_values(sixfold_replica_state{job=~"$job"}, instance)'),
      variable("actor", 'label_values(sixfold_replica_state{job=~"$job"}, actor)')
    ]
  },
  panels: rows.flatMap(({ panels, title }, row) => {
    const y = row * (height + 1)
    return [
      { id: row * 10 + 1, type: "row", title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] },
      ...panels.map((each, n) => panel(each, row * 10 + 2 + n, n * width, y + 1))
    ]
  })
}

export const text = `${JSON.stringify(dashboard, null, 2)}\n`

if (import.meta.main) writeFileSync(new URL("../docs/grafana.json", import.meta.url), text)
