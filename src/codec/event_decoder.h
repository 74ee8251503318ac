/* From the bytes of an input record to an event: framing by the first bytes, schema look-up, decoding, validation.
 *
 *   0x00 + id (4 bytes, big-endian)      Confluent framing, writer schema by id
 *   0xC3 0x01 + fingerprint (8, LE)      Avro single-object encoding, writer schema by CRC-64-AVRO
 *   '{'                                  JSON: the flat Avro record without union wrappers (event_time in ms or RFC 3339)
 *
 * One decoder per thread. Plans are cached per schema; a schema source is asked once per unknown id.
 */
#ifndef EDDY_CODEC_EVENT_DECODER_H
#define EDDY_CODEC_EVENT_DECODER_H

#include "codec/event_error.h"
#include "codec/event_room.h"

/* Where writer schemas come from. find_* return the schema's text (owned by the source, valid until the next call) or NULL:
 * "there is no such schema". A source that cannot answer now (registry down) returns NULL and sets *retry: the caller must
 * pause, not reject. */
struct eddy_schema_source {
  const char *(*find_id)(void *ctx, uint32_t id, size_t *size, bool *retry);
  const char *(*find_fingerprint)(void *ctx, uint64_t fingerprint, size_t *size, bool *retry);
  void *ctx;
};

/* A source that reads a folder of *.avsc files: `7.avsc` or `7-anything.avsc` is schema id 7; every file is found by its
 * fingerprint. Read once at open (<= 10,000 files); again when an unknown id is asked for, at most once a second per `now`. */
struct eddy_schema_folder;
int eddy_schema_folder_open(struct eddy_schema_folder **folder, const char *path, char *why, size_t why_size);
void eddy_schema_folder_close(struct eddy_schema_folder *folder);
struct eddy_schema_source eddy_schema_folder_source(struct eddy_schema_folder *folder);

struct eddy_event_decoder;
/* `source` may be NULL: then only the built-in event.avsc (by fingerprint) and JSON are known. */
int eddy_event_decoder_new(struct eddy_event_decoder **decoder, const struct eddy_schema_source *source);
void eddy_event_decoder_free(struct eddy_event_decoder *decoder);

/* A record as it came. key/value NULL = absent. record_time: Kafka's timestamp in ms or EDDY_TIME_NONE; log_append tells that
 * the broker set it. */
struct eddy_raw_record {
  const uint8_t *key, *value;
  size_t key_size, value_size;
  int64_t record_time;
  bool log_append;
};

enum { EDDY_DECODE_RETRY = 1 }; /* the schema source cannot answer now: nothing is wrong with the record */

/* Decodes and validates: 0, EDDY_DECODE_RETRY or a negative code of codec/event_error.h. On success the event satisfies
 * eddy_event_check() and its stamp is clamped (a stamp later than the record's own time + 5 min becomes the record's time;
 * the record's own time is Kafka's LogAppendTime, else received_at, else there is no clamp); *clamped tells. */
int eddy_event_decoder_run(struct eddy_event_decoder *decoder, const struct eddy_raw_record *record, struct eddy_event_room *room,
                           struct eddy_event *event, bool *clamped);

/* What every event must satisfy, wherever it comes from: user_id, type, time (2000-01-01 .. 2100 before clamping), finite numbers,
 * UTF-8, limits of eddy/event.h, strings <= 4096 bytes (ids <= 255). 0 or a code. */
int eddy_event_check(const struct eddy_event *event);

/* JSON text to event, also used by file sources: names of types accept the aliases of Segment ("Product Added") and Braze
 * ("ecommerce.cart_updated", "users.messages.email.Open"). Without key rules and clamping. 0 or a code; `why` gets a sentence. */
int eddy_event_from_json(const char *text, size_t size, struct eddy_event_room *room, struct eddy_event *event, char *why,
                         size_t why_size);
/* Event type by wire name or alias; -1. */
int eddy_event_type_alias(struct eddy_str name);

#endif
