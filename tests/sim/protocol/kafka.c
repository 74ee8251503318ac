#include "sim/protocol/kafka.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

kafka_places kafka_place(int topic, int partition) {
  return UINT64_C(1) << (topic * KAFKA_PARTITIONS_MAX + partition);
}

void kafka_init(struct kafka *kafka, struct eddy_rng *rng, int topics, int partitions, int processes) {
  EDDY_ASSERT(topics <= KAFKA_TOPICS_MAX && partitions <= KAFKA_PARTITIONS_MAX && processes <= KAFKA_PROCESSES_MAX);
  *kafka = (struct kafka){
      .rng = rng, .topics = topics, .partitions = partitions, .processes = processes, .generation = 1, .next_member = 1};
  for (int i = 0; i < partitions; i++) {
    kafka->owner[i] = -1;
    kafka->target[i] = i % processes;
  }
}

static void free_log(struct kafka_log *log) {
  for (int64_t i = 0; i < log->count; i++) {
    free(log->entries[i].key);
    free(log->entries[i].value);
  }
  free(log->entries);
}

void kafka_fini(struct kafka *kafka) {
  for (int i = 0; i < kafka->topics; i++) {
    for (int j = 0; j < kafka->partitions; j++) free_log(&kafka->logs[i][j]);
  }
  for (size_t i = 0; i < kafka->txn_count; i++) free(kafka->txns[i]);
  free(kafka->txns);
}

/* Logs ---------------------------------------------------------------------------------------------------------------------*/

static void *copy(const void *bytes, size_t size) {
  if (!bytes) return NULL;
  void *copied = malloc(size + 1); /* never of size 0 */
  EDDY_ASSERT(copied != NULL);
  memcpy(copied, bytes, size);
  return copied;
}

int64_t kafka_append(struct kafka *kafka, int topic, int partition, struct kafka_txn *txn, const void *key, size_t key_size,
                     const void *value, size_t value_size, int64_t time) {
  struct kafka_log *log = &kafka->logs[topic][partition];
  if (log->count == log->capacity) {
    log->capacity = log->capacity ? 2 * log->capacity : 64;
    log->entries = realloc(log->entries, (size_t)log->capacity * sizeof *log->entries);
    EDDY_ASSERT(log->entries != NULL);
  }
  log->entries[log->count] = (struct kafka_entry){.txn = txn,
                                                  .key = copy(key, key_size),
                                                  .key_size = key_size,
                                                  .value = copy(value, value_size),
                                                  .value_size = value_size,
                                                  .time = time};
  if (txn) txn->touched |= kafka_place(topic, partition);
  return log->count++;
}

static bool undecided(const struct kafka_entry *entry, kafka_places place) {
  return entry->txn && (entry->txn->state == KAFKA_TXN_OPEN || (entry->txn->waiting & place));
}

static bool visible(const struct kafka_entry *entry) {
  return !entry->gone && (!entry->txn || entry->txn->state == KAFKA_TXN_COMMITTED);
}

const struct kafka_entry *kafka_read(const struct kafka *kafka, int topic, int partition, int64_t *offset) {
  const struct kafka_log *log = &kafka->logs[topic][partition];
  kafka_places place = kafka_place(topic, partition);
  for (; *offset < log->count; (*offset)++) {
    const struct kafka_entry *entry = &log->entries[*offset];
    if (undecided(entry, place)) return NULL;
    if (visible(entry)) return entry;
  }
  return NULL;
}

int64_t kafka_stable_end(const struct kafka *kafka, int topic, int partition) {
  const struct kafka_log *log = &kafka->logs[topic][partition];
  int64_t end = 0;
  while (end < log->count && !undecided(&log->entries[end], kafka_place(topic, partition))) end++;
  return end;
}

static bool same_key(const struct kafka_entry *a, const struct kafka_entry *b) {
  return a->key_size == b->key_size && memcmp(a->key, b->key, a->key_size) == 0;
}

void kafka_compact(struct kafka *kafka, int topic, int partition, bool tombstones) {
  struct kafka_log *log = &kafka->logs[topic][partition];
  int64_t end = kafka_stable_end(kafka, topic, partition);
  for (int64_t i = end - 1; i >= 0; i--) {
    struct kafka_entry *entry = &log->entries[i];
    if (!visible(entry)) entry->gone = true;
    for (int64_t j = i - 1; j >= 0 && !entry->gone; j--) {
      if (same_key(entry, &log->entries[j])) log->entries[j].gone = true;
    }
  }
  for (int64_t i = 0; i < end && tombstones; i++) {
    if (!log->entries[i].value) log->entries[i].gone = true;
  }
}

/* Transactions -------------------------------------------------------------------------------------------------------------*/

bool kafka_is_fenced(const struct kafka *kafka, int process, uint32_t epoch) {
  return kafka->epochs[process] != epoch;
}

struct kafka_txn *kafka_begin(struct kafka *kafka, int process, uint32_t epoch, int64_t now) {
  if (kafka->txn_count == kafka->txn_capacity) {
    kafka->txn_capacity = kafka->txn_capacity ? 2 * kafka->txn_capacity : 64;
    kafka->txns = realloc(kafka->txns, kafka->txn_capacity * sizeof(*kafka->txns));
    EDDY_ASSERT(kafka->txns != NULL);
  }
  struct kafka_txn *txn = calloc(1, sizeof *txn);
  EDDY_ASSERT(txn != NULL);
  *txn = (struct kafka_txn){.process = process, .epoch = epoch, .started = now};
  kafka->txns[kafka->txn_count++] = txn;
  return txn;
}

void kafka_end(struct kafka *kafka, struct kafka_txn *txn, bool commit) {
  EDDY_ASSERT(txn->state == KAFKA_TXN_OPEN);
  txn->state = commit ? KAFKA_TXN_COMMITTED : KAFKA_TXN_ABORTED;
  txn->waiting = txn->touched;
  if (kafka->decided) kafka->decided(kafka->ctx, txn);
}

void kafka_deliver(struct kafka *kafka, struct kafka_txn *txn, kafka_places place) {
  if (!(txn->waiting & place)) return;
  txn->waiting &= ~place;
  if (place != KAFKA_PLACE_OFFSETS || txn->state != KAFKA_TXN_COMMITTED) return;
  for (int i = 0; i < kafka->partitions; i++) {
    if (txn->offsets[i].set) kafka->committed[i] = txn->offsets[i];
  }
}

void kafka_deliver_all(struct kafka *kafka, struct kafka_txn *txn) {
  for (kafka_places left = txn->waiting; left; left &= left - 1) kafka_deliver(kafka, txn, left & -left);
}

bool kafka_deliver_one(struct kafka *kafka) {
  size_t found = 0;
  struct kafka_txn *chosen = NULL;
  for (size_t i = 0; i < kafka->txn_count; i++) {
    if (kafka->txns[i]->waiting && eddy_rng_below(kafka->rng, ++found) == 0) chosen = kafka->txns[i];
  }
  if (!chosen) return false;
  kafka_places left = chosen->waiting;
  for (uint64_t skip = eddy_rng_below(kafka->rng, (uint64_t)__builtin_popcountll(left)); skip > 0; skip--) left &= left - 1;
  kafka_deliver(kafka, chosen, left & -left);
  return true;
}

void kafka_settle(struct kafka *kafka) {
  for (size_t i = 0; i < kafka->txn_count; i++) kafka_deliver_all(kafka, kafka->txns[i]);
}

uint32_t kafka_init_producer(struct kafka *kafka, int process) {
  for (size_t i = 0; i < kafka->txn_count; i++) {
    struct kafka_txn *txn = kafka->txns[i];
    if (txn->process != process) continue;
    if (txn->state == KAFKA_TXN_OPEN) kafka_end(kafka, txn, false);
    kafka_deliver_all(kafka, txn);
  }
  return ++kafka->epochs[process];
}

void kafka_expire(struct kafka *kafka, int64_t now) {
  for (size_t i = 0; i < kafka->txn_count; i++) {
    struct kafka_txn *txn = kafka->txns[i];
    if (txn->state != KAFKA_TXN_OPEN || now - txn->started < KAFKA_TXN_TIMEOUT_MS) continue;
    kafka_end(kafka, txn, false);
    kafka->epochs[txn->process]++;
  }
}

/* Group --------------------------------------------------------------------------------------------------------------------*/

enum kafka_verdict kafka_judge_member(const struct kafka *kafka, int process, uint64_t member, int32_t generation) {
  const struct kafka_member *known = &kafka->members[process];
  if (!known->present) return KAFKA_UNKNOWN_MEMBER;
  if (known->id != member) return KAFKA_FENCED_INSTANCE;
  return generation == kafka->generation ? KAFKA_FINE : KAFKA_ILLEGAL_GENERATION;
}

uint64_t kafka_join(struct kafka *kafka, int process) {
  struct kafka_member *member = &kafka->members[process];
  if (!member->present) kafka->generation++;
  *member = (struct kafka_member){.present = true, .id = kafka->next_member++};
  return member->id;
}

void kafka_kick(struct kafka *kafka, int process) {
  if (!kafka->members[process].present) return;
  kafka->members[process].present = false;
  kafka->generation++;
  for (int i = 0; i < kafka->partitions; i++) {
    if (kafka->owner[i] == process) kafka->owner[i] = -1;
  }
}

bool kafka_committed(const struct kafka *kafka, int partition, struct kafka_offset *offset) {
  for (size_t i = 0; i < kafka->txn_count; i++) {
    const struct kafka_txn *txn = kafka->txns[i];
    if (!txn->offsets[partition].set) continue;
    if (txn->state == KAFKA_TXN_OPEN || (txn->waiting & KAFKA_PLACE_OFFSETS)) return false;
  }
  *offset = kafka->committed[partition];
  return true;
}
