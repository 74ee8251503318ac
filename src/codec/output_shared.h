/* The output codec's inside, for the files that write records: output_codec.c, output_json.c, model_codec.c. Immutable but for
 * the model's names.
 */
#ifndef EDDY_CODEC_OUTPUT_SHARED_H
#define EDDY_CODEC_OUTPUT_SHARED_H

#include "codec/avro_out.h"
#include "codec/framing.h"

struct eddy_output_codec {
  const struct eddy_spec *spec;
  struct eddy_prefix prefixes[EDDY_OUTPUT_COUNT];
  struct eddy_str feature_names[EDDY_FEATURES_MAX];   /* by position in the spec */
  struct eddy_str dimension_names[EDDY_FEATURES_MAX]; /* by clustering dimension */
  struct eddy_str trigger_names[EDDY_TRIGGERS_MAX];
  uint16_t dimensions;
  /* The current model's names; the ids lie side by side for a fast search. */
  uint16_t segment_count;
  uint32_t segment_ids[EDDY_CLUSTERS_MAX];
  struct eddy_str segment_names[EDDY_CLUSTERS_MAX];
};

/* Name of a segment, absent if the model does not have it. */
struct eddy_str eddy_output_segment_name(const struct eddy_output_codec *codec, uint32_t id);

#endif
