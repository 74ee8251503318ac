/* From the bytes of an input record to an event: framing by the first bytes, schema look-up, decoding, validation.
 *
 *   0x00 + id (4 bytes, big-endian)      Confluent framing, writer schema by id
 *   0xC3 0x01 + fingerprint (8, LE)      Avro single-object encoding, writer schema by CRC-64-AVRO
 *   '{'                                  JSON: the flat Avro record without union wrappers (event_time in ms or RFC 3339)
 *
 * One decoder per thread. A plan is made once per schema (ids and fingerprints are for ever) and kept; a schema that cannot be
 * read as an Event is remembered, too. Nothing allocates per record but what the room and jansson need.
 */
#ifndef EDDY_CODEC_EVENT_DECODER_H
#define EDDY_CODEC_EVENT_DECODER_H

#include "codec/event_error.h"
#include "codec/event_room.h"

/* Where writer schemas come from. find_* return the schema's text (owned by the source, valid until the next call) or NULL:
 * "there is no such schema". A source that cannot answer now (registry down) returns NULL and sets *retry: the caller must
 * pause, not reject. A decoder asks for every record whose schema it does not know, so a source answers from memory and limits
 * its own asking: a flood of unknown ids must cost it next to nothing. */
struct eddy_schema_source {
  const char *(*find_id)(void *ctx, uint32_t id, size_t *size, bool *retry);
  const char *(*find_fingerprint)(void *ctx, uint64_t fingerprint, size_t *size, bool *retry);
  void *ctx;
};

/* A source that reads a folder of *.avsc files: `7.avsc` or `7-anything.avsc` is schema id 7; every file is found by its
 * fingerprint. Read at open (<= 10,000 files, each must be a schema); again when an unknown one is asked for and the folder has
 * changed since, or a second has passed (monotonic clock). Files that are no schema yet are passed over then. */
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

/* Decodes and validates: 0, EDDY_DECODE_RETRY or EDDY_DECODE_FULL (codec/event_error.h), or a negative code. On success the
 * event satisfies eddy_event_check() and its stamp is clamped to the record's own time (eddy_event_settle() in
 * codec/event_check.h says how), *clamped tells: Kafka's LogAppendTime, else received_at. */
int eddy_event_decoder_run(struct eddy_event_decoder *decoder, const struct eddy_raw_record *record,
                           struct eddy_event_room *room, struct eddy_event *event, bool *clamped);

/* A sentence about the last record that run() refused, more precise than eddy_event_error_text() where the decoder knows more
 * (which field of the JSON, why a schema cannot be used). Valid until the next run. */
const char *eddy_event_decoder_why(const struct eddy_event_decoder *decoder);

/* Event type by wire name or alias; -1. */
int eddy_event_type_alias(struct eddy_str name);

#endif
