#include "daemon/user_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"

struct text {
  char *at;
  size_t left; /* with the terminator */
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(text->at, text->left, format, arguments);
  va_end(arguments);
  size_t used = size < 0 ? 0 : (size_t)size < text->left ? (size_t)size : text->left - 1;
  text->at += used;
  text->left -= used;
}

static void say_time(struct text *text, const char *before, int64_t time) {
  char formatted[EDDY_TIME_TEXT];
  eddy_time_format(time, formatted);
  say(text, "%s%s", before, formatted);
}

static void say_duration(struct text *text, const char *before, int64_t ms) {
  char formatted[EDDY_TIME_TEXT];
  eddy_duration_format(ms, formatted);
  say(text, "%s%s", before, formatted);
}

static void say_types(struct text *text, eddy_event_mask types) {
  const char *between = "";
  for (int type = 0; type < EDDY_EVENT_TYPE_COUNT; type++) {
    if (!(types & EDDY_EVENT_BIT(type))) continue;
    say(text, "%s%s", between, eddy_event_type_name((enum eddy_event_type)type));
    between = " or ";
  }
}

/* Segment -------------------------------------------------------------------------------------------------------------------*/

static const char *name_of(const struct eddy_explanation *explanation, const struct eddy_explained_distance *distance) {
  return eddy_model_parts_of(explanation->model).cards[distance->slot].name;
}

static double percent(const struct eddy_spec *spec) {
  return 100 * (double)spec->switch_margin;
}

/* NULL if the user has no segment, or one that the model does not have. */
static const struct eddy_explained_distance *current(const struct eddy_explanation *explanation) {
  for (uint16_t i = 0; i < explanation->distance_count; i++) {
    if (explanation->distances[i].current) return &explanation->distances[i];
  }
  return NULL;
}

static void say_where(struct text *text, const struct eddy_explanation *explanation) {
  const struct eddy_explained_distance *here = current(explanation);
  if (!explanation->has_segment) {
    say(text, "in no segment");
    return;
  }
  if (here)
    say(text, "in `%s`", name_of(explanation, here));
  else
    say(text, "in segment %u", explanation->segment);
  say_time(text, " since ", explanation->segment_since);
}

static void say_forgotten(struct text *text, const struct eddy_spec *spec) {
  say(text, "nothing but consent is kept: no event came for longer than");
  say_duration(text, " ", spec->idle_ttl_ms);
}

static void say_nearest(struct text *text, const struct eddy_explanation *explanation, const struct eddy_spec *spec) {
  say(text, ": nearest with distance %.2f", (double)explanation->distances[0].distance);
  if (explanation->distance_count < 2) return;
  say(text, "; the next, `%s`, is at %.2f", name_of(explanation, &explanation->distances[1]),
      (double)explanation->distances[1].distance);
  if (percent(spec) > 0) say(text, " (a change needs one that is %.3g %% nearer)", percent(spec));
}

static void say_margin(struct text *text, const struct eddy_explanation *explanation, const struct eddy_spec *spec) {
  double here = (double)current(explanation)->distance;
  say(text, ": `%s` is nearer (%.2f against %.2f), but a change needs one that is %.3g %% nearer, below %.2f",
      name_of(explanation, &explanation->distances[0]), (double)explanation->distances[0].distance, here, percent(spec),
      here * (1 - (double)spec->switch_margin));
}

static void say_waits(struct text *text, const struct eddy_explanation *explanation, const struct eddy_spec *spec) {
  const struct eddy_explained_distance *here = current(explanation), *nearest = &explanation->distances[0];
  say(text, "%s: `%s` is %s (%.2f", explanation->has_segment && !here ? ", which the model no longer has" : "",
      name_of(explanation, nearest), here ? "nearer" : "nearest", (double)nearest->distance);
  if (here) say(text, " against %.2f", (double)here->distance);
  say(text, "), the user moves there with the next event%s", spec->sweep ? " or the daily look at all users" : "");
}

const char *eddy_segment_label(const struct eddy_model *model, uint32_t id, char label[EDDY_SEGMENT_LABEL_MAX]) {
  int slot = model ? eddy_model_slot(model, id) : -1;
  if (slot >= 0)
    snprintf(label, EDDY_SEGMENT_LABEL_MAX, "%s", eddy_model_parts_of(model).cards[slot].name);
  else
    snprintf(label, EDDY_SEGMENT_LABEL_MAX, "segment %" PRIu32, id);
  return label;
}

void eddy_user_verdict(const struct eddy_explanation *explanation, const struct eddy_spec *spec, char out[EDDY_USER_TEXT_MAX]) {
  struct text text = {out, EDDY_USER_TEXT_MAX};
  if (explanation->verdict != EDDY_VERDICT_FORGOTTEN) say_where(&text, explanation);
  switch (explanation->verdict) {
    case EDDY_VERDICT_FORGOTTEN:
      say_forgotten(&text, spec);
      break;
    case EDDY_VERDICT_NO_MODEL:
      say(&text, ": there is no model yet");
      break;
    case EDDY_VERDICT_EVIDENCE:
      say(&text, ": the events so far weigh %.3g, a first segment needs %.3g", (double)explanation->evidence,
          (double)spec->evidence_min);
      break;
    case EDDY_VERDICT_NEAREST:
      say_nearest(&text, explanation, spec);
      break;
    case EDDY_VERDICT_MARGIN:
      say_margin(&text, explanation, spec);
      break;
    case EDDY_VERDICT_WAITS:
      say_waits(&text, explanation, spec);
      break;
  }
}

/* Triggers ------------------------------------------------------------------------------------------------------------------*/

struct story {
  struct text text;
  const struct eddy_explanation *explanation;
  const struct eddy_trigger_spec *spec;
  const struct eddy_explained_trigger *trigger;
  uint16_t position;
  int64_t cart_ttl_ms;
};

/* Which cart, where a trigger is about one that has a name. */
static void say_cart(struct story *story) {
  struct eddy_str cart = story->trigger->subject;
  if (cart.len > 0) say(&story->text, " for cart `%.*s`", (int)cart.len, cart.data);
}

static void say_cooldown(struct story *story) {
  say_time(&story->text, "; not again before ", story->trigger->cooldown_until);
  say_duration(&story->text, " (cooldown ", story->spec->cooldown_ms);
  say(&story->text, ")");
}

/* The first of the trigger's pending deadlines; there is one if it is pending, unless too many are. */
static const struct eddy_explained_pending *first_pending(const struct story *story, unsigned *more) {
  const struct eddy_explained_pending *first = NULL;
  *more = 0;
  for (uint16_t i = 0; i < story->explanation->pending_count; i++) {
    const struct eddy_explained_pending *pending = &story->explanation->pending[i];
    if (pending->trigger != story->position) continue;
    if (first)
      ++*more;
    else
      first = pending;
  }
  return first;
}

static void say_outcome(struct story *story, enum eddy_suppression outcome) {
  static const char *const whys[EDDY_SUPPRESSION_COUNT] = {
      [EDDY_SUPPRESS_COOLDOWN] = "it fired for this user within its cooldown",
      [EDDY_SUPPRESS_BACKFILL] = "due before time.publish_after",
      [EDDY_SUPPRESS_TOO_LATE] = "due for too long already",
      [EDDY_SUPPRESS_UNSUBSCRIBED] = "the user unsubscribed, complained or bounced hard",
  };
  if (outcome == EDDY_SUPPRESS_SHADOW) say(&story->text, "; but the trigger runs in shadow mode: nothing is sent");
  if (!whys[outcome]) return;
  say(&story->text, "; but it will be held back: %s", whys[outcome]);
  if (outcome == EDDY_SUPPRESS_COOLDOWN) say_duration(&story->text, " of ", story->spec->cooldown_ms);
}

static void say_pending(struct story *story) {
  unsigned more;
  const struct eddy_explained_pending *first = first_pending(story, &more);
  bool fires = !first || first->outcome == EDDY_SUPPRESS_NONE;
  say_time(&story->text, fires ? "fires at " : "due at ", story->trigger->due_at);
  say_cart(story);
  say(&story->text, " unless ");
  if (story->spec->without) {
    say_types(&story->text, story->spec->without);
    say(&story->text, " comes first or ");
  }
  say(&story->text, "another ");
  say_types(&story->text, story->spec->after);
  say(&story->text, " puts it off");
  if (first) say_outcome(story, first->outcome);
  if (more > 0) say(&story->text, "; %u more deadline%s after it", more, more > 1 ? "s" : "");
}

static void say_emptied(struct story *story) {
  say_time(&story->text, "would be due at ", story->trigger->due_at);
  say_cart(story);
  say(&story->text, ", but the cart is empty");
}

static void say_once(struct story *story) {
  say_types(&story->text, story->spec->after);
  say(&story->text, " came again");
  say_cart(story);
  say(&story->text, ", but this cart has had its trigger");
  say_duration(&story->text, "; it counts anew ", story->cart_ttl_ms);
  say(&story->text, " after that");
}

static void say_end(struct story *story) {
  if (story->trigger->ended_by)
    say_types(&story->text, story->trigger->ended_by);
  else
    say(&story->text, "the end of consent");
  say_time(&story->text, " at ", story->trigger->ended_at);
}

/* Without the time of its beginning it may have been decided before what came at the end, and the mark of that be gone. */
static void say_ended(struct story *story) {
  const struct eddy_explained_trigger *trigger = story->trigger;
  bool known = trigger->seen_at != EDDY_TIME_NONE;
  say(&story->text, known ? "began with " : "after ");
  say_types(&story->text, story->spec->after);
  if (known) say_time(&story->text, " at ", trigger->seen_at);
  if (trigger->ended_at == EDDY_TIME_NONE) {
    say(&story->text, "%snothing waits: it was ended, came too late, or was decided so long ago that nothing is kept of it",
        known ? "; " : " ");
  } else {
    say(&story->text, known ? "; ended by " : " came ");
    say_end(story);
    if (!known) say(&story->text, ": nothing waits");
  }
}

static void say_decided(struct story *story) {
  bool shadow = story->spec->mode == EDDY_MODE_SHADOW;
  say_time(&story->text, "was due at ", story->trigger->decided_due);
  if (!story->trigger->decided_fired)
    say(&story->text, " and was held back");
  else
    say(&story->text, "%s", shadow ? " and fired, or would have but for shadow mode" : " and fired");
}

static void say_unseen(struct story *story) {
  say(&story->text, "not begun: no ");
  say_types(&story->text, story->spec->after);
  say(&story->text, " on record");
}

static void say_standing(struct story *story) {
  static void (*const sayings[])(struct story *) = {
      [EDDY_STANDING_PENDING] = say_pending, [EDDY_STANDING_EMPTIED] = say_emptied, [EDDY_STANDING_ONCE] = say_once,
      [EDDY_STANDING_ENDED] = say_ended,     [EDDY_STANDING_DECIDED] = say_decided, [EDDY_STANDING_UNSEEN] = say_unseen,
  };
  enum eddy_standing standing = story->trigger->standing;
  if (standing == EDDY_STANDING_OFF) {
    say(&story->text, "switched off");
    return;
  }
  sayings[standing](story);
  if (standing == EDDY_STANDING_PENDING) return; /* the outcome was said */
  if (story->trigger->cooldown_until != EDDY_TIME_NONE) say_cooldown(story);
  if (story->explanation->consent_withdrawn) say(&story->text, "; without consent it would be held back");
}

void eddy_user_standing(const struct eddy_explanation *explanation, const struct eddy_spec *spec, uint16_t trigger,
                        char text[EDDY_USER_TEXT_MAX]) {
  struct story story = {
      .text = {text, EDDY_USER_TEXT_MAX},
      .explanation = explanation,
      .spec = &spec->triggers[trigger],
      .trigger = &explanation->triggers[trigger],
      .position = trigger,
      .cart_ttl_ms = spec->cart_ttl_ms,
  };
  text[0] = '\0';
  say_standing(&story);
}
