#include "codec/output_text.h"

#include <string.h>

#include "base/timefmt.h"

void eddy_trigger_id_text(const uint64_t trigger_id[2], char text[EDDY_TRIGGER_ID_TEXT]) {
  for (int i = 0; i < EDDY_TRIGGER_ID_TEXT; i++) {
    uint64_t word = trigger_id[i / 16];
    text[i] = "0123456789abcdef"[(word >> (60 - 4 * (i % 16))) & 15];
  }
}

struct text {
  char *data;
  size_t size;
};

static void say(struct text *text, const char *words) {
  size_t size = strlen(words);
  if (size > EDDY_REASON_TEXT_MAX - text->size) return; /* all names of all types together fit */
  memcpy(text->data + text->size, words, size);
  text->size += size;
}

static void say_types(struct text *text, eddy_event_mask types) {
  const char *between = "";
  for (int type = 0; type < EDDY_EVENT_TYPE_COUNT; type++) {
    if (!(types & EDDY_EVENT_BIT(type))) continue;
    say(text, between);
    say(text, eddy_event_type_name((enum eddy_event_type)type));
    between = " or ";
  }
}

static const char *type_name(enum eddy_event_type type) {
  const char *name = eddy_event_type_name(type);
  return name ? name : "?";
}

size_t eddy_reason_text(const struct eddy_trigger_spec *spec, const struct eddy_trigger_fired *fired,
                        char text[EDDY_REASON_TEXT_MAX]) {
  struct text out = {.data = text};
  char armed[EDDY_TIME_TEXT], wait[EDDY_TIME_TEXT];
  eddy_time_format(fired->armed_at, armed);
  eddy_duration_format(spec->wait_ms[fired->step], wait);
  say(&out, type_name(fired->armed_by));
  say(&out, " at ");
  say(&out, armed);
  say(&out, ", then no ");
  say_types(&out, spec->without ? spec->without : spec->after);
  say(&out, " for ");
  say(&out, wait);
  return out.size;
}
