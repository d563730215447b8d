import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Kafka Streams, exactly_once_v2, at its best settings: one thread, since broker and client share two cores; larger batches and fetches. Arguments:
 * bootstrap topic output records.
 */
class Streams {
  public static void main(String[] args) throws Exception {
    var settings = new Properties();
    settings.put("bootstrap.servers", args[0]);
    settings.put("application.id", args[2] + ".streams");
    settings.put("processing.guarantee", "exactly_once_v2");
    settings.put("num.stream.threads", 1);
    settings.put("state.dir", System.getProperty("java.io.tmpdir") + "/" + args[2]);
    settings.put("consumer.auto.offset.reset", "earliest");
    settings.put("consumer.max.poll.records", 10_000);
    settings.put("producer.batch.size", 512 * 1024);
    settings.put("producer.linger.ms", 5);
    long records = Long.parseLong(args[3]);
    var os = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    var began = new AtomicLong();
    var cpu = new AtomicLong();
    var seen = new AtomicLong();
    var done = new CountDownLatch(1);
    var builder = new StreamsBuilder();
    builder
        .stream(args[1], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
        .peek(
            (key, value) -> {
              long n = seen.incrementAndGet();
              if (n == 1) {
                cpu.set(os.getProcessCpuTime());
                began.set(System.nanoTime());
              }
              if (n == records) done.countDown();
            })
        .to(args[2], Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    var streams = new KafkaStreams(builder.build(), settings);
    streams.start();
    done.await();
    // Closing commits what is open.
    streams.close();
    long rss = 0;
    try (var lines = Files.lines(Path.of("/proc/self/status"))) {
      var line = lines.filter(one -> one.startsWith("VmRSS:")).findFirst().orElse("0");
      rss = Long.parseLong(line.replaceAll("\\D", "")) / 1024;
    } catch (IOException e) {
      rss = 0;
    }
    System.out.println(
        "{\"seconds\":" + (System.nanoTime() - began.get()) / 1e9
            + ",\"cpu\":" + (os.getProcessCpuTime() - cpu.get()) / 1e9 + ",\"rss\":" + rss + "}");
    System.exit(0);
  }
}
