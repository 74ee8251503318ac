/* Avro object container files (Avro specification 1.11, "Object Container Files"; codecs null and deflate): read events from
 * one, write events to one. Reading is bounds-checked; blocks are at most 64 MiB.
 */
#ifndef EDDY_CODEC_CONTAINER_H
#define EDDY_CODEC_CONTAINER_H

#include <stdio.h>

#include "codec/event_room.h"

struct eddy_container_reader;
/* Takes over nothing: the file stays the caller's. 0, or -1 with a sentence in `why`. */
int eddy_container_open(struct eddy_container_reader **reader, FILE *file, char *why, size_t why_size);
void eddy_container_close(struct eddy_container_reader *reader);
/* Next event, whose rules are still to be asked (eddy_event_settle() in codec/event_check.h): 1, 0 at the end, a negative code
 * of event_error.h for a record that was refused (call again for the next one, or the next block if its end cannot be found),
 * EDDY_DECODE_FULL (clear the room and call again), -1 if the file is broken; `why` gets a sentence for every negative result.
 * Views stay valid until the room is cleared or the next block is read: copy or fold at once. */
int eddy_container_next(struct eddy_container_reader *reader, struct eddy_event_room *room, struct eddy_event *event, char *why,
                        size_t why_size);

/* Appends the Avro body of an event under the built-in event.avsc (no framing). 0 or EDDY_E_NOMEM. */
struct eddy_buffer;
int eddy_event_encode(const struct eddy_event *event, struct eddy_buffer *buffer);
/* The same as one line of JSON: the flat record, absent fields left out. */
int eddy_event_to_json(const struct eddy_event *event, struct eddy_buffer *buffer);
/* Single-object header (10 bytes) of the built-in event.avsc. */
void eddy_event_header(uint8_t header[10]);

struct eddy_container_writer;
int eddy_container_create(struct eddy_container_writer **writer, FILE *file, uint64_t seed);
/* 0 or -1 (errno). */
int eddy_container_append(struct eddy_container_writer *writer, const struct eddy_event *event);
/* Writes what is left; 0 or -1 (errno). Frees the writer. */
int eddy_container_finish(struct eddy_container_writer *writer);

#endif
