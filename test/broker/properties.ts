import { storePassword } from "./certificates.ts"

/** Who may come to the listeners that ask. */
export const user = "sixfold"
export const password = "sixfold-secret"

const mechanisms = {
  plain: `org.apache.kafka.common.security.plain.PlainLoginModule required user_${user}="${password}"`,
  "scram-sha-256": "org.apache.kafka.common.security.scram.ScramLoginModule required",
  "scram-sha-512": "org.apache.kafka.common.security.scram.ScramLoginModule required"
}
const logins = ["sasl", "sasltls"].flatMap((listener) =>
  Object.entries(mechanisms).map(
    ([mechanism, login]) => `listener.name.${listener}.${mechanism}.sasl.jaas.config=${login};`
  )
)

/**
 * The server.properties of one broker: everything replicated where there are three, and sweeps short enough for tests;
 * time-outs among the brokers long enough for a busy machine. It takes seven
 * ports in a row: plaintext, controller, SASL, one that it announces to be at the fifth, where a test may put a proxy, TLS, and SASL over TLS.
 */
export const properties = (options: {
  readonly broker: number
  readonly count: 1 | 3
  readonly port: (broker: number) => number
  readonly data: string
  readonly keyStore: string
}): string => {
  const { broker, count, data, keyStore, port } = options
  const replicas = count
  const inSync = count === 3 ? 2 : 1
  const voters = Array.from({ length: count }, (_, index) => `${index + 1}@127.0.0.1:${port(index + 1) + 1}`)
  const at = (name: string, offset: number) => `${name}://127.0.0.1:${port(broker) + offset}`
  const open = [at("PLAINTEXT", 0), at("SASL", 2), at("TLS", 5), at("SASLTLS", 6)]
  const protocols =
    "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,PROXIED:PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL"
  return `process.roles=broker,controller
node.id=${broker}
controller.quorum.voters=${voters.join(",")}
listeners=${[...open, at("CONTROLLER", 1), at("PROXIED", 3)].join(",")}
advertised.listeners=${[...open, at("PROXIED", 4)].join(",")}
listener.security.protocol.map=${protocols}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
${logins.join("\n")}
ssl.keystore.type=PKCS12
ssl.keystore.location=${keyStore}
ssl.keystore.password=${storePassword}
log.dirs=${data}
default.replication.factor=${replicas}
min.insync.replicas=${inSync}
offsets.topic.replication.factor=${replicas}
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=${replicas}
transaction.state.log.min.isr=${inSync}
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=${replicas}
share.coordinator.state.topic.min.isr=${inSync}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
num.partitions=4
auto.create.topics.enable=false
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=500
log.cleaner.backoff.ms=500
log.cleaner.min.cleanable.ratio=0.01
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=2000
controller.quorum.fetch.timeout.ms=4000
`
}
