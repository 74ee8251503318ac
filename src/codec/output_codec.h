/* From effects to bytes: Avro records of schemas/ for topics, JSON lines for people. No allocation but the growth of the
 * caller's buffer. Not thread-safe (one per thread).
 */
#ifndef EDDY_CODEC_OUTPUT_CODEC_H
#define EDDY_CODEC_OUTPUT_CODEC_H

#include "base/memory.h"
#include "eddy/effect.h"
#include "eddy/model.h"

/* Output schemas: X(CONSTANT, file name without .avsc, topic suffix). */
#define EDDY_OUTPUTS(X)                               \
  X(SEGMENT_CHANGE, SegmentChange, "segment-changes") \
  X(TRIGGER, Trigger, "triggers")                     \
  X(SUPPRESSED, Suppressed, "suppressed")             \
  X(MODEL_DELTA, ModelDelta, "model-delta")           \
  X(MODEL, Model, "model")                            \
  X(SEGMENT, Segment, "segments")                     \
  X(RECEIPT, Receipt, "receipts")
enum eddy_output {
#define X(constant, file, topic) EDDY_OUTPUT_##constant,
  EDDY_OUTPUTS(X)
#undef X
  EDDY_OUTPUT_COUNT
};
/* "segment-changes", ... */
const char *eddy_output_topic(enum eddy_output output);

struct eddy_output_codec;
/* Prefixes are single-object headers with the fingerprints of the built-in schemas. */
int eddy_output_codec_new(struct eddy_output_codec **codec, const struct eddy_spec *spec);
void eddy_output_codec_free(struct eddy_output_codec *codec);
/* Uses Confluent framing with this registry id for one output from now on. */
void eddy_output_codec_set_id(struct eddy_output_codec *codec, enum eddy_output output, uint32_t id);
/* Names for `to_name`; the model must outlive its use, NULL = none. */
void eddy_output_codec_set_model(struct eddy_output_codec *codec, const struct eddy_model *model);

/* Where an effect came from. `published_at` for segment changes and receipts (triggers carry their own). */
struct eddy_output_place {
  uint32_t partition;
  int64_t published_at;
};

/* Which output an effect belongs to: an enum eddy_output. */
int eddy_output_of(const struct eddy_effect *effect);
/* Appends framing + Avro body to `buffer`. 0 or EDDY_E_NOMEM. */
int eddy_output_encode(struct eddy_output_codec *codec, const struct eddy_effect *effect, const struct eddy_output_place *place,
                       struct eddy_buffer *buffer);
/* Appends one line of JSON (with "type" first, with '\n'): exactly the Avro record plus "type". Numbers are printed so that
 * equal values give equal text (floats by %.9g of the float, integral ones without exponent). */
int eddy_output_json(struct eddy_output_codec *codec, const struct eddy_effect *effect, const struct eddy_output_place *place,
                     struct eddy_buffer *buffer);

/* The records of the trainer. Features are named in the record. */
int eddy_model_encode(struct eddy_output_codec *codec, const struct eddy_model_record *record, struct eddy_buffer *buffer);
/* The card of one slot, for topic `segments`. */
int eddy_segment_encode(struct eddy_output_codec *codec, const struct eddy_model_record *record, uint16_t slot,
                        struct eddy_buffer *buffer);

/* Reading our own records back (hostile all the same: bounds, counts, finite numbers). Framing is checked against the built-in
 * schema (single-object) or accepted with any id (Confluent). On success *block is one heap block (free()) that the views point
 * into. 0, EDDY_E_CORRUPT, EDDY_E_VERSION (another schema), EDDY_E_SPEC_MISMATCH (other features), EDDY_E_NOMEM. */
int eddy_model_decode(const struct eddy_spec *spec, const void *bytes, size_t size, struct eddy_model_record *record,
                      void **block);
int eddy_delta_decode(const struct eddy_spec *spec, const void *bytes, size_t size, struct eddy_model_delta *delta,
                      void **block);

#endif
