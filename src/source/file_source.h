/* Events from a file: JSON lines, or an Avro object container file (told by its first byte: no JSON line begins with an O).
 *
 * Lines may be up to 1 MiB long; empty ones are skipped. Memory is bounded: one line or block, and a room of 64 MiB for the
 * events of a batch. One thread. Errors of single records are told to a callback and skipped; nothing in the file can stop the
 * reading of a JSON file, a broken block ends an Avro file.
 */
#ifndef EDDY_SOURCE_FILE_SOURCE_H
#define EDDY_SOURCE_FILE_SOURCE_H

#include "eddy/event.h"

struct eddy_file_source;

/* A record that was refused: its number from 1 (of the line, or of the Avro record), a code of codec/event_error.h, a sentence.
 */
typedef void (*eddy_bad_record_fn)(void *ctx, uint64_t number, int error, const char *why);

/* Opens `path`, "-" = standard input. 0, or -1 with a sentence in `why`. */
int eddy_file_source_open(struct eddy_file_source **source, const char *path, char *why, size_t why_size);
void eddy_file_source_close(struct eddy_file_source *source);

/* Where refused records are reported to; without it they are skipped silently. */
void eddy_file_source_on_bad(struct eddy_file_source *source, eddy_bad_record_fn on_bad, void *ctx);

/* Fills in up to `count` valid events: as many as there are, or as fit into the room. Returns their number, 0 at the end, -1
 * with a sentence in `why` if the file cannot be read on. The events' views are valid until the next call. */
int eddy_file_source_read(struct eddy_file_source *source, struct eddy_event *events, int count, char *why, size_t why_size);

/* Events so far whose stamp was later than their received_at + 5 min: it was set to that. */
uint64_t eddy_file_source_clamped(const struct eddy_file_source *source);

/* "line" or "record": what numbers count. */
const char *eddy_file_source_unit(const struct eddy_file_source *source);

#endif
