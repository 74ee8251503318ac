/* Ranges and cross references of a specification. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "eddy/spec.h"

/* Where the first sentence about something wrong goes. */
struct complaint {
  char *why;
  size_t size;
};

__attribute__((format(printf, 2, 3))) static bool wrong(const struct complaint *complaint, const char *format, ...) {
  if (complaint->why != NULL && complaint->size > 0) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaint->why, complaint->size, format, arguments);
    va_end(arguments);
  }
  return false;
}

static const eddy_event_mask all_types = EDDY_EVENT_BIT(EDDY_EVENT_TYPE_COUNT) - 1;
static const int64_t ten_years = 3653 * EDDY_DAY_MS;

static bool name_ok(const char *name) {
  size_t length = strnlen(name, EDDY_NAME_MAX + 1);
  if (length == 0 || length > EDDY_NAME_MAX || name[0] < 'a' || name[0] > 'z') {
    return false;
  }
  for (size_t i = 1; i < length; i++) {
    char c = name[i];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
      return false;
    }
  }
  return true;
}

static bool owns_lane(const struct eddy_feature_spec *feature) {
  return feature->fold == EDDY_FOLD_COUNT || feature->fold == EDDY_FOLD_SUM;
}

static bool references_ok(const struct eddy_spec *spec, const struct eddy_feature_spec *feature,
                          const struct complaint *complaint) {
  uint16_t places[2] = {feature->of, feature->to};
  for (int i = 0; i < 2; i++) {
    if (places[i] >= spec->feature_count || !owns_lane(&spec->features[places[i]])) {
      return wrong(complaint, "feature %s: a ratio or share needs two features that count or sum", feature->name);
    }
  }
  return true;
}

static bool feature_ok(const struct eddy_spec *spec, uint16_t position, const struct complaint *complaint) {
  const struct eddy_feature_spec *feature = &spec->features[position];
  if (!name_ok(feature->name)) {
    return wrong(complaint, "feature %u: a name is 1 to %d characters, [a-z][a-z0-9_]*", position, EDDY_NAME_MAX);
  }
  for (uint16_t i = 0; i < position; i++) {
    if (strcmp(spec->features[i].name, feature->name) == 0) {
      return wrong(complaint, "feature %s is there twice", feature->name);
    }
  }
  if ((unsigned)feature->fold > EDDY_FOLD_SHARE || (unsigned)feature->value > EDDY_VALUE_QUANTITY ||
      (unsigned)feature->transform > EDDY_TRANSFORM_NONE) {
    return wrong(complaint, "feature %s: unknown fold, value or transform", feature->name);
  }
  if (feature->fold == EDDY_FOLD_RATIO || feature->fold == EDDY_FOLD_SHARE) {
    return references_ok(spec, feature, complaint);
  }
  if (feature->on == 0 || (feature->on & ~all_types) != 0) {
    return wrong(complaint, "feature %s: `on` names no event type, or an unknown one", feature->name);
  }
  if (owns_lane(feature) && (feature->half_life_ms < EDDY_MINUTE_MS || feature->half_life_ms > ten_years)) {
    return wrong(complaint, "feature %s: a half-life is 1 minute to 10 years", feature->name);
  }
  return true;
}

static bool half_lives_ok(const struct eddy_spec *spec, const struct complaint *complaint) {
  int64_t seen[EDDY_HALF_LIVES_MAX];
  int count = 0;
  for (uint16_t i = 0; i < spec->feature_count; i++) {
    int at = 0;
    if (!owns_lane(&spec->features[i])) {
      continue;
    }
    while (at < count && seen[at] != spec->features[i].half_life_ms) {
      at++;
    }
    if (at == EDDY_HALF_LIVES_MAX) {
      return wrong(complaint, "feature %s: more than %d different half-lives", spec->features[i].name, EDDY_HALF_LIVES_MAX);
    }
    if (at == count) {
      seen[count++] = spec->features[i].half_life_ms;
    }
  }
  return true;
}

static bool waits_ok(const struct eddy_trigger_spec *trigger, const struct complaint *complaint) {
  if (trigger->step_count < 1 || trigger->step_count > EDDY_STEPS_MAX) {
    return wrong(complaint, "trigger %s: 1 to %d steps", trigger->name, EDDY_STEPS_MAX);
  }
  int64_t before = 0;
  for (uint8_t step = 0; step < trigger->step_count; step++) {
    if (trigger->wait_ms[step] <= before || trigger->wait_ms[step] > ten_years) {
      return wrong(complaint, "trigger %s: waits ascend, from above 0 to 10 years", trigger->name);
    }
    before = trigger->wait_ms[step];
  }
  return true;
}

static bool trigger_ok(const struct eddy_spec *spec, uint16_t position, const struct complaint *complaint) {
  const struct eddy_trigger_spec *trigger = &spec->triggers[position];
  if (!name_ok(trigger->name)) {
    return wrong(complaint, "trigger %u: a name is 1 to %d characters, [a-z][a-z0-9_]*", position, EDDY_NAME_MAX);
  }
  for (uint16_t i = 0; i < position; i++) {
    if (strcmp(spec->triggers[i].name, trigger->name) == 0) {
      return wrong(complaint, "trigger %s is there twice", trigger->name);
    }
  }
  if (trigger->kind != EDDY_TRIGGER_ABSENCE || (unsigned)trigger->subject > EDDY_SUBJECT_CART ||
      (unsigned)trigger->mode > EDDY_MODE_OFF || (unsigned)trigger->payload > EDDY_PAYLOAD_CART) {
    return wrong(complaint, "trigger %s: unknown kind, subject, mode or payload", trigger->name);
  }
  if (trigger->after == 0 || ((trigger->after | trigger->without) & ~all_types) != 0) {
    return wrong(complaint, "trigger %s: `after` names no event type, or an unknown one", trigger->name);
  }
  if (trigger->cooldown_ms < 0 || trigger->max_lateness_ms < 0 || trigger->expires_ms < 0 || trigger->cooldown_ms > ten_years ||
      trigger->expires_ms > ten_years) {
    return wrong(complaint, "trigger %s: a span is negative or longer than 10 years", trigger->name);
  }
  return waits_ok(trigger, complaint);
}

static bool limits_ok(const struct eddy_limits *limits, const struct complaint *complaint) {
  const struct {
    const char *name;
    uint32_t value, min, max;
  } rows[] = {
      {"recent_ids", limits->recent_ids, 0, 64},
      {"cart_lines", limits->cart_lines, 1, 256},
      {"carts", limits->carts, 1, 16},
      {"viewed_items", limits->viewed_items, 0, 32},
      {"attributes", limits->attributes, 0, 64},
      {"armed_times", limits->armed_times, 1, 64},
      {"fired_marks", limits->fired_marks, 1, 64},
      {"tail_bytes", limits->tail_bytes, 1024, 56 * 1024},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (rows[i].value < rows[i].min || rows[i].value > rows[i].max) {
      return wrong(complaint, "limit %s is %u, not within %u to %u", rows[i].name, rows[i].value, rows[i].min, rows[i].max);
    }
  }
  return true;
}

static bool currency_ok(const char currency[4]) {
  for (int i = 0; i < 3; i++) {
    if (currency[i] < 'A' || currency[i] > 'Z') {
      return false;
    }
  }
  return currency[3] == '\0';
}

static bool engine_ok(const struct eddy_spec *spec, const struct complaint *complaint) {
  if (!currency_ok(spec->currency)) {
    return wrong(complaint, "the currency is three capital letters (ISO 4217)");
  }
  if (spec->allowed_lateness_ms < 0 || spec->allowed_lateness_ms > 30 * EDDY_DAY_MS) {
    return wrong(complaint, "allowed lateness is 0 to 30 days");
  }
  if (spec->idle_ttl_ms < EDDY_DAY_MS || spec->idle_ttl_ms > ten_years || spec->idle_ttl_ms <= spec->allowed_lateness_ms) {
    return wrong(complaint, "the idle TTL is 1 day to 10 years and longer than the allowed lateness");
  }
  if (spec->cart_ttl_ms < EDDY_MINUTE_MS || spec->cart_ttl_ms > ten_years) {
    return wrong(complaint, "the cart TTL is 1 minute to 10 years");
  }
  if (!(spec->switch_margin >= 0 && spec->switch_margin < 1)) {
    return wrong(complaint, "the switch margin is at least 0 and below 1");
  }
  if (!(spec->evidence_min >= 0 && spec->evidence_min <= 1e6f)) {
    return wrong(complaint, "the evidence before a first segment is 0 to 1,000,000 events");
  }
  return true;
}

static bool spec_ok(const struct eddy_spec *spec, const struct complaint *complaint) {
  if (spec->feature_count > EDDY_FEATURES_MAX || spec->trigger_count > EDDY_TRIGGERS_MAX) {
    return wrong(complaint, "at most %d features and %d triggers", EDDY_FEATURES_MAX, EDDY_TRIGGERS_MAX);
  }
  for (uint16_t i = 0; i < spec->feature_count; i++) {
    if (!feature_ok(spec, i, complaint)) {
      return false;
    }
  }
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    if (!trigger_ok(spec, i, complaint)) {
      return false;
    }
  }
  return half_lives_ok(spec, complaint) && limits_ok(&spec->limits, complaint) && engine_ok(spec, complaint);
}

int eddy_spec_check(const struct eddy_spec *spec, char *why, size_t size) {
  const struct complaint complaint = {why, size};
  return spec_ok(spec, &complaint) ? 0 : EDDY_E_INVALID;
}
