#include "core/consent.h"

#include <string.h>

eddy_event_mask eddy_consent_mask(void) {
  return EDDY_EVENT_BIT(EDDY_EMAIL_UNSUBSCRIBED) | EDDY_EVENT_BIT(EDDY_EMAIL_COMPLAINED) | EDDY_EVENT_BIT(EDDY_EMAIL_BOUNCED) |
         EDDY_EVENT_BIT(EDDY_EMAIL_SUBSCRIBED);
}

static bool equals_ignoring_case(struct eddy_str text, struct eddy_str lower) {
  if (text.len != lower.len) {
    return false;
  }
  for (uint32_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    if ((c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c) != lower.data[i]) {
      return false;
    }
  }
  return true;
}

bool eddy_consent_given(const struct eddy_event *event) {
  const struct eddy_str words[] = {EDDY_STR("granted"), EDDY_STR("subscribed"), EDDY_STR("opted_in"), EDDY_STR("given")};
  if (event->type == EDDY_EMAIL_SUBSCRIBED) {
    return true;
  }
  for (size_t i = 0; i < sizeof words / sizeof words[0] && event->type == EDDY_CONSENT_CHANGED; i++) {
    if (equals_ignoring_case(event->consent_state, words[i])) {
      return true;
    }
  }
  return false;
}

static bool ends_consent(const struct eddy_event *event) {
  bool hard = equals_ignoring_case(event->bounce_type, EDDY_STR("hard")) ||
              equals_ignoring_case(event->bounce_type, EDDY_STR("permanent")); /* the word of Amazon SES */
  return event->type == EDDY_EMAIL_UNSUBSCRIBED || event->type == EDDY_EMAIL_COMPLAINED ||
         (event->type == EDDY_EMAIL_BOUNCED && hard);
}

/* When full, the oldest goes: it is the first that nothing rests on any more. */
static void remember(struct eddy_tail *tail, int64_t time, bool subscribed) {
  uint16_t at = tail->consent_count;
  while (at > 0 && tail->consent[at - 1].time > time) {
    at--;
  }
  if (tail->consent_count == EDDY_TAIL_CONSENT_MAX) {
    if (at == 0) {
      return;
    }
    at--;
    tail->consent_count--;
    memmove(&tail->consent[0], &tail->consent[1], tail->consent_count * sizeof tail->consent[0]);
  }
  memmove(&tail->consent[at + 1], &tail->consent[at], (size_t)(tail->consent_count - at) * sizeof tail->consent[0]);
  tail->consent[at] = (struct eddy_consent_time){.time = time, .subscribed = subscribed};
  tail->consent_count++;
}

void eddy_consent_fold(struct eddy_tail *tail, const struct eddy_event *event) {
  bool subscribed = event->type == EDDY_EMAIL_SUBSCRIBED;
  int64_t *newest = subscribed ? &tail->subscribed_at : &tail->unsubscribed_at;
  if ((!subscribed && !ends_consent(event)) || event->event_time == *newest || event->event_time == EDDY_TIME_NONE) {
    return;
  }
  int64_t older = event->event_time < *newest ? event->event_time : *newest;
  if (older != EDDY_TIME_NONE) {
    remember(tail, older, subscribed);
  }
  *newest = event->event_time > *newest ? event->event_time : *newest;
}

/* The state at the floor is the newest change below it: of the history that is one entry at most, and none if a newest time
 * comes after it or if it says what is taken for granted without it. */
void eddy_consent_tidy(struct eddy_tail *tail) {
  uint16_t below = 0;
  while (below < tail->consent_count && tail->consent[below].time < tail->floor) {
    below++;
  }
  if (below == 0) {
    return;
  }
  struct eddy_consent_time last = tail->consent[below - 1];
  bool outdated = (tail->unsubscribed_at > last.time && tail->unsubscribed_at < tail->floor) ||
                  (tail->subscribed_at > last.time && tail->subscribed_at < tail->floor);
  for (uint16_t i = 0; i < below; i++) { /* at one instant the end of consent wins */
    last.subscribed = last.subscribed && !(tail->consent[i].time == last.time && !tail->consent[i].subscribed);
  }
  bool granted = last.subscribed && (tail->unsubscribed_at == EDDY_TIME_NONE || tail->unsubscribed_at >= last.time);
  uint16_t kept = outdated || granted ? 0 : 1;
  memmove(&tail->consent[kept], &tail->consent[below], (size_t)(tail->consent_count - below) * sizeof tail->consent[0]);
  if (kept == 1) {
    tail->consent[0] = last;
  }
  tail->consent_count = (uint16_t)(tail->consent_count - below + kept);
}

int64_t eddy_consent_exit_after(const struct eddy_tail *tail, int64_t time) {
  int64_t earliest = tail->unsubscribed_at > time ? tail->unsubscribed_at : INT64_MAX;
  for (uint16_t i = 0; i < tail->consent_count; i++) {
    const struct eddy_consent_time *change = &tail->consent[i];
    if (!change->subscribed && change->time > time && change->time < earliest) {
      earliest = change->time;
    }
  }
  return earliest;
}

static int64_t newer(int64_t best, int64_t candidate, int64_t before) {
  return candidate < before && candidate > best ? candidate : best;
}

bool eddy_consent_withdrawn(const struct eddy_tail *tail, int64_t time) {
  int64_t ended = newer(EDDY_TIME_NONE, tail->unsubscribed_at, time);
  int64_t given = newer(EDDY_TIME_NONE, tail->subscribed_at, time);
  for (uint16_t i = 0; i < tail->consent_count; i++) {
    const struct eddy_consent_time *change = &tail->consent[i];
    if (change->subscribed) {
      given = newer(given, change->time, time);
    } else {
      ended = newer(ended, change->time, time);
    }
  }
  return ended != EDDY_TIME_NONE && ended >= given;
}
