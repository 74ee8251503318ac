#include "base/timefmt.h"

#include <string.h>

enum { YEAR_MAX = 9999, EPOCH_DAYS = 719162 }; /* days from 0001-01-01 to 1970-01-01 */

static bool is_leap(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days before the 1st of a month in a common year. */
static const int month_starts[13] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

static int days_in_month(int year, int month) {
  int leap_day = month == 2 && is_leap(year) ? 1 : 0;
  return month_starts[month] - month_starts[month - 1] + leap_day;
}

static int64_t days_before_year(int year) {
  int past = year - 1;
  return (int64_t)past * 365 + past / 4 - past / 100 + past / 400;
}

static int64_t days_from_civil(int year, int month, int day) {
  int leap_day = month > 2 && is_leap(year) ? 1 : 0;
  return days_before_year(year) + month_starts[month - 1] + leap_day + day - 1 - EPOCH_DAYS;
}

static void civil_from_days(int64_t days, int *year, int *month, int *day) {
  int64_t since_one = days + EPOCH_DAYS;
  int y = (int)(since_one * 400 / 146097) + 1; /* 146,097 days in 400 years: right, or one too late or too early */
  while (days_before_year(y) > since_one) y--;
  while (days_before_year(y + 1) <= since_one) y++;
  int rest = (int)(since_one - days_before_year(y));
  int m = 1;
  while (rest >= days_in_month(y, m)) rest -= days_in_month(y, m++);
  *year = y;
  *month = m;
  *day = rest + 1;
}

static char *put_digits(char *at, int value, int digits) {
  for (int i = digits - 1; i >= 0; i--) {
    at[i] = (char)('0' + value % 10);
    value /= 10;
  }
  return at + digits;
}

static char *put_number(char *at, int64_t value) {
  char reversed[20];
  int count = 0;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    reversed[count++] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest);
  if (value < 0) *at++ = '-';
  while (count) *at++ = reversed[--count];
  return at;
}

static size_t finish(char *text, char *at) {
  *at = '\0';
  return (size_t)(at - text);
}

static char *put_civil(char *at, int64_t days, int in_day_ms) {
  int year, month, day;
  civil_from_days(days, &year, &month, &day);
  at = put_digits(at, year, 4);
  *at++ = '-';
  at = put_digits(at, month, 2);
  *at++ = '-';
  at = put_digits(at, day, 2);
  *at++ = 'T';
  at = put_digits(at, in_day_ms / 3600000, 2);
  *at++ = ':';
  at = put_digits(at, in_day_ms / 60000 % 60, 2);
  *at++ = ':';
  at = put_digits(at, in_day_ms / 1000 % 60, 2);
  if (in_day_ms % 1000) {
    *at++ = '.';
    at = put_digits(at, in_day_ms % 1000, 3);
  }
  *at++ = 'Z';
  return at;
}

size_t eddy_time_format(int64_t ms, char text[EDDY_TIME_TEXT]) {
  if (ms == EDDY_TIME_NONE) {
    memcpy(text, "never", 6);
    return 5;
  }
  int64_t days = ms / EDDY_DAY_MS;
  int64_t in_day = ms % EDDY_DAY_MS;
  if (in_day < 0) {
    in_day += EDDY_DAY_MS;
    days--;
  }
  if (days < -EPOCH_DAYS || days > days_from_civil(YEAR_MAX, 12, 31)) return finish(text, put_number(text, ms));
  return finish(text, put_civil(text, days, (int)in_day));
}

/* A cursor over the text; every step fails softly and for good. */
struct cursor {
  const char *at, *end;
  bool failed;
};

static int take_digits(struct cursor *cursor, int digits) {
  int value = 0;
  for (int i = 0; i < digits; i++) {
    if (cursor->at == cursor->end || *cursor->at < '0' || *cursor->at > '9') {
      cursor->failed = true;
      return 0;
    }
    value = value * 10 + (*cursor->at++ - '0');
  }
  return value;
}

static bool next_is(const struct cursor *cursor, const char *allowed) {
  return !cursor->failed && cursor->at < cursor->end && *cursor->at != '\0' && strchr(allowed, *cursor->at) != NULL;
}

static void take_one_of(struct cursor *cursor, const char *allowed) {
  if (next_is(cursor, allowed)) {
    cursor->at++;
  } else {
    cursor->failed = true;
  }
}

static int64_t take_date(struct cursor *cursor) {
  int year = take_digits(cursor, 4);
  take_one_of(cursor, "-");
  int month = take_digits(cursor, 2);
  take_one_of(cursor, "-");
  int day = take_digits(cursor, 2);
  if (cursor->failed || year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
    cursor->failed = true;
    return 0;
  }
  return days_from_civil(year, month, day);
}

/* Milliseconds from a fraction of any length; none is fine, a point without digits is not. */
static int take_fraction(struct cursor *cursor) {
  if (!next_is(cursor, ".,")) return 0;
  cursor->at++;
  int ms = 0, scale = 100;
  if (!next_is(cursor, "0123456789")) cursor->failed = true;
  while (next_is(cursor, "0123456789")) {
    ms += scale * (*cursor->at++ - '0');
    scale /= 10;
  }
  return ms;
}

static int64_t take_time_of_day(struct cursor *cursor) {
  int hour = take_digits(cursor, 2);
  take_one_of(cursor, ":");
  int minute = take_digits(cursor, 2);
  take_one_of(cursor, ":");
  int second = take_digits(cursor, 2);
  int ms = take_fraction(cursor);
  if (hour > 23 || minute > 59 || second > 60) cursor->failed = true;
  return hour * EDDY_HOUR_MS + minute * EDDY_MINUTE_MS + second * EDDY_SECOND_MS + ms;
}

static int64_t take_offset(struct cursor *cursor) {
  if (next_is(cursor, "Zz")) {
    cursor->at++;
    return 0;
  }
  bool west = next_is(cursor, "-");
  take_one_of(cursor, "+-");
  int hour = take_digits(cursor, 2);
  take_one_of(cursor, ":");
  int minute = take_digits(cursor, 2);
  if (hour > 23 || minute > 59) cursor->failed = true;
  int64_t offset = hour * EDDY_HOUR_MS + minute * EDDY_MINUTE_MS;
  return west ? -offset : offset;
}

int eddy_time_parse(struct eddy_str text, int64_t *ms) {
  if (!text.data || text.len == 0) return EDDY_E_INVALID;
  struct cursor cursor = {.at = text.data, .end = text.data + text.len};
  int64_t time = take_date(&cursor) * EDDY_DAY_MS;
  if (!cursor.failed && cursor.at < cursor.end) {
    take_one_of(&cursor, "Tt ");
    time += take_time_of_day(&cursor);
    time -= take_offset(&cursor);
  }
  if (cursor.failed || cursor.at != cursor.end) return EDDY_E_INVALID;
  *ms = time;
  return 0;
}

/* Largest first for printing; "w" is read, not written. */
static const struct {
  const char *name;
  int64_t ms;
} units[] = {{"w", 7 * EDDY_DAY_MS}, {"d", EDDY_DAY_MS},    {"h", EDDY_HOUR_MS},
             {"m", EDDY_MINUTE_MS},  {"s", EDDY_SECOND_MS}, {"ms", 1}};
enum { UNITS = sizeof units / sizeof units[0] };

static int64_t find_unit(const char *name, size_t size) {
  for (size_t i = 0; i < UNITS; i++)
    if (strlen(units[i].name) == size && memcmp(units[i].name, name, size) == 0) return units[i].ms;
  return 0;
}

int eddy_duration_parse(struct eddy_str text, int64_t *ms) {
  int64_t value = 0;
  size_t digits = 0;
  while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9') {
    int digit = text.data[digits++] - '0';
    if (value > (INT64_MAX - digit) / 10) return EDDY_E_INVALID;
    value = value * 10 + digit;
  }
  if (digits == 0) return EDDY_E_INVALID;
  if (digits == text.len) {
    *ms = 0;
    return value == 0 ? 0 : EDDY_E_INVALID;
  }
  int64_t unit = find_unit(text.data + digits, text.len - digits);
  if (unit == 0 || value > INT64_MAX / unit) return EDDY_E_INVALID;
  *ms = value * unit;
  return 0;
}

size_t eddy_duration_format(int64_t ms, char text[EDDY_TIME_TEXT]) {
  size_t unit = ms == 0 ? UNITS - 2 : 1;
  while (ms % units[unit].ms != 0) unit++;
  char *at = put_number(text, ms / units[unit].ms);
  size_t size = strlen(units[unit].name);
  memcpy(at, units[unit].name, size);
  return finish(text, at + size);
}
