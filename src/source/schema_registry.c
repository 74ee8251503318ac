#include "source/schema_registry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/rng.h"

enum {
  KNOWN_MAX = 10000,
  SLOTS = 32768,      /* at most a third is used */
  MISSING_MAX = 1024, /* ids that do not exist, newest ones */
  ASKED_MAX = 64,     /* waiting to be asked; what does not fit is asked again by those who wait */
  WAIT_MIN_MS = 250,
  WAIT_MAX_MS = 10000,
  MINUTE_MS = 60000,
};

struct known_schema {
  char *text; /* NULL: free; "": cannot be used */
  size_t size;
  uint32_t id;
};

struct missing_id {
  uint32_t id;
  int64_t until; /* monotonic, ms; 0: free */
};

struct eddy_schema_registry {
  struct eddy_registry_client *client; /* the thread's */
  struct eddy_registry_subject subjects[EDDY_REGISTRY_SUBJECTS_MAX];
  size_t subject_count;
  bool add;
  int64_t wait_min_ms, minute_ms;
  int64_t wait_ms; /* the thread's: the next one */
  struct eddy_rng rng;
  const struct eddy_logger *logger;
  atomic_bool stop;
  pthread_t thread;

  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t asking;
  struct known_schema *known; /* [SLOTS], open addressing */
  size_t known_count;
  struct missing_id missing[MISSING_MAX];
  size_t missing_next;
  uint32_t asked[ASKED_MAX]; /* the first one is being asked */
  size_t asked_count;
  enum eddy_registry_ids state;
  uint32_t ids[EDDY_REGISTRY_SUBJECTS_MAX];
  char why[768];
  bool away; /* said so */
  uint64_t answered, failed;
};

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is known, under the lock ---------------------------------------------------------------------------------------------*/

static struct known_schema *slot_of(const struct eddy_schema_registry *registry, uint32_t id) {
  uint32_t slot = (uint32_t)eddy_hash_mix(id) & (SLOTS - 1);
  while (registry->known[slot].text && registry->known[slot].id != id) slot = (slot + 1) & (SLOTS - 1);
  return &registry->known[slot];
}

static bool is_missing(const struct eddy_schema_registry *registry, uint32_t id) {
  int64_t now = now_ms();
  for (size_t i = 0; i < MISSING_MAX; i++) {
    if (registry->missing[i].id == id && registry->missing[i].until > now) return true;
  }
  return false;
}

static void note_question(struct eddy_schema_registry *registry, uint32_t id) {
  for (size_t i = 0; i < registry->asked_count; i++) {
    if (registry->asked[i] == id) return;
  }
  if (registry->asked_count == ASKED_MAX) return;
  registry->asked[registry->asked_count++] = id;
  pthread_cond_signal(&registry->asking);
}

static void keep_missing(struct eddy_schema_registry *registry, uint32_t id) {
  registry->missing[registry->missing_next++ % MISSING_MAX] = (struct missing_id){id, now_ms() + registry->minute_ms};
}

/* Takes the text over. Full: as if there were none, which decoders with 10,000 plans would say, too. */
static void keep_schema(struct eddy_schema_registry *registry, uint32_t id, char *text, size_t size) {
  struct known_schema *slot = slot_of(registry, id);
  if (slot->text || registry->known_count == KNOWN_MAX) {
    free(text);
    if (!slot->text) keep_missing(registry, id);
    return;
  }
  *slot = (struct known_schema){text, size, id};
  registry->known_count++;
}

static void drop_question(struct eddy_schema_registry *registry) {
  registry->asked_count--;
  memmove(registry->asked, registry->asked + 1, registry->asked_count * sizeof registry->asked[0]);
}

static const char *find_id(void *ctx, uint32_t id, size_t *size, bool *retry) {
  struct eddy_schema_registry *registry = ctx;
  if (id > INT32_MAX) return NULL; /* registries count up to there; some take more for another path */
  pthread_mutex_lock(&registry->lock);
  const struct known_schema *slot = slot_of(registry, id);
  const char *text = slot->text; /* stays as it is once it is there */
  *size = slot->size;
  if (!text && !is_missing(registry, id)) {
    *retry = true;
    note_question(registry, id);
  }
  pthread_mutex_unlock(&registry->lock);
  return text;
}

static const char *find_fingerprint(void *ctx, uint64_t fingerprint, size_t *size, bool *retry) {
  (void)ctx, (void)fingerprint, (void)size, (void)retry;
  return NULL;
}

struct eddy_schema_source eddy_schema_registry_source(struct eddy_schema_registry *registry) {
  return (struct eddy_schema_source){find_id, find_fingerprint, registry};
}

enum eddy_registry_ids eddy_schema_registry_ids(struct eddy_schema_registry *registry, uint32_t *ids, char *why,
                                                size_t why_size) {
  pthread_mutex_lock(&registry->lock);
  enum eddy_registry_ids state = registry->state;
  for (size_t i = 0; i < registry->subject_count; i++) ids[i] = registry->ids[i];
  snprintf(why, why_size, "%s", registry->why);
  pthread_mutex_unlock(&registry->lock);
  return state;
}

struct eddy_registry_stats eddy_schema_registry_stats(struct eddy_schema_registry *registry) {
  pthread_mutex_lock(&registry->lock);
  struct eddy_registry_stats stats = {registry->away, registry->answered, registry->failed, registry->known_count};
  pthread_mutex_unlock(&registry->lock);
  return stats;
}

/* The thread ----------------------------------------------------------------------------------------------------------------*/

/* Each wait is twice the last, give or take half: a registry that comes back is not met by all at once. Closing ends it. */
static void wait_a_while(struct eddy_schema_registry *registry) {
  double factor = 0.5 + eddy_rng_unit(&registry->rng);
  int64_t until = now_ms() + (int64_t)((double)registry->wait_ms * factor);
  struct timespec at = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
  registry->wait_ms = registry->wait_ms * 2 < WAIT_MAX_MS ? registry->wait_ms * 2 : WAIT_MAX_MS;
  pthread_mutex_lock(&registry->lock);
  while (!atomic_load(&registry->stop) && now_ms() < until) pthread_cond_timedwait(&registry->asking, &registry->lock, &at);
  pthread_mutex_unlock(&registry->lock);
}

/* Counts; true if it was away before. */
static bool note_answer(struct eddy_schema_registry *registry, bool away) {
  pthread_mutex_lock(&registry->lock);
  bool was_away = registry->away;
  registry->away = away;
  ++*(away ? &registry->failed : &registry->answered);
  pthread_mutex_unlock(&registry->lock);
  return was_away;
}

/* Whether there is an answer; says when that changes, and waits if there is none. */
static bool is_answered(struct eddy_schema_registry *registry, const struct eddy_registry_answer *answer) {
  if (atomic_load(&registry->stop)) return false;
  bool away = answer->result == EDDY_REGISTRY_AWAY;
  bool was_away = note_answer(registry, away);
  if (away && !was_away)
    eddy_log(registry->logger, EDDY_LOG_WARN, "schema registry cannot be used, waiting for it", "reason=\"%s\" hint=\"%s\"",
             answer->why, answer->hint);
  if (!away && was_away) eddy_log(registry->logger, EDDY_LOG_INFO, "schema registry is back", NULL);
  if (away)
    wait_a_while(registry);
  else
    registry->wait_ms = registry->wait_min_ms;
  return !away;
}

static void settle(struct eddy_schema_registry *registry, uint32_t id, struct eddy_registry_answer *answer) {
  bool refused = answer->result == EDDY_REGISTRY_REFUSED, missing = answer->result == EDDY_REGISTRY_MISSING;
  if (refused) eddy_log(registry->logger, EDDY_LOG_WARN, "schema cannot be used", "id=%u reason=\"%s\"", id, answer->why);
  char *text = refused ? strdup("") : answer->schema;
  pthread_mutex_lock(&registry->lock);
  if (missing)
    keep_missing(registry, id);
  else if (text)
    keep_schema(registry, id, text, refused ? 0 : answer->size);
  pthread_mutex_unlock(&registry->lock);
}

/* One id. Those who wait for it ask again until it is answered, so a question that failed may be forgotten. */
static void answer_one(struct eddy_schema_registry *registry, uint32_t id) {
  struct eddy_registry_answer answer;
  eddy_registry_schema(registry->client, id, &answer);
  if (is_answered(registry, &answer))
    settle(registry, id, &answer);
  else
    free(answer.schema);
  pthread_mutex_lock(&registry->lock);
  drop_question(registry);
  pthread_mutex_unlock(&registry->lock);
}

static void answer_questions(struct eddy_schema_registry *registry) {
  while (!atomic_load(&registry->stop)) {
    pthread_mutex_lock(&registry->lock);
    while (registry->asked_count == 0 && !atomic_load(&registry->stop)) pthread_cond_wait(&registry->asking, &registry->lock);
    uint32_t id = registry->asked[0];
    pthread_mutex_unlock(&registry->lock);
    if (!atomic_load(&registry->stop)) answer_one(registry, id);
  }
}

static void ask_subject(struct eddy_schema_registry *registry, const struct eddy_registry_subject *subject,
                        struct eddy_registry_answer *answer) {
  do {
    eddy_registry_obtain(registry->client, subject->name, subject->schema, registry->add, answer);
  } while (!is_answered(registry, answer) && !atomic_load(&registry->stop));
}

static void settle_subjects(struct eddy_schema_registry *registry, enum eddy_registry_ids state, const char *subject,
                            const char *why) {
  pthread_mutex_lock(&registry->lock);
  registry->state = state;
  if (subject) snprintf(registry->why, sizeof registry->why, "subject %s: %s", subject, why);
  pthread_mutex_unlock(&registry->lock);
}

/* False: it is no use going on. */
static bool find_subjects(struct eddy_schema_registry *registry) {
  for (size_t i = 0; i < registry->subject_count; i++) {
    struct eddy_registry_answer answer;
    ask_subject(registry, &registry->subjects[i], &answer);
    if (atomic_load(&registry->stop)) return false;
    if (answer.result != EDDY_REGISTRY_FOUND) {
      settle_subjects(registry, EDDY_REGISTRY_IDS_REFUSED, registry->subjects[i].name, answer.why);
      return false;
    }
    pthread_mutex_lock(&registry->lock);
    registry->ids[i] = answer.id;
    pthread_mutex_unlock(&registry->lock);
  }
  settle_subjects(registry, EDDY_REGISTRY_IDS_READY, NULL, NULL);
  return true;
}

static void *registry_main(void *ctx) {
  struct eddy_schema_registry *registry = ctx;
  if (find_subjects(registry)) answer_questions(registry);
  return NULL;
}

/* Outside -------------------------------------------------------------------------------------------------------------------*/

static void init_lock(struct eddy_schema_registry *registry) {
  pthread_condattr_t attributes;
  pthread_mutex_init(&registry->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&registry->asking, &attributes);
  pthread_condattr_destroy(&attributes);
}

static void free_registry(struct eddy_schema_registry *registry) {
  for (size_t i = 0; registry->known && i < SLOTS; i++) free(registry->known[i].text);
  free(registry->known);
  eddy_registry_client_close(registry->client);
  pthread_cond_destroy(&registry->asking);
  pthread_mutex_destroy(&registry->lock);
  free(registry);
}

static void take_options(struct eddy_schema_registry *registry, const struct eddy_schema_registry_options *options) {
  registry->subject_count = options->subject_count;
  for (size_t i = 0; i < options->subject_count; i++) registry->subjects[i] = options->subjects[i];
  registry->add = options->add;
  registry->logger = options->logger;
  registry->wait_min_ms = registry->wait_ms = options->wait_ms ? options->wait_ms : WAIT_MIN_MS;
  registry->minute_ms = options->minute_ms ? options->minute_ms : MINUTE_MS;
  registry->state = EDDY_REGISTRY_IDS_WAIT;
  eddy_rng_seed(&registry->rng, (uint64_t)now_ms() ^ (uint64_t)(uintptr_t)registry);
}

int eddy_schema_registry_open(struct eddy_schema_registry **out, const struct eddy_schema_registry_options *options, char *why,
                              size_t why_size) {
  struct eddy_schema_registry *registry = calloc(1, sizeof *registry);
  struct eddy_registry_client_options client = options->client;
  snprintf(why, why_size, "out of memory");
  *out = NULL;
  if (!registry) return -1;
  init_lock(registry);
  registry->known = calloc(SLOTS, sizeof *registry->known);
  take_options(registry, options);
  client.stop = &registry->stop;
  if (!registry->known || eddy_registry_client_open(&registry->client, &client, why, why_size) != 0 ||
      pthread_create(&registry->thread, NULL, registry_main, registry) != 0) {
    free_registry(registry);
    return -1;
  }
  *out = registry;
  return 0;
}

void eddy_schema_registry_close(struct eddy_schema_registry *registry) {
  if (!registry) return;
  pthread_mutex_lock(&registry->lock);
  atomic_store(&registry->stop, true);
  pthread_cond_signal(&registry->asking);
  pthread_mutex_unlock(&registry->lock);
  pthread_join(registry->thread, NULL);
  free_registry(registry);
}
