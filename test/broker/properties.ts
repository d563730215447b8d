/**
 * The server.properties of one broker: everything replicated where there are three, and sweeps short enough for tests. It listens on five
 * ports in a row: plaintext, controller, SASL, and one that it announces to be at the fifth, where a test may put a proxy.
 */
export const properties = (options: {
  readonly broker: number
  readonly count: 1 | 3
  readonly port: (broker: number) => number
  readonly data: string
}): string => {
  const { broker, count, port, data } = options
  const replicas = count
  const inSync = count === 3 ? 2 : 1
  const voters = Array.from({ length: count }, (_, index) => `${index + 1}@127.0.0.1:${port(index + 1) + 1}`)
  return `process.roles=broker,controller
node.id=${broker}
controller.quorum.voters=${voters.join(",")}
listeners=PLAINTEXT://127.0.0.1:${port(broker)},CONTROLLER://127.0.0.1:${port(broker) + 1},SASL://127.0.0.1:${port(broker) + 2},PROXIED://127.0.0.1:${port(broker) + 3}
advertised.listeners=PLAINTEXT://127.0.0.1:${port(broker)},SASL://127.0.0.1:${port(broker) + 2},PROXIED://127.0.0.1:${port(broker) + 4}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,PROXIED:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_sixfold="sixfold-secret";
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
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
`
}
