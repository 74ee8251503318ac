#include "codec/event_decoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/event_check.h"
#include "codec/event_json.h"
#include "codec/schema_cache.h"
#include "codec/schemas.h"

enum { CONFLUENT_HEADER = 5, SINGLE_OBJECT_HEADER = 10 };

struct eddy_event_decoder {
  struct eddy_schema_source source; /* all zero: none */
  struct eddy_schema_cache ids, fingerprints;
  const struct eddy_schema_cache *last_cache; /* the plan found last is mostly the next, too */
  uint64_t last_key;
  const struct eddy_decode_plan *last_plan; /* NULL: none yet */
  char why[256];                            /* empty: the code says it all */
  int error;                                /* of the last run */
};

int eddy_event_decoder_new(struct eddy_event_decoder **decoder, const struct eddy_schema_source *source) {
  struct eddy_event_decoder *made = calloc(1, sizeof *made);
  *decoder = NULL;
  if (!made) return EDDY_E_NOMEM;
  if (source) made->source = *source;
  char why[128];
  struct eddy_avro_schema *own = eddy_avro_schema_parse(eddy_schema_event, sizeof eddy_schema_event - 1, why, sizeof why);
  uint64_t fingerprint = own ? eddy_avro_schema_fingerprint(own) : 0;
  eddy_avro_schema_free(own);
  if (!own || !eddy_schema_cache_add(&made->fingerprints, fingerprint, eddy_schema_event, sizeof eddy_schema_event - 1)) {
    eddy_event_decoder_free(made);
    return EDDY_E_NOMEM;
  }
  *decoder = made;
  return 0;
}

void eddy_event_decoder_free(struct eddy_event_decoder *decoder) {
  if (!decoder) return;
  eddy_schema_cache_fini(&decoder->ids);
  eddy_schema_cache_fini(&decoder->fingerprints);
  free(decoder);
}

const char *eddy_event_decoder_why(const struct eddy_event_decoder *decoder) {
  return decoder->why[0] ? decoder->why : eddy_event_error_text(decoder->error);
}

/* Schemas ----------------------------------------------------------------------------------------------------------------- */

/* What the source answers for a key of the cache. */
static const char *ask(struct eddy_event_decoder *decoder, const struct eddy_schema_cache *cache, uint64_t key, size_t *size,
                       bool *retry) {
  const struct eddy_schema_source *source = &decoder->source;
  if (cache == &decoder->ids) return source->find_id ? source->find_id(source->ctx, (uint32_t)key, size, retry) : NULL;
  return source->find_fingerprint ? source->find_fingerprint(source->ctx, key, size, retry) : NULL;
}

/* Asks the source for a schema that is not in the cache and puts it there. 0, RETRY, SCHEMA or SCHEMA_UNUSABLE. */
static int fetch(struct eddy_event_decoder *decoder, struct eddy_schema_cache *cache, uint64_t key,
                 const struct eddy_schema_entry **entry) {
  bool retry = false;
  size_t size = 0;
  const char *text = ask(decoder, cache, key, &size, &retry);
  if (!text) return retry ? EDDY_DECODE_RETRY : EDDY_EVENT_E_SCHEMA;
  *entry = eddy_schema_cache_add(cache, key, text, size);
  return *entry ? 0 : EDDY_EVENT_E_SCHEMA_UNUSABLE;
}

static int find_plan(struct eddy_event_decoder *decoder, struct eddy_schema_cache *cache, uint64_t key,
                     const struct eddy_decode_plan **plan) {
  const struct eddy_schema_entry *entry = eddy_schema_cache_find(cache, key);
  int error = entry ? 0 : fetch(decoder, cache, key, &entry);
  if (error) return error;
  if (!entry->plan) {
    snprintf(decoder->why, sizeof decoder->why, "the writer schema cannot be used: %s", entry->why ? entry->why : "");
    return EDDY_EVENT_E_SCHEMA_UNUSABLE;
  }
  *plan = entry->plan;
  decoder->last_cache = cache;
  decoder->last_key = key;
  decoder->last_plan = entry->plan;
  return 0;
}

/* Framing ----------------------------------------------------------------------------------------------------------------- */

static int decode_body(const struct eddy_decode_plan *plan, const struct eddy_raw_record *record, size_t header,
                       struct eddy_event_room *room, struct eddy_event *event) {
  size_t used, size = record->value_size - header;
  int error = eddy_decode_plan_run(plan, record->value + header, size, room, event, &used);
  if (error) return error;
  return used == size ? 0 : EDDY_EVENT_E_TRAILING;
}

static uint32_t confluent_id(const uint8_t *value) {
  return (uint32_t)value[1] << 24 | (uint32_t)value[2] << 16 | (uint32_t)value[3] << 8 | value[4];
}

static int decode_avro(struct eddy_event_decoder *decoder, const struct eddy_raw_record *record, size_t header,
                       struct eddy_event_room *room, struct eddy_event *event) {
  const uint8_t *value = record->value;
  if (record->value_size < header) return EDDY_EVENT_E_TRUNCATED;
  struct eddy_schema_cache *cache = header == CONFLUENT_HEADER ? &decoder->ids : &decoder->fingerprints;
  uint64_t key = header == CONFLUENT_HEADER ? confluent_id(value) : eddy_load_u64(value + 2);
  const struct eddy_decode_plan *plan = decoder->last_plan;
  int error = 0;
  if (!plan || decoder->last_key != key || decoder->last_cache != cache) error = find_plan(decoder, cache, key, &plan);
  return error ? error : decode_body(plan, record, header, room, event);
}

static int decode_value(struct eddy_event_decoder *decoder, const struct eddy_raw_record *record, struct eddy_event_room *room,
                        struct eddy_event *event) {
  const uint8_t *value = record->value;
  if (value[0] == 0x00) return decode_avro(decoder, record, CONFLUENT_HEADER, room, event);
  if (value[0] == '{') {
    return eddy_event_read_json((const char *)value, record->value_size, room, event, decoder->why, sizeof decoder->why);
  }
  if (value[0] == 0xC3 && record->value_size > 1 && value[1] == 0x01) {
    return decode_avro(decoder, record, SINGLE_OBJECT_HEADER, room, event);
  }
  return EDDY_EVENT_E_FRAMING;
}

/* Rules ------------------------------------------------------------------------------------------------------------------- */

static int check_key(const struct eddy_raw_record *record, const struct eddy_event *event) {
  if (record->key_size != event->user_id.len) return EDDY_EVENT_E_KEY;
  return memcmp(record->key, event->user_id.data, record->key_size) == 0 ? 0 : EDDY_EVENT_E_KEY;
}

static int decode(struct eddy_event_decoder *decoder, const struct eddy_raw_record *record, struct eddy_event_room *room,
                  struct eddy_event *event, bool *clamped) {
  if (!record->value || record->value_size == 0) return EDDY_EVENT_E_EMPTY;
  if (!record->key || record->key_size == 0) return EDDY_EVENT_E_NO_KEY;
  int error = decode_value(decoder, record, room, event);
  if (error) return error;
  error = eddy_event_settle(event, record->log_append ? record->record_time : event->received_at, clamped);
  return error ? error : check_key(record, event);
}

/* An event that does not fit into an empty room never will. */
static bool is_empty(const struct eddy_event_room *room) {
  return room->total <= room->capacity && room->used <= 64;
}

int eddy_event_decoder_run(struct eddy_event_decoder *decoder, const struct eddy_raw_record *record,
                           struct eddy_event_room *room, struct eddy_event *event, bool *clamped) {
  bool empty = is_empty(room);
  decoder->why[0] = '\0';
  *clamped = false;
  int error = decode(decoder, record, room, event, clamped);
  if (error == EDDY_DECODE_FULL && empty) error = EDDY_EVENT_E_LIMIT;
  decoder->error = error;
  return error;
}
