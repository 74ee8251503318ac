/* What was published: against the oracle, and against itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim/protocol/input.h"
#include "sim/protocol/oracle.h"
#include "sim/protocol/oracle_state.h"
#include "sim/protocol/sim.h"

static int user_of(const char *line) {
  char user[32] = "";
  output_text(line, "user_id", user, sizeof user);
  return (user[1] - '0') % (INPUT_USERS + 1);
}

/* Triggers ---------------------------------------------------------------------------------------------------------------- */

/* When a deadline is noticed depends on how the work was cut into slices, and whether an idle profile is there when it is
 * erased on the sweep, so these may differ; all else must not. */
static void normalise(struct outputs *outputs) {
  static const char *const fields[] = {"fired_at", "published_at", "late", "effect", "had_profile"};
  for (size_t i = 0; i < outputs->count; i++) {
    for (size_t j = 0; j < sizeof fields / sizeof *fields; j++) output_cut(outputs->lines[i], fields[j]);
  }
  outputs_sort(outputs);
}

/* Triggers and receipts: the oracle's, no more and no less. */
static void report(struct sim *sim, const struct oracle *oracle, const char *what, const char *line) {
  if (!oracle->unclear[user_of(line)]) sim_violation(sim, "%s: %s", what, line);
}

static void check_decided(struct sim *sim, int partition, struct oracle *oracle) {
  struct outputs found = {0};
  outputs_read(&found, sim, EDDY_OUTPUT_TRIGGER, partition);
  outputs_read(&found, sim, EDDY_OUTPUT_SUPPRESSED, partition);
  outputs_read(&found, sim, EDDY_OUTPUT_RECEIPT, partition);
  normalise(&found);
  normalise(&oracle->decided);
  size_t i = 0, j = 0;
  while (i < found.count || j < oracle->decided.count) {
    const char *a = i < found.count ? found.lines[i] : NULL, *b = j < oracle->decided.count ? oracle->decided.lines[j] : NULL;
    int order = !a ? 1 : !b ? -1 : strcmp(a, b);
    if (order < 0) report(sim, oracle, "doubled, invented or wrong", a);
    if (order > 0) report(sim, oracle, "lost", b);
    i += order <= 0;
    j += order >= 0;
  }
  outputs_fini(&found);
}

/* Timers are never early, and time in outputs never goes back. Records of one topic are in the order of their numbers. */
static void check_times(struct sim *sim, int partition) {
  struct outputs found = {0};
  int64_t last = INT64_MIN;
  outputs_read(&found, sim, EDDY_OUTPUT_TRIGGER, partition);
  for (size_t i = 0; i < found.count; i++) {
    int64_t due = 0, fired = 0;
    output_number(found.lines[i], "due_at", &due);
    output_number(found.lines[i], "fired_at", &fired);
    if (fired < due) sim_violation(sim, "timer early: %s", found.lines[i]);
    if (fired < last) sim_violation(sim, "time went back: %s", found.lines[i]);
    last = fired;
  }
  outputs_fini(&found);
}

/* Numbers ----------------------------------------------------------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static size_t numbers_of(struct sim *sim, int output, int partition, int64_t **numbers, size_t count) {
  struct outputs found = {0};
  int64_t last = -1;
  outputs_read(&found, sim, output, partition);
  *numbers = realloc(*numbers, (count + found.count + 1) * sizeof **numbers);
  EDDY_ASSERT(*numbers != NULL);
  for (size_t i = 0; i < found.count; i++) {
    int64_t number = -1;
    output_number(found.lines[i], "effect", &number);
    if (number <= last) sim_violation(sim, "effect numbers out of order: %s", found.lines[i]);
    last = number;
    (*numbers)[count++] = number;
  }
  outputs_fini(&found);
  return count;
}

static void check_numbers(struct sim *sim, int partition) {
  int64_t *numbers = NULL;
  size_t count = 0;
  for (int output = 0; output < EDDY_OUTPUT_COUNT; output++) {
    if (output == EDDY_OUTPUT_MODEL || output == EDDY_OUTPUT_SEGMENT) continue;
    count = numbers_of(sim, output, partition, &numbers, count);
  }
  if (count > 0) qsort(numbers, count, sizeof *numbers, compare_numbers);
  for (size_t i = 1; i < count; i++) {
    if (numbers[i] == numbers[i - 1]) sim_violation(sim, "effect number %lld twice in %d", (long long)numbers[i], partition);
  }
  if (count > 0 && (uint64_t)(numbers[count - 1] - numbers[0]) + 1 > count) {
    sim_violation(sim, "effect numbers have gaps: %zu up to %lld in partition %d", count, (long long)numbers[count - 1],
                  partition);
  }
  if (count > 0 && numbers[0] > 1) {
    sim_violation(sim, "effect numbers begin at %lld in partition %d", (long long)numbers[0], partition);
  }
  free(numbers);
}

/* Segments ---------------------------------------------------------------------------------------------------------------- */

/* from = previous to. An erasure ends a chain without a word, but with a receipt. */
static void check_chain(struct sim *sim, int partition, struct oracle *oracle) {
  struct outputs found = {0}, receipts = {0};
  int erasures[INPUT_USERS + 1] = {0};
  for (int i = 0; i <= INPUT_USERS; i++) oracle->segments[i] = -1;
  outputs_read(&receipts, sim, EDDY_OUTPUT_RECEIPT, partition);
  for (size_t i = 0; i < receipts.count; i++) erasures[user_of(receipts.lines[i])]++;
  outputs_read(&found, sim, EDDY_OUTPUT_SEGMENT_CHANGE, partition);
  for (size_t i = 0; i < found.count; i++) {
    int user = user_of(found.lines[i]);
    sim_trace(sim, "published: %.140s", found.lines[i]);
    int64_t from = -1, to = -1, *last = &oracle->segments[user];
    if (!output_number(found.lines[i], "from", &from)) from = -1;
    if (!output_number(found.lines[i], "to", &to)) to = -1;
    bool reborn = from == -1 && erasures[user] > 0;
    if (from != *last && !reborn) sim_violation(sim, "segment chain: after ->%lld: %s", (long long)*last, found.lines[i]);
    if (from != *last && reborn) erasures[user]--;
    *last = to;
  }
  for (int i = 0; i <= INPUT_USERS; i++) oracle->may_be_reborn[i] = erasures[i] > 0;
  outputs_fini(&found);
  outputs_fini(&receipts);
}

void check_outputs(struct sim *sim, int partition, struct oracle *oracle) {
  check_decided(sim, partition, oracle);
  check_times(sim, partition);
  check_numbers(sim, partition);
  check_chain(sim, partition, oracle);
}
