import java.time.Duration;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/** The Java client at its best settings. Arguments: task bootstrap topic output partitions records gap. */
class Java {
  static String bootstrap, topic, output;
  static int partitions, records, gap;
  static int touched;
  static final int warmUpRecords = 200_000;

  static KafkaProducer<byte[], byte[]> producer(String transactionalId, int linger) {
    var settings = new HashMap<String, Object>();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("acks", "all");
    settings.put("enable.idempotence", true);
    settings.put("linger.ms", linger);
    settings.put("batch.size", 512 * 1024);
    settings.put("buffer.memory", 64L * 1024 * 1024);
    if (transactionalId != null) settings.put("transactional.id", transactionalId);
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  static KafkaConsumer<byte[], byte[]> consumer() {
    var settings = new HashMap<String, Object>();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("group.id", output + ".java");
    settings.put("enable.auto.commit", false);
    settings.put("auto.offset.reset", "earliest");
    settings.put("isolation.level", "read_committed");
    settings.put("max.poll.records", 10_000);
    return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  static final byte[] value = "v".repeat(200).getBytes();
  static final byte[][] keys =
      IntStream.range(0, 10_000).mapToObj(n -> String.format("%08d", n).getBytes()).toArray(byte[][]::new);

  static ProducerRecord<byte[], byte[]> record(int n) {
    return new ProducerRecord<>(topic, n % partitions, keys[n % keys.length], value);
  }

  static final com.sun.management.OperatingSystemMXBean os =
      (com.sun.management.OperatingSystemMXBean) java.lang.management.ManagementFactory.getOperatingSystemMXBean();
  static long cpuBegan;

  static long begin() {
    cpuBegan = os.getProcessCpuTime();
    return System.nanoTime();
  }

  static void answer(long began, List<Double> took) {
    double seconds = (System.nanoTime() - began) / 1e9;
    double cpu = (os.getProcessCpuTime() - cpuBegan) / 1e9;
    long rss = 0;
    try (var lines = java.nio.file.Files.lines(java.nio.file.Path.of("/proc/self/status"))) {
      rss = lines.filter(line -> line.startsWith("VmRSS:")).mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024).findFirst().orElse(0);
    } catch (java.io.IOException e) {
      rss = 0;
    }
    System.out.println("{\"seconds\":" + seconds + ",\"cpu\":" + cpu + ",\"rss\":" + rss + (took == null ? "" : ",\"took\":" + took) + "}");
  }

  public static void main(String[] args) throws Exception {
    bootstrap = args[1];
    topic = args[2];
    output = args[3];
    partitions = Integer.parseInt(args[4]);
    records = Integer.parseInt(args[5]);
    gap = Integer.parseInt(args[6]);
    switch (args[0]) {
      case "produce" -> produce();
      case "consume" -> consume();
      case "transform" -> transform();
      case "latency" -> latency();
    }
  }

  static void produce() throws Exception {
    try (var producer = producer(null, 5)) {
      for (int n = 0; n < warmUpRecords; n++) producer.send(record(n));
      producer.flush();
      long began = begin();
      for (int n = 0; n < records; n++) producer.send(record(n));
      producer.flush();
      answer(began, null);
    }
  }

  static void consume() {
    try (var consumer = consumer()) {
      long began = begin();
      consumer.assign(IntStream.range(0, partitions).mapToObj(n -> new TopicPartition(topic, n)).toList());
      consumer.seekToBeginning(consumer.assignment());
      for (int seen = 0; seen < records; ) {
        for (var one : consumer.poll(Duration.ofMillis(250))) {
          touched += one.key()[0] + one.value()[0] + one.value().length;
          seen++;
        }
      }
      answer(began, null);
    }
  }

  static void transform() {
    try (var consumer = consumer(); var producer = producer(output + ".java", 5)) {
      producer.initTransactions();
      consumer.subscribe(List.of(topic));
      long began = 0;
      for (int seen = 0; seen < records; ) {
        var polled = consumer.poll(Duration.ofMillis(250));
        if (polled.isEmpty()) continue;
        if (began == 0) began = begin();
        producer.beginTransaction();
        for (var one : polled) producer.send(new ProducerRecord<>(output, one.partition(), one.key(), one.value()));
        producer.sendOffsetsToTransaction(polled.nextOffsets(), consumer.groupMetadata());
        producer.commitTransaction();
        seen += polled.count();
      }
      answer(began, null);
    }
  }

  static void latency() throws Exception {
    try (var producer = producer(topic + ".java", 0)) {
      producer.initTransactions();
      var took = new ArrayList<Double>();
      long began = begin();
      for (int n = -20; n < records && (n < 1 || System.nanoTime() - began < 10e9); n++) {
        if (n == 0) began = begin();
        if (gap > 0 && n >= 0) Thread.sleep(gap);
        long start = System.nanoTime();
        producer.beginTransaction();
        producer.send(record(n + 20));
        producer.commitTransaction();
        if (n >= 0) took.add((System.nanoTime() - start) / 1e6);
      }
      answer(began, took);
    }
  }
}
