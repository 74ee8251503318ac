#include "cmd/explain_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/timefmt.h"
#include "cmd/clean_text.h"

enum { ROWS_MAX = 100, DISTANCES_MAX = 10, PROJECTIONS_MAX = 12, NUMBER_TEXT = 32, NAME_WIDTH = 24 };

/* Values --------------------------------------------------------------------------------------------------------------------*/

void eddy_explain_put(const json_t *json, FILE *out) {
  if (json_is_string(json))
    eddy_cmd_put_clean(json_string_value(json), json_string_length(json), SIZE_MAX, out);
  else
    fputc('-', out);
}

static void put(const json_t *object, const char *key, FILE *out) {
  eddy_explain_put(json_object_get(object, key), out);
}

static void put_time(const json_t *object, const char *key, FILE *out) {
  char text[EDDY_TIME_TEXT] = "-";
  const json_t *time = json_object_get(object, key);
  if (json_is_integer(time)) eddy_time_format(json_integer_value(time), text);
  fputs(text, out);
}

static void put_whole(const json_t *object, const char *key, FILE *out) {
  const json_t *value = json_object_get(object, key);
  if (json_is_integer(value))
    fprintf(out, "%lld", (long long)json_integer_value(value));
  else
    fputc('-', out);
}

/* Three digits or more, so that small and large ones stand in one column. */
static const char *brief_of(double number, char text[NUMBER_TEXT]) {
  double size = fabs(number);
  if (!isfinite(number)) return "-";
  snprintf(text, NUMBER_TEXT, size >= 1e7 ? "%.3g" : size >= 99.95 ? "%.0f" : size >= 9.995 ? "%.1f" : "%.2f", number);
  return text;
}

static double number_of(const json_t *value) {
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static const char *brief(const json_t *value, char text[NUMBER_TEXT]) {
  return brief_of(number_of(value), text);
}

static void put_number(const json_t *object, const char *key, FILE *out) {
  char text[NUMBER_TEXT];
  fputs(brief(json_object_get(object, key), text), out);
}

/* Minor units as everywhere in eddy's texts: hundredths. */
static void put_money(const json_t *object, const char *key, FILE *out) {
  const json_t *value = json_object_get(object, key);
  if (json_is_integer(value))
    fprintf(out, "%.2f", (double)json_integer_value(value) / 100);
  else
    fputc('-', out);
}

/* Lists ---------------------------------------------------------------------------------------------------------------------*/

/* One section: a title, then a row per element. */
struct section {
  const char *title, *key;
  void (*put_row)(const json_t *row, FILE *out);
  size_t rows_max;
};

static void put_more(size_t count, size_t shown, FILE *out) {
  if (count > shown) fprintf(out, "  ... and %zu more\n", count - shown);
}

static void put_section(const struct section *section, const json_t *user, FILE *out) {
  const json_t *rows = json_object_get(user, section->key);
  size_t count = json_array_size(rows);
  fprintf(out, "\n%s\n", section->title);
  if (count == 0) fputs("  none\n", out);
  for (size_t i = 0; i < count && i < section->rows_max; i++) section->put_row(json_array_get(rows, i), out);
  put_more(count, section->rows_max, out);
}

/* "a or b" */
static void put_words(const json_t *array, FILE *out) {
  for (size_t i = 0; i < json_array_size(array) && i < ROWS_MAX; i++) {
    if (i > 0) fputs(" or ", out);
    eddy_explain_put(json_array_get(array, i), out);
  }
}

/* Segment -------------------------------------------------------------------------------------------------------------------*/

static void put_who(const json_t *user, FILE *out) {
  put(user, "user_id", out);
  fputs("   partition ", out);
  put_whole(user, "partition", out);
  fputs("   as of ", out);
  put_time(user, "now", out);
  fputs("\nfirst seen ", out);
  put_time(user, "first_seen", out);
  fputs(", last seen ", out);
  put_time(user, "last_seen", out);
  fputc('\n', out);
}

static void put_consent(const json_t *user, FILE *out) {
  static const char *const known[][2] = {{"unsubscribed_at", "unsubscribed "}, {"subscribed_at", "subscribed "}};
  const json_t *consent = json_object_get(user, "consent");
  const char *between = "consent: ";
  for (size_t i = 0; i < 2; i++) {
    if (!json_is_integer(json_object_get(consent, known[i][0]))) continue;
    fprintf(out, "%s%s", between, known[i][1]);
    put_time(consent, known[i][0], out);
    between = ", ";
  }
  if (between[0] == ',') fputc('\n', out);
}

static void put_segment(const json_t *user, FILE *out) {
  fputs("\nSegment\n  ", out);
  put(user, "verdict", out);
  fputs("\n  evidence ", out);
  put_number(user, "evidence", out);
  fputs(", a first segment needs ", out);
  put_number(user, "evidence_min", out);
  fputc('\n', out);
}

static void put_distance(const json_t *row, FILE *out) {
  char text[NUMBER_TEXT];
  fprintf(out, "  %8s  ", brief(json_object_get(row, "distance"), text));
  put(row, "name", out);
  fputs(json_is_true(json_object_get(row, "current")) ? "  <- here\n" : "\n", out);
}

/* Features ------------------------------------------------------------------------------------------------------------------*/

static bool is_nothing(const json_t *value) {
  return json_is_number(value) && json_number_value(value) == 0;
}

/* Now, and for every day after it. */
static bool stays_nothing(const json_t *row) {
  const json_t *projected = json_object_get(row, "projected");
  bool nothing = is_nothing(json_object_get(row, "value"));
  for (size_t i = 0; nothing && i < json_array_size(projected) && i < PROJECTIONS_MAX; i++)
    nothing = is_nothing(json_array_get(projected, i));
  return nothing;
}

static void put_days(const json_t *user, FILE *out) {
  const json_t *days = json_object_get(user, "projected_days");
  fprintf(out, "  %-*s %9s", NAME_WIDTH, "", "z");
  for (size_t i = 0; i < json_array_size(days) && i < PROJECTIONS_MAX; i++) {
    const json_t *day = json_array_get(days, i);
    char text[NUMBER_TEXT];
    snprintf(text, sizeof(text), "+%lldd", (long long)json_integer_value(day));
    fprintf(out, " %9s", json_integer_value(day) == 0 ? "now" : text);
  }
  fputc('\n', out);
}

/* Returns the width. Money says its currency. */
static size_t put_feature_name(const json_t *row, FILE *out) {
  const json_t *name = json_object_get(row, "name"), *currency = json_object_get(row, "currency");
  size_t width = json_string_length(name);
  eddy_explain_put(name, out);
  if (json_string_length(currency) == 0) return width;
  fputc(' ', out);
  eddy_explain_put(currency, out);
  return width + 1 + json_string_length(currency);
}

static void put_feature(const json_t *row, FILE *out) {
  const json_t *projected = json_object_get(row, "projected");
  double unit = json_string_length(json_object_get(row, "currency")) > 0 ? 100 : 1;
  char text[NUMBER_TEXT];
  fputs("  ", out);
  for (size_t width = put_feature_name(row, out); width < NAME_WIDTH; width++) fputc(' ', out);
  fprintf(out, " %9s", brief(json_object_get(row, "z"), text));
  for (size_t i = 0; i < json_array_size(projected) && i < PROJECTIONS_MAX; i++)
    fprintf(out, " %9s", brief_of(number_of(json_array_get(projected, i)) / unit, text));
  fputc('\n', out);
}

static void put_features(const json_t *user, FILE *out) {
  const json_t *rows = json_object_get(user, "features");
  size_t count = json_array_size(rows), nothing = 0;
  fputs("\nFeatures, and what they fade to if nothing more happens\n", out);
  put_days(user, out);
  for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
    const json_t *row = json_array_get(rows, i);
    bool empty = stays_nothing(row);
    nothing += empty;
    if (!empty) put_feature(row, out);
  }
  if (nothing > 0) fprintf(out, "  ... and %zu that stay 0\n", nothing);
  put_more(count, ROWS_MAX, out);
}

/* Carts and triggers --------------------------------------------------------------------------------------------------------*/

static void put_subject(const json_t *row, const char *key, FILE *out) {
  if (json_string_length(json_object_get(row, key)) == 0) return;
  fputs(" cart `", out);
  put(row, key, out);
  fputs("`", out);
}

static void put_item(const json_t *item, FILE *out) {
  fputs("    ", out);
  put_whole(item, "quantity", out);
  fputs(" x ", out);
  put(item, json_string_length(json_object_get(item, "name")) > 0 ? "name" : "product_id", out);
  fputs("  ", out);
  put_money(item, "price", out);
  fputc('\n', out);
}

static void put_cart(const json_t *row, FILE *out) {
  const json_t *items = json_object_get(row, "items"), *currency = json_object_get(row, "currency");
  fputs(" ", out);
  put_subject(row, "cart_id", out);
  if (json_string_length(json_object_get(row, "cart_id")) == 0) fputs(" default cart", out);
  fputs("  ", out);
  put_money(row, "value", out);
  if (json_string_length(currency) > 0) {
    fputc(' ', out);
    eddy_explain_put(currency, out);
  }
  fputc('\n', out);
  for (size_t i = 0; i < json_array_size(items) && i < ROWS_MAX; i++) put_item(json_array_get(items, i), out);
  put_more(json_array_size(items), ROWS_MAX, out);
}

/* Which step, where a trigger has several. */
static void put_step(const json_t *row, FILE *out) {
  const json_t *step = json_object_get(row, "step");
  if (json_integer_value(step) > 0) fprintf(out, " step %lld", (long long)json_integer_value(step));
}

static void put_pending(const json_t *row, FILE *out) {
  fputs("  ", out);
  put_time(row, "due_at", out);
  fputs("  ", out);
  put(row, "trigger", out);
  put_step(row, out);
  put_subject(row, "subject", out);
  fputs(": ", out);
  put(row, "because", out);
  fputs(" at ", out);
  put_time(row, "armed_at", out);
  if (json_array_size(json_object_get(row, "unless")) > 0) fputs(", unless ", out);
  put_words(json_object_get(row, "unless"), out);
  if (json_array_size(json_object_get(row, "postponed_by")) > 0) fputs("; put off by ", out);
  put_words(json_object_get(row, "postponed_by"), out);
  fputc('\n', out);
}

static void put_trigger(const json_t *row, FILE *out) {
  fputs("  ", out);
  put(row, "trigger", out);
  fputs(" (", out);
  put(row, "mode", out);
  fputs("): ", out);
  put(row, "text", out);
  fputc('\n', out);
}

static void put_decided(const json_t *row, FILE *out) {
  fputs("  ", out);
  put_time(row, "due_at", out);
  fputs("  ", out);
  put(row, "trigger", out);
  put_step(row, out);
  put_subject(row, "subject", out);
  fputc('\n', out);
}

static void put_recent(const json_t *row, FILE *out) {
  fputs("  ", out);
  put_time(row, "at", out);
  fputs("  ", out);
  put(row, "text", out);
  fputc('\n', out);
}

/* All of it -----------------------------------------------------------------------------------------------------------------*/

void eddy_explain_print(const json_t *user, FILE *out) {
  static const struct section distances = {"Distances", "distances", put_distance, DISTANCES_MAX};
  static const struct section rest[] = {{"Carts", "carts", put_cart, ROWS_MAX},
                                        {"Pending", "pending", put_pending, ROWS_MAX},
                                        {"Triggers", "triggers", put_trigger, ROWS_MAX},
                                        {"Decided, by due time", "decided", put_decided, ROWS_MAX},
                                        {"Recent", "recent", put_recent, ROWS_MAX}};
  put_who(user, out);
  put_consent(user, out);
  put_segment(user, out);
  put_section(&distances, user, out);
  put_features(user, out);
  for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) put_section(&rest[i], user, out);
}
