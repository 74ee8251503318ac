/* The parts of bench/e2e that must be fast: fill a topic, drain it without doing anything, measure latency. bench/e2e/run.py
 * drives it; bench/README.md says what the figures mean.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const struct mode {
  const char *name;
  void (*run)(const struct eddy_bench_options *options);
} modes[] = {{"load", eddy_bench_load}, {"drain", eddy_bench_drain}, {"latency", eddy_bench_latency}};

static const struct option long_options[] = {
    {"brokers", required_argument, NULL, 'b'},
    {"topic", required_argument, NULL, 't'},
    {"output", required_argument, NULL, 'o'},
    {"events", required_argument, NULL, 'n'},
    {"rate", required_argument, NULL, 'r'},
    {"seed", required_argument, NULL, 's'},
    {"users", required_argument, NULL, 'u'},
    {"step-us", required_argument, NULL, 'p'},
    {"cart-share", required_argument, NULL, 'c'},
    {"zipf", required_argument, NULL, 'z'},
    {"each", required_argument, NULL, 'e'},
    {"seconds", required_argument, NULL, 'd'},
    {"warm-up", required_argument, NULL, 'w'},
    {"prefetch-kb", required_argument, NULL, 'k'},
    {"prefetch-messages", required_argument, NULL, 'm'},
    {NULL, 0, NULL, 0},
};

static uint64_t number(const char *text, uint64_t max) {
  char *end;
  unsigned long long value = strtoull(text, &end, 10);
  eddy_bench_require(*text >= '0' && *text <= '9' && *end == 0 && value <= max, "not a number, or too large");
  return value;
}

static void set(struct eddy_bench_options *options, int option) {
  switch (option) {
    case 'b': options->brokers = optarg; break;
    case 't': options->topic = optarg; break;
    case 'o': options->output = optarg; break;
    case 'k': options->prefetch_kb = optarg; break;
    case 'm': options->prefetch_messages = optarg; break;
    case 'n': options->events = number(optarg, UINT32_MAX); break;
    case 'r': options->rate = number(optarg, UINT32_MAX); break;
    case 's': options->seed = number(optarg, UINT32_MAX); break;
    case 'u': options->users = (uint32_t)number(optarg, UINT32_MAX); break;
    case 'p': options->step_us = (uint32_t)number(optarg, UINT32_MAX); break;
    case 'c': options->cart_share = (uint32_t)number(optarg, UINT32_MAX); break;
    case 'z': options->zipf = strtod(optarg, NULL); break;
    case 'e': options->each = number(optarg, 1) == 1; break;
    case 'd': options->seconds = (uint32_t)number(optarg, 3600); break;
    case 'w': options->warm_up = (uint32_t)number(optarg, 3600); break;
    default: exit(64);
  }
}

int main(int argc, char **argv) {
  struct eddy_bench_options options = {.events = 1000000, .rate = 100000, .seed = 1, .users = 1000000, .step_us = 3000,
                                       .seconds = 20, .warm_up = 5, .prefetch_kb = "1000000", .prefetch_messages = "1000000"};
  for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) set(&options, option);
  if (optind + 1 == argc && options.brokers && options.topic && options.users > 0) {
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
      if (strcmp(argv[optind], modes[i].name) == 0) return modes[i].run(&options), 0;
    }
  }
  fprintf(stderr, "usage: bench_e2e load|drain|latency --brokers HOST:PORT --topic NAME [options]\n");
  return 64;
}
