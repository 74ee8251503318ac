/* What the modes of bench_e2e share: options, clocks, Kafka clients. Each mode prints one JSON object on stdout and ends the
 * process when something fails: a benchmark that goes on after an error measures something else.
 */
#ifndef EDDY_BENCH_E2E_H
#define EDDY_BENCH_E2E_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct eddy_bench_options {
  const char *brokers, *topic;
  const char *output; /* latency: topic of segment changes */
  uint64_t events, rate, seed;
  uint32_t users;
  uint32_t step_us;   /* load: event time between two events */
  uint32_t cart_share; /* load: every n-th user has a cart of three lines in front; 0 = none */
  double zipf;         /* load: exponent, 0 = users are drawn evenly */
  bool each;           /* load: the first events are one for each user */
  uint32_t seconds, warm_up;
  const char *prefetch_kb, *prefetch_messages; /* drain */
};

void eddy_bench_load(const struct eddy_bench_options *options);
void eddy_bench_drain(const struct eddy_bench_options *options);
void eddy_bench_latency(const struct eddy_bench_options *options);

/* Ends the process with `what` on stderr unless `fine`. */
void eddy_bench_require(bool fine, const char *what);
int64_t eddy_bench_wall_ms(void);
void eddy_bench_sleep_ms(int64_t ms);
double eddy_bench_mono_s(void);
/* Processor time of this process, user and system. */
double eddy_bench_cpu_s(void);

struct eddy_bench_property {
  const char *name, *value;
};
/* A client with these properties, up to a NULL name. A producer ends the process when an event cannot be delivered. */
rd_kafka_t *eddy_bench_client(rd_kafka_type_t type, const char *brokers, const struct eddy_bench_property *properties);
/* Waits for a topic that was just made. */
int32_t eddy_bench_partitions(rd_kafka_t *client, const char *topic);
/* Assigns all partitions of a topic from `offset` on, without a group, and returns the consumer's queue. */
rd_kafka_queue_t *eddy_bench_read_all(rd_kafka_t *client, const char *topic, int64_t offset);

#endif
