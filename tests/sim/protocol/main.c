/* The protocol simulator (issue "nothing lost, nothing doubled"): seeds that attack the recovery protocol.
 *
 *   sim_protocol_run --seeds N [--first S]     N seeds: none may break anything
 *   sim_protocol_run --seed S [--trace]        one
 *   sim_protocol_run --ablate [--seeds N]      with each rule switched off in turn one of N seeds must break; --count: how many
 * do
 *   ... --without RULE                         with one rule switched off
 *   ... --apart                                each seed in a process of its own: goes on after a broken invariant
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/rules.h"
#include "sim/protocol/sim.h"
#include "sim/protocol/world.h"

enum { WHY = 512, SEED_SECONDS = 60 };

struct options {
  uint64_t first, seeds;
  bool trace, ablate, apart, count;
};

static const char *const rule_names[] = {
#define X(name, text) #name,
    EDDY_RULES(X)
#undef X
};

static char running[64];

/* A broken invariant ends the process: say which seed it was. */
static void on_abort(int signal_number) {
  ssize_t written = write(STDOUT_FILENO, running, strlen(running));
  (void)written;
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

static bool run(uint64_t seed, bool trace, char why[WHY]) {
  struct sim_options options = {.seed = seed, .trace = trace};
  snprintf(running, sizeof running, "seed %llu ends the process\n", (unsigned long long)seed);
  return sim_run(&options, why, WHY);
}

/* In a process of its own, since a broken invariant ends it. Answers what broke, "" = nothing. */
static void run_apart(uint64_t seed, char why[WHY]) {
  int channel[2];
  why[0] = '\0';
  if (pipe(channel) != 0) return;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    char text[WHY] = "";
    alarm(SEED_SECONDS);
    if (!freopen("/dev/null", "w", stderr)) _exit(2);
    signal(SIGABRT, SIG_DFL);
    bool fine = run(seed, false, text);
    ssize_t written = fine ? 0 : write(channel[1], text, strlen(text));
    (void)written;
    _exit(fine ? 0 : 1);
  }
  close(channel[1]);
  ssize_t got = read(channel[0], why, WHY - 1);
  why[got > 0 ? got : 0] = '\0';
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) snprintf(why, WHY, "%s", WTERMSIG(status) == SIGALRM ? "does not end" : "a broken invariant");
}

static int run_seeds(const struct options *options) {
  uint64_t broken = 0;
  char why[WHY];
  for (uint64_t i = 0; i < options->seeds; i++) {
    uint64_t seed = options->first + i;
    if (options->apart) {
      run_apart(seed, why);
    } else {
      run(seed, options->trace, why);
    }
    if (!why[0]) continue;
    broken++;
    printf("seed %llu: %s\n    alone: sim_protocol_run --seed %llu --trace\n", (unsigned long long)seed, why,
           (unsigned long long)seed);
    fflush(stdout);
  }
  printf("%llu seeds from %llu on, %llu broken\n", (unsigned long long)options->seeds, (unsigned long long)options->first,
         (unsigned long long)broken);
  return broken > 0;
}

/* Ablation ---------------------------------------------------------------------------------------------------------------- */

static int ablate(const struct options *options) {
  int unnoticed = 0;
  for (int rule = 0; rule < EDDY_RULE_COUNT; rule++) {
    uint64_t broken = 0, at = 0;
    char why[WHY], first[WHY] = "";
    eddy_rules_off = 1u << rule;
    uint64_t tried = 0;
    while (tried < options->seeds && (broken == 0 || options->count)) {
      run_apart(options->first + tried++, why);
      if (!why[0]) continue;
      if (broken++ > 0) continue;
      at = options->first + tried - 1;
      memcpy(first, why, WHY);
    }
    printf("without %-26s %4llu of %llu seeds break", rule_names[rule], (unsigned long long)broken, (unsigned long long)tried);
    printf(broken ? ", first %llu: %.150s\n" : "\n", (unsigned long long)at, first);
    fflush(stdout);
    unnoticed += broken == 0;
  }
  if (unnoticed) printf("%d rules are switched off unnoticed\n", unnoticed);
  return unnoticed > 0;
}

/* Options ----------------------------------------------------------------------------------------------------------------- */

static int switch_off(const char *name) {
  for (int rule = 0; rule < EDDY_RULE_COUNT; rule++) {
    if (strcmp(rule_names[rule], name) != 0) continue;
    eddy_rules_off |= 1u << rule;
    return 0;
  }
  fprintf(stderr, "sim_protocol_run: there is no rule %s\n", name);
  return -1;
}

static int read_options(int argc, char **argv, struct options *options) {
  *options = (struct options){.seeds = 1000};
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "0";
    if (strcmp(argv[i], "--trace") == 0) {
      options->trace = true;
    } else if (strcmp(argv[i], "--ablate") == 0) {
      options->ablate = true;
    } else if (strcmp(argv[i], "--count") == 0) {
      options->count = true;
    } else if (strcmp(argv[i], "--apart") == 0) {
      options->apart = true;
    } else if (strcmp(argv[i], "--seeds") == 0) {
      options->seeds = strtoull(value, NULL, 10), i++;
    } else if (strcmp(argv[i], "--first") == 0) {
      options->first = strtoull(value, NULL, 10), i++;
    } else if (strcmp(argv[i], "--seed") == 0) {
      options->first = strtoull(value, NULL, 10), options->seeds = 1, i++;
    } else if (strcmp(argv[i], "--without") != 0 || switch_off(value) != 0) {
      fprintf(stderr,
              "usage: sim_protocol_run [--seeds N] [--first S] [--seed S] [--trace] [--ablate [--count]] [--apart] [--without "
              "RULE]\n");
      return -1;
    } else {
      i++;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  struct options options;
  if (read_options(argc, argv, &options) != 0) return 2;
  if (options.trace) setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGABRT, on_abort);
  int status = options.ablate ? ablate(&options) : run_seeds(&options);
  world_fini();
  return status;
}
