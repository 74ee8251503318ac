/* Effects as JSON lines: the fields of the Avro records in their order, behind "type". */
#include <string.h>

#include "codec/json_out.h"
#include "codec/output_shared.h"
#include "codec/output_text.h"

static void key_integer(struct eddy_json_out *out, const char *name, int64_t value) {
  eddy_json_key(out, name);
  eddy_json_integer(out, value);
}

static void key_float(struct eddy_json_out *out, const char *name, float value) {
  eddy_json_key(out, name);
  eddy_json_float(out, value);
}

static void key_string(struct eddy_json_out *out, const char *name, struct eddy_str value) {
  eddy_json_key(out, name);
  eddy_json_string(out, value);
}

static void key_literal(struct eddy_json_out *out, const char *name, const char *value) {
  eddy_json_key(out, name);
  eddy_json_literal(out, value);
}

static void key_optional_integer(struct eddy_json_out *out, const char *name, bool present, int64_t value) {
  eddy_json_key(out, name);
  eddy_json_optional_integer(out, present, value);
}

static void key_optional_string(struct eddy_json_out *out, const char *name, struct eddy_str value) {
  eddy_json_key(out, name);
  eddy_json_optional_string(out, value);
}

static void put_place(struct eddy_json_out *out, const struct eddy_effect *effect, const struct eddy_output_place *place) {
  key_integer(out, "partition", (int32_t)place->partition);
  key_integer(out, "effect", (int64_t)effect->number);
}

static void put_segment_reasons(struct eddy_json_out *out, const struct eddy_output_codec *codec,
                                const struct eddy_segment_changed *change) {
  eddy_json_key(out, "reasons");
  eddy_json_open(out, '[');
  for (uint8_t i = 0; i < change->reason_count; i++) {
    const struct eddy_segment_reason *reason = &change->reasons[i];
    eddy_json_open(out, '{');
    key_string(out, "feature", codec->feature_names[reason->feature]);
    key_float(out, "value", reason->value);
    key_float(out, "z", reason->z);
    key_float(out, "contribution", reason->contribution);
    eddy_json_close(out, '}');
  }
  eddy_json_close(out, ']');
}

static void put_segment_change(struct eddy_json_out *out, const struct eddy_output_codec *codec,
                               const struct eddy_effect *effect, const struct eddy_output_place *place) {
  const struct eddy_segment_changed *change = &effect->as.segment;
  struct eddy_str to_name = {NULL, 0};
  if (change->has_to) to_name = eddy_output_segment_name(codec, change->to);
  key_literal(out, "type", "segment_change");
  key_string(out, "user_id", effect->user_id);
  key_literal(out, "kind", "cluster");
  key_optional_integer(out, "from", change->has_from, change->from);
  key_optional_integer(out, "to", change->has_to, change->to);
  key_optional_string(out, "to_name", to_name);
  key_integer(out, "event_time", change->event_time);
  key_integer(out, "published_at", place->published_at);
  key_integer(out, "model_version", (int64_t)change->model_version);
  key_float(out, "distance", change->distance);
  key_float(out, "runner_up", change->runner_up);
  put_segment_reasons(out, codec, change);
  put_place(out, effect, place);
}

static void put_payload(struct eddy_json_out *out, const struct eddy_trigger_fired *fired) {
  bool priced = false;
  eddy_json_key(out, "payload");
  eddy_json_open(out, '{');
  eddy_json_key(out, "items");
  eddy_json_open(out, '[');
  for (uint16_t i = 0; i < fired->line_count; i++) {
    const struct eddy_cart_line *line = &fired->lines[i];
    eddy_json_open(out, '{');
    key_string(out, "product_id", line->product_id);
    key_optional_string(out, "name", line->name);
    key_optional_string(out, "category", line->category);
    key_optional_integer(out, "price", line->has_price, line->price);
    key_integer(out, "quantity", line->quantity);
    key_integer(out, "added_at", line->added_at);
    eddy_json_close(out, '}');
    priced |= line->has_price;
  }
  eddy_json_close(out, ']');
  key_optional_integer(out, "value", priced, fired->cart_value);
  key_optional_string(out, "currency", fired->currency);
  eddy_json_close(out, '}');
}

static void put_trigger_reasons(struct eddy_json_out *out, const struct eddy_trigger_spec *spec,
                                const struct eddy_trigger_fired *fired) {
  char text[EDDY_REASON_TEXT_MAX];
  size_t size = eddy_reason_text(spec, fired, text);
  eddy_json_key(out, "reasons");
  eddy_json_open(out, '[');
  eddy_json_open(out, '{');
  key_literal(out, "event", eddy_event_type_name(fired->armed_by));
  key_integer(out, "at", fired->armed_at);
  key_string(out, "text", (struct eddy_str){text, (uint32_t)size});
  eddy_json_close(out, '}');
  eddy_json_close(out, ']');
}

static void put_causes(struct eddy_json_out *out, const struct eddy_trigger_fired *fired) {
  eddy_json_key(out, "cause_event_ids");
  eddy_json_open(out, '[');
  for (uint8_t i = 0; i < fired->cause_count; i++) eddy_json_string(out, fired->cause_event_ids[i]);
  eddy_json_close(out, ']');
}

static void put_trigger_head(struct eddy_json_out *out, const struct eddy_output_codec *codec,
                             const struct eddy_effect *effect) {
  const struct eddy_trigger_fired *fired = &effect->as.trigger;
  bool suppressed = effect->kind == EDDY_TRIGGER_SUPPRESSED;
  char id[EDDY_TRIGGER_ID_TEXT];
  eddy_trigger_id_text(fired->trigger_id, id);
  key_literal(out, "type", suppressed ? "suppressed" : "trigger");
  key_string(out, "trigger", codec->trigger_names[fired->trigger]);
  key_string(out, "trigger_id", (struct eddy_str){id, sizeof id});
  key_string(out, "user_id", effect->user_id);
  if (suppressed) key_literal(out, "reason", eddy_suppression_name(fired->suppression));
}

static void put_trigger(struct eddy_json_out *out, const struct eddy_output_codec *codec, const struct eddy_effect *effect,
                        const struct eddy_output_place *place) {
  const struct eddy_trigger_fired *fired = &effect->as.trigger;
  const struct eddy_trigger_spec *spec = &codec->spec->triggers[fired->trigger];
  struct eddy_str subject = fired->subject;
  if (subject.len == 0) subject.data = NULL; /* the default cart, or the user */
  put_trigger_head(out, codec, effect);
  key_optional_string(out, "subject", subject);
  key_integer(out, "step", fired->step);
  key_integer(out, "due_at", fired->due_at);
  key_integer(out, "fired_at", fired->fired_at);
  key_integer(out, "published_at", fired->published_at);
  key_optional_integer(out, "expires_at", fired->expires_at != EDDY_TIME_NONE, fired->expires_at);
  eddy_json_key(out, "late");
  eddy_json_bool(out, fired->late);
  key_integer(out, "priority", spec->priority);
  put_payload(out, fired);
  put_trigger_reasons(out, spec, fired);
  put_causes(out, fired);
  put_place(out, effect, place);
}

static void put_contribution(struct eddy_json_out *out, const struct eddy_model_delta *delta, uint16_t at) {
  eddy_json_open(out, '{');
  key_integer(out, "user", (int64_t)delta->users[at]);
  key_float(out, "weight", delta->weights[at]);
  eddy_json_key(out, "x");
  eddy_json_open(out, '[');
  for (uint16_t i = 0; i < delta->dimensions; i++) eddy_json_float(out, delta->vectors[(size_t)at * delta->dimensions + i]);
  eddy_json_close(out, ']');
  eddy_json_close(out, '}');
}

static void put_delta(struct eddy_json_out *out, const struct eddy_output_codec *codec, const struct eddy_effect *effect,
                      const struct eddy_output_place *place) {
  const struct eddy_model_delta *delta = &effect->as.delta;
  key_literal(out, "type", "model_delta");
  eddy_json_key(out, "features");
  eddy_json_open(out, '[');
  for (uint16_t i = 0; i < codec->dimensions; i++) eddy_json_string(out, codec->dimension_names[i]);
  eddy_json_close(out, ']');
  key_integer(out, "newest_time", delta->newest_time);
  key_integer(out, "offered", (int64_t)delta->offered);
  eddy_json_key(out, "offered_weight");
  eddy_json_double(out, delta->offered_weight);
  eddy_json_key(out, "vectors");
  eddy_json_open(out, '[');
  for (uint16_t i = 0; i < delta->count; i++) put_contribution(out, delta, i);
  eddy_json_close(out, ']');
  put_place(out, effect, place);
}

static void put_receipt(struct eddy_json_out *out, const struct eddy_effect *effect, const struct eddy_output_place *place) {
  const struct eddy_profile_erased *erased = &effect->as.erased;
  key_literal(out, "type", "receipt");
  key_string(out, "user_id", effect->user_id);
  key_optional_string(out, "event_id", erased->event_id);
  key_integer(out, "erased_at", erased->erased_at);
  key_integer(out, "published_at", place->published_at);
  eddy_json_key(out, "had_profile");
  eddy_json_bool(out, erased->had_profile);
  put_place(out, effect, place);
}

int eddy_output_json(struct eddy_output_codec *codec, const struct eddy_effect *effect, const struct eddy_output_place *place,
                     struct eddy_buffer *buffer) {
  struct eddy_json_out out;
  eddy_json_begin(&out, buffer);
  eddy_json_open(&out, '{');
  switch (effect->kind) {
    case EDDY_SEGMENT_CHANGED:
      put_segment_change(&out, codec, effect, place);
      break;
    case EDDY_TRIGGER_FIRED:
    case EDDY_TRIGGER_SUPPRESSED:
      put_trigger(&out, codec, effect, place);
      break;
    case EDDY_MODEL_DELTA:
      put_delta(&out, codec, effect, place);
      break;
    case EDDY_PROFILE_ERASED:
      put_receipt(&out, effect, place);
      break;
  }
  eddy_json_close(&out, '}');
  return eddy_json_end(&out);
}
