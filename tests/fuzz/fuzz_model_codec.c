/* Models and deltas from hostile bytes: whatever decodes must be within its limits and survive being encoded again.
 * The first byte chooses the record and whether the framing is put in front, so that the fuzzer need not find fingerprints. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/framing.h"
#include "codec/output_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_model(const struct eddy_spec *spec, struct eddy_output_codec *codec, const uint8_t *bytes, size_t size) {
  struct eddy_model_record record, again;
  void *block, *block_again;
  if (eddy_model_decode(spec, bytes, size, &record, &block) != 0) return;
  struct eddy_buffer buffer;
  eddy_buffer_init(&buffer, &eddy_allocator_malloc);
  EDDY_ASSERT(eddy_model_encode(codec, &record, &buffer) == 0);
  EDDY_ASSERT(eddy_model_decode(spec, buffer.data, buffer.size, &again, &block_again) == 0);
  EDDY_ASSERT(again.parts.clusters == record.parts.clusters && again.parts.dimensions == record.parts.dimensions);
  EDDY_ASSERT(again.trainer.position_count == record.trainer.position_count);
  for (uint16_t slot = 0; slot < record.parts.clusters; slot++) {
    EDDY_ASSERT(strcmp(again.parts.cards[slot].name, record.parts.cards[slot].name) == 0);
    EDDY_ASSERT(eddy_segment_encode(codec, &record, slot, &buffer) == 0);
  }
  struct eddy_model *model = eddy_model_new(&record.parts, &eddy_allocator_malloc);
  eddy_output_codec_set_model(codec, model);
  eddy_model_free(model);
  free(block_again);
  free(block);
  eddy_buffer_fini(&buffer);
}

static void check_delta(const struct eddy_spec *spec, struct eddy_output_codec *codec, const uint8_t *bytes, size_t size) {
  struct eddy_effect effect = {.kind = EDDY_MODEL_DELTA};
  struct eddy_output_place place = {.partition = 1};
  struct eddy_model_delta *delta = &effect.as.delta, again;
  void *block, *block_again;
  if (eddy_delta_decode(spec, bytes, size, delta, &block) != 0) return;
  struct eddy_buffer buffer;
  eddy_buffer_init(&buffer, &eddy_allocator_malloc);
  EDDY_ASSERT(eddy_output_encode(codec, &effect, &place, &buffer) == 0);
  EDDY_ASSERT(eddy_delta_decode(spec, buffer.data, buffer.size, &again, &block_again) == 0);
  EDDY_ASSERT(again.count == delta->count && again.offered == delta->offered);
  free(block_again);
  free(block);
  eddy_buffer_fini(&buffer);
}

static void check(const struct eddy_spec *spec, uint8_t choice, const uint8_t *bytes, size_t size) {
  struct eddy_output_codec *codec;
  EDDY_ASSERT(eddy_output_codec_new(&codec, spec) == 0);
  if (choice & 1) {
    check_delta(spec, codec, bytes, size);
  } else {
    check_model(spec, codec, bytes, size);
  }
  eddy_output_codec_free(codec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  struct eddy_spec *spec = calloc(1, sizeof *spec);
  uint8_t *bytes = malloc(size - 1 + EDDY_PREFIX_MAX);
  EDDY_ASSERT(spec && bytes);
  eddy_spec_default(spec);
  struct eddy_prefix prefix = {.size = 0};
  if (data[0] & 2)
    prefix = eddy_prefix_single_object(eddy_output_fingerprint(data[0] & 1 ? EDDY_OUTPUT_MODEL_DELTA : EDDY_OUTPUT_MODEL));
  memcpy(bytes, prefix.bytes, prefix.size);
  memcpy(bytes + prefix.size, data + 1, size - 1);
  check(spec, data[0], bytes, size - 1 + prefix.size);
  free(bytes);
  free(spec);
  return 0;
}
