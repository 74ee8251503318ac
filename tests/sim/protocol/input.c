#include "sim/protocol/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "codec/container.h"
#include "codec/schemas.h"
#include "sim/protocol/sim.h"

enum { STRANGE_SCHEMA = 9, EVENTS_KEPT = 4, MINUTE = 60000, HOUR = 60 * MINUTE };

struct input {
  bool schema_known;
  uint64_t serial;
  uint64_t first, crowd; /* users that are about at present: the others grow old */
};

struct input *input_new(struct sim *sim) {
  struct input *input = calloc(1, sizeof *input);
  EDDY_ASSERT(input != NULL);
  input->schema_known = sim_chance(sim, 30);
  input->crowd = INPUT_USERS;
  return input;
}

void input_free(struct input *input) {
  free(input);
}

void input_show_schema(struct sim *sim) {
  sim->input->schema_known = true;
}

void input_user(int partition, int user, char name[8]) {
  snprintf(name, 8, "%c%d", 'p' + partition % 8, user % 10);
}

static struct eddy_str str(const char *text) {
  return (struct eddy_str){text, (uint32_t)strlen(text)};
}

/* Events ------------------------------------------------------------------------------------------------------------------ */

static enum eddy_event_type draw_type(struct sim *sim) {
  static const enum eddy_event_type usual[] = {EDDY_PRODUCT_VIEWED,  EDDY_PRODUCT_VIEWED,  EDDY_PAGE_VIEWED,
                                               EDDY_PRODUCT_ADDED,   EDDY_PRODUCT_ADDED,   EDDY_PRODUCT_ADDED,
                                               EDDY_PRODUCT_REMOVED, EDDY_ORDER_COMPLETED, EDDY_PROFILE_UPDATED};
  static const enum eddy_event_type rare[] = {EDDY_USER_ERASED, EDDY_EMAIL_SUBSCRIBED, EDDY_EMAIL_SUBSCRIBED,
                                              EDDY_EMAIL_UNSUBSCRIBED};
  if (sim_hits(sim, sim->rates.rare)) return rare[sim_below(sim, sizeof rare / sizeof *rare)];
  return usual[sim_below(sim, sizeof usual / sizeof *usual)];
}

static int64_t draw_time(struct sim *sim) {
  int64_t late = sim_chance(sim, 70) ? 0 : (int64_t)sim_below(sim, 8 * MINUTE);
  if (sim_hits(sim, 40)) late = (int64_t)sim_below(sim, 3 * HOUR);
  return sim_wall(sim) - late;
}

static void append(struct sim *sim, int partition, const char *user, const struct eddy_buffer *value) {
  kafka_append(&sim->kafka, 0, partition, NULL, user, strlen(user), value->data, value->size, sim_wall(sim));
}

static void encode(struct sim *sim, const struct eddy_event *event, struct eddy_buffer *buffer) {
  uint8_t header[10];
  int error = 0;
  if (sim_chance(sim, 60)) {
    eddy_event_header(header);
    error = eddy_buffer_append(buffer, header, sizeof header) | eddy_event_encode(event, buffer);
  } else if (sim_chance(sim, 70)) {
    error = eddy_event_to_json(event, buffer);
  } else {
    const uint8_t framing[5] = {0, 0, 0, 0, STRANGE_SCHEMA};
    error = eddy_buffer_append(buffer, framing, sizeof framing) | eddy_event_encode(event, buffer);
  }
  EDDY_ASSERT(error == 0);
}

static void put_event(struct sim *sim, int partition, int user, enum eddy_event_type type, int64_t time) {
  static const char *const products[] = {"p", "q"}, *const carts[] = {"a", "b"};
  char name[8], id[24];
  struct eddy_event event = eddy_event_empty;
  struct eddy_item item = {.product_id = str(products[sim_below(sim, 2)]), .price = 100, .quantity = 1, .has_price = true};
  struct eddy_property property = {str("colour"), str(products[sim_below(sim, 2)])};
  input_user(partition, user, name);
  snprintf(id, sizeof id, "e%llu", (unsigned long long)++sim->input->serial);
  event.type = type;
  event.user_id = str(name);
  event.event_time = time;
  event.event_id = str(id);
  if (type == EDDY_PRODUCT_VIEWED || type == EDDY_PRODUCT_ADDED || type == EDDY_PRODUCT_REMOVED) {
    event.items = &item;
    event.item_count = 1;
    event.currency = str("USD");
    if (type != EDDY_PRODUCT_VIEWED && sim_chance(sim, 50)) event.cart_id = str(carts[sim_below(sim, 2)]);
  } else if (type == EDDY_PROFILE_UPDATED) {
    event.properties = &property;
    event.property_count = 1;
  }
  struct eddy_buffer buffer;
  eddy_buffer_init(&buffer, NULL);
  encode(sim, &event, &buffer);
  append(sim, partition, name, &buffer);
  sim_trace(sim, "input %d@%lld: %s %s %s %lld", partition, (long long)sim->kafka.logs[0][partition].count - 1, name, id,
            eddy_event_type_name(type), (long long)(time - SIM_EPOCH_MS));
  eddy_buffer_fini(&buffer);
}

/* Bad in a way that never passes; unlike any other. */
static void put_garbage(struct sim *sim, int partition) {
  char text[32];
  struct eddy_buffer buffer;
  eddy_buffer_init(&buffer, NULL);
  int size = snprintf(text, sizeof text, "garbage %llu", (unsigned long long)++sim->input->serial);
  int error = eddy_buffer_append(&buffer, text, (size_t)size);
  EDDY_ASSERT(error == 0);
  append(sim, partition, "p0", &buffer);
  eddy_buffer_fini(&buffer);
}

static bool put_duplicate(struct sim *sim, int partition) {
  const struct kafka_log *log = &sim->kafka.logs[0][partition];
  int64_t back = 1 + (int64_t)sim_below(sim, EVENTS_KEPT);
  if (log->count < back) return false;
  const struct kafka_entry *entry = &log->entries[log->count - back];
  struct kafka_entry copy = *entry; /* the log may move */
  kafka_append(&sim->kafka, 0, partition, NULL, copy.key, copy.key_size, copy.value, copy.value_size, sim_wall(sim));
  sim_trace(sim, "input %d@%lld: again %lld", partition, (long long)log->count - 1, (long long)(log->count - 1 - back));
  return true;
}

static int draw_user(struct sim *sim) {
  struct input *input = sim->input;
  if (sim_hits(sim, 40)) {
    input->first = sim_below(sim, INPUT_USERS);
    input->crowd = 1 + sim_below(sim, INPUT_USERS);
  }
  return (int)((input->first + sim_below(sim, input->crowd)) % INPUT_USERS);
}

void input_produce(struct sim *sim) {
  int partition = (int)sim_below(sim, (uint64_t)sim->partitions);
  if (sim_hits(sim, 30)) {
    put_garbage(sim, partition);
  } else if (!sim_hits(sim, 120) || !put_duplicate(sim, partition)) {
    put_event(sim, partition, draw_user(sim), draw_type(sim), draw_time(sim));
  }
}

void input_close(struct sim *sim) {
  for (int i = 0; i < sim->partitions; i++) put_event(sim, i, INPUT_USERS, EDDY_PAGE_VIEWED, sim_wall(sim));
}

/* Schemas ----------------------------------------------------------------------------------------------------------------- */

struct eddy_raw_record input_raw(const struct kafka_entry *entry) {
  return (struct eddy_raw_record){.key = entry->key,
                                  .key_size = entry->key_size,
                                  .value = entry->value,
                                  .value_size = entry->value_size,
                                  .record_time = entry->time,
                                  .log_append = true};
}

static const char *find_known(void *ctx, uint32_t id, size_t *size, bool *retry) {
  (void)ctx;
  (void)retry;
  *size = sizeof eddy_schema_event - 1;
  return id == STRANGE_SCHEMA ? eddy_schema_event : NULL;
}

static const char *find_fingerprint(void *ctx, uint64_t fingerprint, size_t *size, bool *retry) {
  (void)ctx;
  (void)fingerprint;
  (void)size;
  (void)retry;
  return NULL;
}

static const char *find_now(void *ctx, uint32_t id, size_t *size, bool *retry) {
  struct life *life = life_now();
  return life && life->sim->input->schema_known ? find_known(ctx, id, size, retry) : NULL;
}

struct eddy_event_decoder *input_decoder(void) {
  static const struct eddy_schema_source all = {find_known, find_fingerprint, NULL};
  struct eddy_event_decoder *decoder;
  int error = eddy_event_decoder_new(&decoder, &all);
  EDDY_ASSERT(error == 0);
  return decoder;
}

/* The folder of schemas, which never opens a file here. */
int __wrap_eddy_schema_folder_open(struct eddy_schema_folder **folder, const char *path, char *why, size_t why_size);
void __wrap_eddy_schema_folder_close(struct eddy_schema_folder *folder);
struct eddy_schema_source __wrap_eddy_schema_folder_source(struct eddy_schema_folder *folder);

int __wrap_eddy_schema_folder_open(struct eddy_schema_folder **folder, const char *path, char *why, size_t why_size) {
  static char nobody;
  (void)path;
  (void)why;
  (void)why_size;
  *folder = (struct eddy_schema_folder *)(void *)&nobody;
  return 0;
}

void __wrap_eddy_schema_folder_close(struct eddy_schema_folder *folder) {
  (void)folder;
}

struct eddy_schema_source __wrap_eddy_schema_folder_source(struct eddy_schema_folder *folder) {
  (void)folder;
  return (struct eddy_schema_source){find_now, find_fingerprint, NULL};
}
