#include "daemon/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "daemon/log_line.h"

enum { SLOTS = 64, HELD_FIELDS_MAX = 1001, HELD_MESSAGE_MAX = 120 };

/* A message that was written lately. */
struct slot {
  uint64_t hash; /* of level and message; 0: free */
  int64_t begin; /* of its ten seconds */
  uint32_t count;
  uint32_t held;
  enum eddy_log_level level;
  char message[HELD_MESSAGE_MAX];
  char fields[HELD_FIELDS_MAX]; /* of the newest held one */
};

struct eddy_log_writer {
  pthread_mutex_t lock;
  struct eddy_log_options options;
  struct eddy_log_line line;
  struct slot slots[SLOTS];
};

static int64_t wall_clock(void *ctx) {
  (void)ctx;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_line(struct eddy_log_writer *writer, int64_t time, enum eddy_log_level level, const char *message,
                       const char *fields, uint64_t repeated) {
  eddy_log_line_make(&writer->line, time, level, message, fields, repeated);
  fwrite(writer->line.text, 1, writer->line.size, writer->options.out);
  fflush(writer->options.out);
}

static void release(struct eddy_log_writer *writer, struct slot *slot, int64_t now) {
  if (slot->held) write_line(writer, now, slot->level, slot->message, slot->fields[0] ? slot->fields : NULL, slot->held);
  slot->hash = 0;
  slot->held = 0;
}

/* A clock that was set back ends the ten seconds as well. */
static bool is_over(const struct slot *slot, int64_t now) {
  return slot->hash != 0 && (now - slot->begin >= EDDY_LOG_WINDOW_MS || now < slot->begin);
}

static void release_over(struct eddy_log_writer *writer, int64_t now) {
  for (int i = 0; i < SLOTS; i++)
    if (is_over(&writer->slots[i], now)) release(writer, &writer->slots[i], now);
}

/* The message's slot: its own, a free one, or that of the message that began first. */
static struct slot *find_slot(struct eddy_log_writer *writer, uint64_t hash) {
  struct slot *best = &writer->slots[0];
  for (int i = 0; i < SLOTS; i++) {
    struct slot *slot = &writer->slots[i];
    if (slot->hash == hash) return slot;
    if (best->hash != 0 && (slot->hash == 0 || slot->begin < best->begin)) best = slot;
  }
  return best;
}

static struct slot *take_slot(struct eddy_log_writer *writer, enum eddy_log_level level, const char *message, int64_t now) {
  uint64_t hash = eddy_hash_mix(eddy_hash_stable(message, strlen(message)) + (uint64_t)level) | 1;
  struct slot *slot = find_slot(writer, hash);
  if (slot->hash == hash) return slot;
  release(writer, slot, now);
  *slot = (struct slot){.hash = hash, .begin = now, .level = level};
  snprintf(slot->message, sizeof slot->message, "%s", message);
  return slot;
}

static void write_message(void *ctx, enum eddy_log_level level, const char *message, const char *fields) {
  struct eddy_log_writer *writer = ctx;
  pthread_mutex_lock(&writer->lock);
  int64_t now = writer->options.clock(writer->options.clock_ctx);
  release_over(writer, now);
  struct slot *slot = take_slot(writer, level, message, now);
  if (slot->count++ < EDDY_LOG_BURST) {
    write_line(writer, now, level, message, fields, 0);
  } else {
    slot->held++;
    snprintf(slot->fields, sizeof slot->fields, "%s", fields ? fields : "");
  }
  pthread_mutex_unlock(&writer->lock);
}

int eddy_log_open(struct eddy_log_writer **writer, const struct eddy_log_options *options) {
  *writer = calloc(1, sizeof **writer);
  if (!*writer) return -1;
  (*writer)->options = *options;
  if (!options->out) (*writer)->options.out = stderr;
  if (!options->clock) (*writer)->options.clock = wall_clock;
  (*writer)->line.json = options->json;
  pthread_mutex_init(&(*writer)->lock, NULL);
  return 0;
}

void eddy_log_close(struct eddy_log_writer *writer) {
  if (!writer) return;
  int64_t now = writer->options.clock(writer->options.clock_ctx);
  for (int i = 0; i < SLOTS; i++) release(writer, &writer->slots[i], now);
  pthread_mutex_destroy(&writer->lock);
  free(writer);
}

struct eddy_logger eddy_log_logger(struct eddy_log_writer *writer) {
  return (struct eddy_logger){write_message, writer, writer->options.level};
}

void eddy_log_flush(struct eddy_log_writer *writer) {
  pthread_mutex_lock(&writer->lock);
  release_over(writer, writer->options.clock(writer->options.clock_ctx));
  pthread_mutex_unlock(&writer->lock);
}
