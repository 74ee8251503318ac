/* The yardstick: a consumer that does nothing with what it gets. */
#include <inttypes.h>
#include <stdio.h>

#include "bench.h"

enum { BATCH = 1024 };

struct mark {
  uint64_t events;
  double wall, cpu;
};

static struct mark take_mark(uint64_t events) { return (struct mark){events, eddy_bench_mono_s(), eddy_bench_cpu_s()}; }

static uint64_t take_batch(rd_kafka_queue_t *queue) {
  rd_kafka_message_t *messages[BATCH];
  ssize_t got = rd_kafka_consume_batch_queue(queue, 5, messages, BATCH); /* waits as long for a full batch */
  uint64_t events = 0;
  for (ssize_t i = 0; i < got; i++) {
    eddy_bench_require(messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_message_errstr(messages[i]));
    events++;
    rd_kafka_message_destroy(messages[i]);
  }
  return events;
}

/* Time is that of the second half. Processor time is that of the whole drain: what the second half needs was partly read ahead
 * in the first. */
static void print_rates(struct mark start, struct mark half, struct mark end) {
  printf("{\"events\": %" PRIu64 ", \"per_s\": %.0f, \"per_cpu_s\": %.0f}\n", end.events,
         (double)(end.events - half.events) / (end.wall - half.wall), (double)end.events / (end.cpu - start.cpu));
}

void eddy_bench_drain(const struct eddy_bench_options *options) {
  const struct eddy_bench_property properties[] = {{"group.id", "bench-drain"},
                                                   {"isolation.level", "read_committed"},
                                                   {"enable.auto.commit", "false"},
                                                   {"enable.auto.offset.store", "false"},
                                                   {"queued.min.messages", options->prefetch_messages},
                                                   {"queued.max.messages.kbytes", options->prefetch_kb},
                                                   {"socket.nagle.disable", "true"},
                                                   {NULL, NULL}};
  rd_kafka_t *client = eddy_bench_client(RD_KAFKA_CONSUMER, options->brokers, properties);
  rd_kafka_queue_t *queue = eddy_bench_read_all(client, options->topic, RD_KAFKA_OFFSET_BEGINNING);
  struct mark start = take_mark(0), half = {0}, end;
  uint64_t events = 0;
  while (events < options->events) {
    events += take_batch(queue);
    if (half.events == 0 && events >= options->events / 2) half = take_mark(events);
  }
  end = take_mark(events);
  print_rates(start, half, end);
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(client);
  rd_kafka_destroy(client);
}
