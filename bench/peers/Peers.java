import io.confluent.parallelconsumer.*;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.atomic.*;
import com.fasterxml.jackson.databind.*;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.processor.api.*;
import org.apache.kafka.streams.state.*;

/** Kafka Streams and Confluent's Parallel Consumer. Arguments: streams|parallel bootstrap topic output records. */
class Peers {
  static String bootstrap, topic, output;
  static int records;
  static final AtomicInteger handled = new AtomicInteger();
  static final AtomicLong began = new AtomicLong();
  static final ObjectMapper json = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    bootstrap = args[1];
    topic = args[2];
    output = args[3];
    records = Integer.parseInt(args[4]);
    if (args[0].equals("streams")) streams();
    else parallel();
    System.exit(0);
  }

  static void count() {
    if (handled.getAndIncrement() == 0) began.set(System.nanoTime());
  }

  /** Waits until the group has committed everything, and tells how long it took. */
  static void finish(String group) throws Exception {
    try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      while (handled.get() < records) Thread.sleep(5);
      long committed;
      do {
        Thread.sleep(5);
        committed = 0;
        for (var each : admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().values())
          if (each != null) committed += each.offset();
      } while (committed < records);
    }
    double seconds = (System.nanoTime() - began.get()) / 1e9;
    long rss;
    try (var lines = Files.lines(Path.of("/proc/self/status"))) {
      rss = lines.filter(line -> line.startsWith("VmRSS:")).mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024).findFirst().orElse(0);
    } catch (java.io.IOException e) {
      rss = 0;
    }
    System.out.println("{\"seconds\":" + seconds + ",\"rss\":" + rss + "}");
  }

  /** The value is parsed, the state is in RocksDB and its changelog, one record goes out; a transaction every 100 ms, the default. */
  static class Counting implements Processor<String, byte[], String, byte[]> {
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, Long> store;

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
      this.context = context;
      store = context.getStateStore("counts");
    }

    @Override
    public void process(org.apache.kafka.streams.processor.api.Record<String, byte[]> message) {
      count();
      try {
        var n = json.readTree(message.value()).get("n").asLong();
        var before = store.get(message.key());
        store.put(message.key(), before == null ? 1 : before + 1);
        context.forward(message.withValue(json.writeValueAsBytes(Map.of("n", n))));
      } catch (java.io.IOException e) {
        throw new RuntimeException(e);
      }
    }
  }

  static void streams() throws Exception {
    var topology = new Topology();
    topology.addSource("in", new StringDeserializer(), new ByteArrayDeserializer(), topic);
    topology.addProcessor("counting", Counting::new, "in");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("counts"), Serdes.String(), Serdes.Long()).withCachingEnabled(), "counting");
    topology.addSink("out", output, new StringSerializer(), new ByteArraySerializer(), "counting");
    var settings = new Properties();
    settings.put("application.id", output + ".streams");
    settings.put("bootstrap.servers", bootstrap);
    settings.put("processing.guarantee", "exactly_once_v2");
    settings.put("num.stream.threads", Math.max(1, Runtime.getRuntime().availableProcessors()));
    settings.put("replication.factor", 1);
    settings.put("auto.offset.reset", "earliest");
    settings.put("max.poll.records", 10_000);
    settings.put("producer.linger.ms", 5);
    settings.put("producer.batch.size", 512 * 1024);
    settings.put("state.dir", Files.createTempDirectory("peers").toString());
    try (var streams = new KafkaStreams(topology, settings)) {
      streams.cleanUp();
      streams.start();
      finish(output + ".streams");
      streams.close(java.time.Duration.ofSeconds(10));
      streams.cleanUp();
    }
  }

  static void parallel() throws Exception {
    var settings = new HashMap<String, Object>();
    var group = topic + ".parallel";
    settings.put("bootstrap.servers", bootstrap);
    settings.put("group.id", group);
    settings.put("enable.auto.commit", false);
    settings.put("auto.offset.reset", "earliest");
    settings.put("isolation.level", "read_committed");
    settings.put("max.poll.records", 10_000);
    var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer());
    var options = ParallelConsumerOptions.<String, byte[]>builder()
        .consumer(consumer)
        .ordering(ProcessingOrder.KEY)
        .maxConcurrency(1_000)
        // It looks inside the consumer, whose fields have other names since Kafka 4.
        .ignoreReflectiveAccessExceptionsForAutoCommitDisabledCheck(true)
        .build();
    var processor = ParallelStreamProcessor.createEosStreamProcessor(options);
    processor.subscribe(List.of(topic));
    processor.poll(context -> {
      count();
      try {
        json.readTree(context.value());
        Thread.sleep(5);
      } catch (Exception e) {
        throw new RuntimeException(e);
      }
    });
    finish(group);
    processor.closeDontDrainFirst();
  }
}
