/* Our own output records as JSON lines, for people: the fields of the Avro record in their order, behind "type", printed as
 * eddy_output_json() prints them.
 *
 * Bytes are hostile: bounds-checked, nothing is allocated but the growth of the caller's buffer, at most some dozen bytes of
 * text per byte of the record. The walk is as deep as the built-in schema. One thread; low rate.
 */
#ifndef EDDY_CODEC_OUTPUT_READ_H
#define EDDY_CODEC_OUTPUT_READ_H

#include "codec/output_codec.h"

struct eddy_output_reader;

/* For records of one output. 0 or EDDY_E_NOMEM. */
int eddy_output_reader_new(struct eddy_output_reader **reader, enum eddy_output output);
void eddy_output_reader_free(struct eddy_output_reader *reader);

/* Appends one line. 0, EDDY_E_CORRUPT, EDDY_E_VERSION (another schema) or EDDY_E_NOMEM; then the buffer is as it was. */
int eddy_output_reader_json(const struct eddy_output_reader *reader, const void *bytes, size_t size,
                            struct eddy_buffer *buffer);

/* What whoever passes a Trigger record on needs of it. Texts point into the record. */
struct eddy_trigger_brief {
  struct eddy_str trigger, trigger_id, user_id;
  int64_t due_at, fired_at;
  uint64_t number; /* effect number */
};
/* Only with a reader of topic triggers. One walk, no text is made. 0, EDDY_E_CORRUPT or EDDY_E_VERSION. */
int eddy_output_reader_trigger(const struct eddy_output_reader *reader, const void *bytes, size_t size,
                               struct eddy_trigger_brief *brief);

#endif
