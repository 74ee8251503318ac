#include "codec/output_codec.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/output_shared.h"
#include "codec/output_text.h"

/* Set-up -------------------------------------------------------------------------------------------------------------------*/

const char *eddy_output_topic(enum eddy_output output) {
  static const char *const topics[EDDY_OUTPUT_COUNT] = {
#define X(constant, file, topic) topic,
      EDDY_OUTPUTS(X)
#undef X
  };
  return topics[output];
}

static struct eddy_str text_of(const char *text) {
  return (struct eddy_str){text, (uint32_t)strlen(text)};
}

static void name_everything(struct eddy_output_codec *codec, const struct eddy_spec *spec) {
  for (uint16_t i = 0; i < spec->feature_count; i++) codec->feature_names[i] = text_of(spec->features[i].name);
  for (uint16_t i = 0; i < spec->trigger_count; i++) codec->trigger_names[i] = text_of(spec->triggers[i].name);
  codec->dimensions = eddy_spec_dimensions(spec);
  for (uint16_t i = 0; i < codec->dimensions; i++)
    codec->dimension_names[i] = codec->feature_names[eddy_spec_dimension_feature(spec, i)];
}

int eddy_output_codec_new(struct eddy_output_codec **codec, const struct eddy_spec *spec) {
  *codec = calloc(1, sizeof **codec);
  if (!*codec) return EDDY_E_NOMEM;
  (*codec)->spec = spec;
  for (int i = 0; i < EDDY_OUTPUT_COUNT; i++)
    (*codec)->prefixes[i] = eddy_prefix_single_object(eddy_output_fingerprint((enum eddy_output)i));
  name_everything(*codec, spec);
  return 0;
}

void eddy_output_codec_free(struct eddy_output_codec *codec) {
  free(codec);
}

void eddy_output_codec_set_id(struct eddy_output_codec *codec, enum eddy_output output, uint32_t id) {
  codec->prefixes[output] = eddy_prefix_confluent(id);
}

void eddy_output_codec_set_model(struct eddy_output_codec *codec, const struct eddy_model *model) {
  codec->segment_count = 0;
  if (!model) return;
  struct eddy_model_parts parts = eddy_model_parts_of(model);
  codec->segment_count = parts.clusters;
  for (uint16_t slot = 0; slot < parts.clusters; slot++) {
    codec->segment_ids[slot] = parts.cards[slot].id;
    codec->segment_names[slot] = text_of(parts.cards[slot].name);
  }
}

struct eddy_str eddy_output_segment_name(const struct eddy_output_codec *codec, uint32_t id) {
  for (uint16_t slot = 0; slot < codec->segment_count; slot++)
    if (codec->segment_ids[slot] == id) return codec->segment_names[slot];
  return (struct eddy_str){NULL, 0};
}

int eddy_output_of(const struct eddy_effect *effect) {
  switch (effect->kind) {
    case EDDY_SEGMENT_CHANGED:
      return EDDY_OUTPUT_SEGMENT_CHANGE;
    case EDDY_TRIGGER_FIRED:
      return EDDY_OUTPUT_TRIGGER;
    case EDDY_TRIGGER_SUPPRESSED:
      return EDDY_OUTPUT_SUPPRESSED;
    case EDDY_MODEL_DELTA:
      return EDDY_OUTPUT_MODEL_DELTA;
    case EDDY_PROFILE_ERASED:
      break;
  }
  return EDDY_OUTPUT_RECEIPT;
}

/* Records ------------------------------------------------------------------------------------------------------------------*/
/* Each function below writes the fields of one schema in their order. */

enum { SEGMENT_KIND_CLUSTER = 0 }; /* symbol positions of the enum SegmentKind */

static void put_segment_reasons(const struct eddy_output_codec *codec, const struct eddy_segment_changed *change,
                                struct eddy_avro_out *out) {
  eddy_avro_block(out, change->reason_count);
  for (uint8_t i = 0; i < change->reason_count; i++) {
    const struct eddy_segment_reason *reason = &change->reasons[i];
    eddy_avro_string(out, codec->feature_names[reason->feature]);
    eddy_avro_float(out, reason->value);
    eddy_avro_float(out, reason->z);
    eddy_avro_float(out, reason->contribution);
  }
  eddy_avro_block_end(out);
}

static void put_place(const struct eddy_effect *effect, const struct eddy_output_place *place, struct eddy_avro_out *out) {
  eddy_avro_long(out, (int32_t)place->partition);
  eddy_avro_long(out, (int64_t)effect->number);
}

static void put_segment_change(const struct eddy_output_codec *codec, const struct eddy_effect *effect,
                               const struct eddy_output_place *place, struct eddy_avro_out *out) {
  const struct eddy_segment_changed *change = &effect->as.segment;
  struct eddy_str to_name = {NULL, 0};
  if (change->has_to) to_name = eddy_output_segment_name(codec, change->to);
  eddy_avro_string(out, effect->user_id);
  eddy_avro_long(out, SEGMENT_KIND_CLUSTER);
  eddy_avro_optional_long(out, change->has_from, change->from);
  eddy_avro_optional_long(out, change->has_to, change->to);
  eddy_avro_optional_string(out, to_name);
  eddy_avro_long(out, change->event_time);
  eddy_avro_long(out, place->published_at);
  eddy_avro_long(out, (int64_t)change->model_version);
  eddy_avro_float(out, change->distance);
  eddy_avro_float(out, change->runner_up);
  put_segment_reasons(codec, change, out);
  put_place(effect, place, out);
}

/* Payload.items; returns whether a line has a price. */
static bool put_cart_lines(const struct eddy_trigger_fired *fired, struct eddy_avro_out *out) {
  bool priced = false;
  eddy_avro_block(out, fired->line_count);
  for (uint16_t i = 0; i < fired->line_count; i++) {
    const struct eddy_cart_line *line = &fired->lines[i];
    eddy_avro_string(out, line->product_id);
    eddy_avro_optional_string(out, line->name);
    eddy_avro_optional_string(out, line->category);
    eddy_avro_optional_long(out, line->has_price, line->price);
    eddy_avro_long(out, line->quantity);
    eddy_avro_long(out, line->added_at);
    priced |= line->has_price;
  }
  eddy_avro_block_end(out);
  return priced;
}

static void put_trigger_reasons(const struct eddy_trigger_spec *spec, const struct eddy_trigger_fired *fired,
                                struct eddy_avro_out *out) {
  char text[EDDY_REASON_TEXT_MAX];
  size_t size = eddy_reason_text(spec, fired, text);
  eddy_avro_block(out, 1);
  eddy_avro_literal(out, eddy_event_type_name(fired->armed_by));
  eddy_avro_long(out, fired->armed_at);
  eddy_avro_string(out, (struct eddy_str){text, (uint32_t)size});
  eddy_avro_block_end(out);
}

static void put_causes(const struct eddy_trigger_fired *fired, struct eddy_avro_out *out) {
  eddy_avro_block(out, fired->cause_count);
  for (uint8_t i = 0; i < fired->cause_count; i++) eddy_avro_string(out, fired->cause_event_ids[i]);
  eddy_avro_block_end(out);
}

static void put_trigger_head(const struct eddy_output_codec *codec, const struct eddy_effect *effect,
                             struct eddy_avro_out *out) {
  const struct eddy_trigger_fired *fired = &effect->as.trigger;
  char id[EDDY_TRIGGER_ID_TEXT];
  eddy_trigger_id_text(fired->trigger_id, id);
  eddy_avro_string(out, codec->trigger_names[fired->trigger]);
  eddy_avro_string(out, (struct eddy_str){id, sizeof id});
  eddy_avro_string(out, effect->user_id);
  if (effect->kind == EDDY_TRIGGER_SUPPRESSED) eddy_avro_literal(out, eddy_suppression_name(fired->suppression));
}

/* Trigger, and Suppressed, which has a `reason` more. */
static void put_trigger(const struct eddy_output_codec *codec, const struct eddy_effect *effect,
                        const struct eddy_output_place *place, struct eddy_avro_out *out) {
  const struct eddy_trigger_fired *fired = &effect->as.trigger;
  const struct eddy_trigger_spec *spec = &codec->spec->triggers[fired->trigger];
  struct eddy_str subject = fired->subject;
  if (subject.len == 0) subject.data = NULL; /* the default cart, or the user */
  put_trigger_head(codec, effect, out);
  eddy_avro_optional_string(out, subject);
  eddy_avro_long(out, fired->step);
  eddy_avro_long(out, fired->due_at);
  eddy_avro_long(out, fired->fired_at);
  eddy_avro_long(out, fired->published_at);
  eddy_avro_optional_long(out, fired->expires_at != EDDY_TIME_NONE, fired->expires_at);
  eddy_avro_bool(out, fired->late);
  eddy_avro_long(out, spec->priority);
  bool priced = put_cart_lines(fired, out);
  eddy_avro_optional_long(out, priced, fired->cart_value);
  eddy_avro_optional_string(out, fired->currency);
  put_trigger_reasons(spec, fired, out);
  put_causes(fired, out);
  put_place(effect, place, out);
}

static void put_delta(const struct eddy_output_codec *codec, const struct eddy_effect *effect,
                      const struct eddy_output_place *place, struct eddy_avro_out *out) {
  const struct eddy_model_delta *delta = &effect->as.delta;
  EDDY_ASSERT(delta->dimensions == codec->dimensions);
  eddy_avro_block(out, codec->dimensions);
  for (uint16_t i = 0; i < codec->dimensions; i++) eddy_avro_string(out, codec->dimension_names[i]);
  eddy_avro_block_end(out);
  eddy_avro_long(out, delta->newest_time);
  eddy_avro_long(out, (int64_t)delta->offered);
  eddy_avro_double(out, delta->offered_weight);
  eddy_avro_block(out, delta->count);
  for (uint16_t i = 0; i < delta->count; i++) {
    eddy_avro_long(out, (int64_t)delta->users[i]);
    eddy_avro_float(out, delta->weights[i]);
    eddy_avro_floats(out, delta->vectors + (size_t)i * delta->dimensions, delta->dimensions);
  }
  eddy_avro_block_end(out);
  put_place(effect, place, out);
}

static void put_receipt(const struct eddy_effect *effect, const struct eddy_output_place *place, struct eddy_avro_out *out) {
  const struct eddy_profile_erased *erased = &effect->as.erased;
  eddy_avro_string(out, effect->user_id);
  eddy_avro_optional_string(out, erased->event_id);
  eddy_avro_long(out, erased->erased_at);
  eddy_avro_long(out, place->published_at);
  eddy_avro_bool(out, erased->had_profile);
  put_place(effect, place, out);
}

int eddy_output_encode(struct eddy_output_codec *codec, const struct eddy_effect *effect, const struct eddy_output_place *place,
                       struct eddy_buffer *buffer) {
  int output = eddy_output_of(effect);
  struct eddy_avro_out out;
  eddy_avro_begin(&out, buffer);
  eddy_avro_bytes(&out, codec->prefixes[output].bytes, codec->prefixes[output].size);
  switch (effect->kind) {
    case EDDY_SEGMENT_CHANGED:
      put_segment_change(codec, effect, place, &out);
      break;
    case EDDY_TRIGGER_FIRED:
    case EDDY_TRIGGER_SUPPRESSED:
      put_trigger(codec, effect, place, &out);
      break;
    case EDDY_MODEL_DELTA:
      put_delta(codec, effect, place, &out);
      break;
    case EDDY_PROFILE_ERASED:
      put_receipt(effect, place, &out);
      break;
  }
  return eddy_avro_end(&out);
}
