#include "daemon/user_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/utf8.h"
#include "daemon/user_text.h"

/* Values --------------------------------------------------------------------------------------------------------------------*/

static json_t *replaced(struct eddy_str text) {
  static const char unknown[] = "\xef\xbf\xbd";
  char *valid = malloc((sizeof(unknown) - 1) * (size_t)text.len);
  size_t size = 0;
  if (!valid) return NULL;
  for (uint32_t at = 0; at < text.len;) {
    size_t length = eddy_utf8_sequence(text.data + at, text.len - at);
    const char *from = length > 0 ? text.data + at : unknown;
    size_t take = length > 0 ? length : sizeof(unknown) - 1;
    memcpy(valid + size, from, take);
    size += take;
    at += length > 0 ? (uint32_t)length : 1;
  }
  json_t *json = json_stringn_nocheck(valid, size);
  free(valid);
  return json;
}

json_t *eddy_json_text(struct eddy_str text) {
  if (text.len == 0) return json_string_nocheck("");
  return eddy_utf8_valid(text.data, text.len) ? json_stringn_nocheck(text.data, text.len) : replaced(text);
}

static json_t *words(const char *text) {
  return eddy_json_text((struct eddy_str){text, (uint32_t)strlen(text)});
}

json_t *eddy_json_time(int64_t time) {
  return time != EDDY_TIME_NONE ? json_integer(time) : json_null();
}

static json_t *number(float value) {
  return isfinite(value) ? json_real((double)value) : json_null();
}

/* An object or array that is being filled; NULL values mean that memory was short, and are remembered. */
struct builder {
  bool failed;
};

static void put(struct builder *builder, json_t *object, const char *key, json_t *value) {
  builder->failed |= json_object_set_new_nocheck(object, key, value) != 0;
}

static void append(struct builder *builder, json_t *array, json_t *value) {
  builder->failed |= json_array_append_new(array, value) != 0;
}

static json_t *type_names(struct builder *builder, eddy_event_mask types) {
  json_t *array = json_array();
  for (int type = 0; type < EDDY_EVENT_TYPE_COUNT; type++) {
    if (types & EDDY_EVENT_BIT(type)) append(builder, array, words(eddy_event_type_name((enum eddy_event_type)type)));
  }
  return array;
}

/* Segment -------------------------------------------------------------------------------------------------------------------*/

/* Empty if the model does not have it. */
static json_t *segment(struct builder *builder, const struct eddy_explanation *explanation) {
  if (!explanation->has_segment) return json_null();
  char label[EDDY_SEGMENT_LABEL_MAX];
  json_t *object = json_object();
  put(builder, object, "id", json_integer(explanation->segment));
  put(builder, object, "name", words(eddy_segment_label(explanation->model, explanation->segment, label)));
  put(builder, object, "since", eddy_json_time(explanation->segment_since));
  return object;
}

static json_t *distances(struct builder *builder, const struct eddy_explanation *explanation) {
  json_t *array = json_array();
  for (uint16_t i = 0; i < explanation->distance_count; i++) {
    const struct eddy_explained_distance *distance = &explanation->distances[i];
    char label[EDDY_SEGMENT_LABEL_MAX];
    json_t *object = json_object();
    put(builder, object, "id", json_integer(distance->id));
    put(builder, object, "name", words(eddy_segment_label(explanation->model, distance->id, label)));
    put(builder, object, "distance", number(distance->distance));
    put(builder, object, "current", json_boolean(distance->current));
    append(builder, array, object);
  }
  return array;
}

/* Features ------------------------------------------------------------------------------------------------------------------*/

static json_t *days(struct builder *builder) {
  json_t *array = json_array();
  for (int i = 0; i < EDDY_EXPLAINED_TIMES; i++) append(builder, array, json_integer(eddy_explained_days[i]));
  return array;
}

static json_t *feature(struct builder *builder, const struct eddy_feature_spec *spec,
                       const struct eddy_explained_feature *explained, const char *currency) {
  static const char *const folds[] = {[EDDY_FOLD_COUNT] = "count",
                                      [EDDY_FOLD_SUM] = "sum",
                                      [EDDY_FOLD_AGE] = "age",
                                      [EDDY_FOLD_RATIO] = "ratio",
                                      [EDDY_FOLD_SHARE] = "share"};
  bool decays = spec->fold == EDDY_FOLD_COUNT || spec->fold == EDDY_FOLD_SUM;
  json_t *object = json_object(), *projected = json_array();
  put(builder, object, "name", words(spec->name));
  put(builder, object, "fold", words(folds[spec->fold]));
  put(builder, object, "half_life_ms", decays ? json_integer(spec->half_life_ms) : json_null());
  put(builder, object, "cluster", json_boolean(spec->cluster));
  if (eddy_feature_is_money(spec)) put(builder, object, "currency", words(currency));
  put(builder, object, "z", explained->has_z ? number(explained->z) : json_null());
  put(builder, object, "value", number(explained->values[0]));
  for (int i = 0; i < EDDY_EXPLAINED_TIMES; i++) append(builder, projected, number(explained->values[i]));
  put(builder, object, "projected", projected);
  return object;
}

static json_t *features(struct builder *builder, const struct eddy_explanation *explanation, const struct eddy_spec *spec) {
  json_t *array = json_array();
  for (uint16_t i = 0; i < spec->feature_count; i++)
    append(builder, array, feature(builder, &spec->features[i], &explanation->features[i], spec->currency));
  return array;
}

/* Carts ---------------------------------------------------------------------------------------------------------------------*/

static json_t *item(struct builder *builder, const struct eddy_cart_line *line) {
  json_t *object = json_object();
  put(builder, object, "product_id", eddy_json_text(line->product_id));
  put(builder, object, "name", eddy_json_text(line->name));
  put(builder, object, "quantity", json_integer(line->quantity));
  put(builder, object, "price", line->has_price ? json_integer(line->price) : json_null());
  return object;
}

static json_t *carts(struct builder *builder, const struct eddy_explanation *explanation) {
  json_t *array = json_array();
  for (uint16_t i = 0; i < explanation->cart_count; i++) {
    const struct eddy_explained_cart *cart = &explanation->carts[i];
    json_t *object = json_object(), *items = json_array();
    put(builder, object, "cart_id", eddy_json_text(cart->cart_id));
    put(builder, object, "value", json_integer(cart->value));
    put(builder, object, "currency", eddy_json_text(cart->currency));
    for (uint16_t j = 0; j < cart->line_count; j++)
      append(builder, items, item(builder, &explanation->lines[cart->first_line + j]));
    put(builder, object, "items", items);
    append(builder, array, object);
  }
  return array;
}

/* Triggers ------------------------------------------------------------------------------------------------------------------*/

static json_t *pending(struct builder *builder, const struct eddy_explanation *explanation, const struct eddy_spec *spec) {
  json_t *array = json_array();
  for (uint16_t i = 0; i < explanation->pending_count; i++) {
    const struct eddy_explained_pending *one = &explanation->pending[i];
    const char *because = eddy_event_type_name(one->armed_by);
    json_t *object = json_object();
    put(builder, object, "trigger", words(spec->triggers[one->trigger].name));
    put(builder, object, "subject", eddy_json_text(one->subject));
    put(builder, object, "step", json_integer(one->step));
    put(builder, object, "armed_at", eddy_json_time(one->armed_at));
    put(builder, object, "due_at", eddy_json_time(one->due_at));
    put(builder, object, "because", words(because ? because : ""));
    put(builder, object, "unless", type_names(builder, spec->triggers[one->trigger].without));
    put(builder, object, "postponed_by", type_names(builder, spec->triggers[one->trigger].after));
    append(builder, array, object);
  }
  return array;
}

static json_t *triggers(struct builder *builder, const struct eddy_explanation *explanation, const struct eddy_spec *spec) {
  static const char *const modes[] = {[EDDY_MODE_LIVE] = "live", [EDDY_MODE_SHADOW] = "shadow", [EDDY_MODE_OFF] = "off"};
  char text[EDDY_USER_TEXT_MAX];
  json_t *array = json_array();
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    json_t *object = json_object();
    eddy_user_standing(explanation, spec, i, text);
    put(builder, object, "trigger", words(spec->triggers[i].name));
    put(builder, object, "mode", words(modes[spec->triggers[i].mode]));
    put(builder, object, "text", words(text));
    append(builder, array, object);
  }
  return array;
}

static json_t *decided(struct builder *builder, const struct eddy_explanation *explanation, const struct eddy_spec *spec) {
  json_t *array = json_array();
  for (uint16_t i = 0; i < explanation->decided_count; i++) {
    const struct eddy_explained_decided *one = &explanation->decided[i];
    json_t *object = json_object();
    put(builder, object, "trigger", words(spec->triggers[one->trigger].name));
    if (one->subject.data) put(builder, object, "subject", eddy_json_text(one->subject));
    put(builder, object, "step", json_integer(one->step));
    put(builder, object, "due_at", eddy_json_time(one->due_at));
    append(builder, array, object);
  }
  return array;
}

static json_t *consent(struct builder *builder, const struct eddy_explanation *explanation) {
  json_t *object = json_object();
  if (explanation->unsubscribed_at != EDDY_TIME_NONE)
    put(builder, object, "unsubscribed_at", json_integer(explanation->unsubscribed_at));
  if (explanation->subscribed_at != EDDY_TIME_NONE)
    put(builder, object, "subscribed_at", json_integer(explanation->subscribed_at));
  return object;
}

/* All of it -----------------------------------------------------------------------------------------------------------------*/

static void put_person(struct builder *builder, json_t *user, const struct eddy_explanation *explanation, int32_t partition) {
  put(builder, user, "user_id", eddy_json_text(explanation->user_id));
  put(builder, user, "partition", json_integer(partition));
  put(builder, user, "now", eddy_json_time(explanation->now));
  put(builder, user, "first_seen", eddy_json_time(explanation->first_seen));
  put(builder, user, "last_seen", eddy_json_time(explanation->last_seen));
}

static void put_segment(struct builder *builder, json_t *user, const struct eddy_explanation *explanation,
                        const struct eddy_spec *spec) {
  char text[EDDY_USER_TEXT_MAX];
  eddy_user_verdict(explanation, spec, text);
  put(builder, user, "segment", segment(builder, explanation));
  put(builder, user, "evidence", number(explanation->evidence));
  put(builder, user, "evidence_min", number(spec->evidence_min));
  put(builder, user, "switch_margin", number(spec->switch_margin));
  put(builder, user, "verdict", words(text));
  put(builder, user, "distances", distances(builder, explanation));
}

json_t *eddy_user_json(const struct eddy_explanation *explanation, const struct eddy_spec *spec, int32_t partition) {
  struct builder builder = {false};
  json_t *user = json_object();
  put_person(&builder, user, explanation, partition);
  put_segment(&builder, user, explanation, spec);
  put(&builder, user, "projected_days", days(&builder));
  put(&builder, user, "features", features(&builder, explanation, spec));
  put(&builder, user, "carts", carts(&builder, explanation));
  put(&builder, user, "pending", pending(&builder, explanation, spec));
  put(&builder, user, "triggers", triggers(&builder, explanation, spec));
  put(&builder, user, "decided", decided(&builder, explanation, spec));
  put(&builder, user, "consent", consent(&builder, explanation));
  if (!builder.failed) return user;
  json_decref(user);
  return NULL;
}
