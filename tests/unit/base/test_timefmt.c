/* Times and durations as text, against libc's gmtime (which the module must not use) and by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/timefmt.h"

static struct eddy_str str(const char *text) {
  return (struct eddy_str){text, (uint32_t)strlen(text)};
}

static void assert_time(const char *text, int64_t want) {
  int64_t ms = 0;
  if (eddy_time_parse(str(text), &ms) != 0) fail_msg("%s was refused", text);
  if (ms != want) fail_msg("%s gave %lld", text, (long long)ms);
}

static void formats_known_times(void **state) {
  (void)state;
  char text[EDDY_TIME_TEXT];
  assert_int_equal(eddy_time_format(0, text), 20);
  assert_string_equal(text, "1970-01-01T00:00:00Z");
  eddy_time_format(INT64_C(1511582430000), text);
  assert_string_equal(text, "2017-11-25T04:00:30Z");
  assert_int_equal(eddy_time_format(INT64_C(1511582430007), text), 24);
  assert_string_equal(text, "2017-11-25T04:00:30.007Z");
  eddy_time_format(-1, text);
  assert_string_equal(text, "1969-12-31T23:59:59.999Z");
  eddy_time_format(INT64_C(-62135596800000), text);
  assert_string_equal(text, "0001-01-01T00:00:00Z");
  eddy_time_format(INT64_C(253402300799999), text);
  assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void formats_what_no_calendar_holds(void **state) {
  (void)state;
  char text[EDDY_TIME_TEXT];
  assert_int_equal(eddy_time_format(EDDY_TIME_NONE, text), 5);
  assert_string_equal(text, "never");
  eddy_time_format(INT64_MAX, text);
  assert_string_equal(text, "9223372036854775807");
  eddy_time_format(INT64_MIN + 1, text);
  assert_string_equal(text, "-9223372036854775807");
  eddy_time_format(INT64_C(253402300800000), text);
  assert_string_equal(text, "253402300800000");
  eddy_time_format(INT64_C(-62135596800001), text);
  assert_string_equal(text, "-62135596800001");
}

/* Every 19th hour and a bit from year 1 to 9999: as libc says, and back again. */
static void agrees_with_libc(void **state) {
  (void)state;
  for (int64_t second = INT64_C(-62135596800); second <= INT64_C(253402300799); second += 19 * 3600 * 37 + 61) {
    time_t now = (time_t)second;
    struct tm tm;
    char want[64], text[EDDY_TIME_TEXT];
    assert_non_null(gmtime_r(&now, &tm));
    snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
             tm.tm_min, tm.tm_sec);
    eddy_time_format(second * 1000, text);
    assert_string_equal(text, want);
    assert_time(text, second * 1000);
  }
}

static void every_day_round_trips(void **state) {
  (void)state;
  for (int64_t day = -719162; day <= 2932896; day += 1) {
    char text[EDDY_TIME_TEXT];
    int64_t ms = 0;
    eddy_time_format(day * EDDY_DAY_MS, text);
    assert_int_equal(eddy_time_parse(str(text), &ms), 0);
    assert_true(ms == day * EDDY_DAY_MS);
  }
}

static void parses_what_rfc_3339_allows(void **state) {
  (void)state;
  int64_t want = INT64_C(1511582430000);
  assert_time("2017-11-25T04:00:30Z", want);
  assert_time("2017-11-25t04:00:30z", want);
  assert_time("2017-11-25 04:00:30Z", want);
  assert_time("2017-11-25T05:00:30+01:00", want);
  assert_time("2017-11-24T22:30:30-05:30", want);
  assert_time("2017-11-25T04:00:30-00:00", want);
  assert_time("2017-11-25T04:00:30.25Z", want + 250);
  assert_time("2017-11-25T04:00:30.0019999999Z", want + 1);
  assert_time("2016-12-31T23:59:60Z", INT64_C(1483228800000));
  assert_time("2000-02-29T00:00:00Z", INT64_C(951782400000));
  assert_time("2017-11-25", INT64_C(1511568000000));
}

static void refuses_everything_else(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      "2017",
      "2017-11",
      "2017-11-25T",
      "2017-11-25T04:00",
      "2017-11-25T04:00:30",
      "2017-11-25T04:00:30.Z",
      "2017-11-25T24:00:00Z",
      "2017-11-25T04:60:30Z",
      "2017-11-25T04:00:61Z",
      "2017-13-25T04:00:30Z",
      "2017-00-25T04:00:30Z",
      "2017-11-31T04:00:30Z",
      "2017-11-00T04:00:30Z",
      "2017-02-29T04:00:30Z",
      "1900-02-29T04:00:30Z",
      "0000-01-01T00:00:00Z",
      "2017-11-25T04:00:30ZZ",
      "2017-11-25T04:00:30+1",
      "2017-11-25T04:00:30+24:00",
      "2017-11-25T04:00:30+0",
      "x017-11-25T04:00:30Z",
      " 2017-11-25T04:00:30Z",
      "2017-11-25T04:00:30Z ",
      "+017-11-25T04:00:30Z",
      "2017/11/25T04:00:30Z",
      "2017-11-25T04:00:30+aa:bb",
      "1511582430000",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int64_t ms = 77;
    if (eddy_time_parse(str(bad[i]), &ms) != EDDY_E_INVALID) fail_msg("'%s' was accepted", bad[i]);
    assert_true(ms == 77);
  }
  int64_t ms;
  assert_int_equal(eddy_time_parse((struct eddy_str){NULL, 0}, &ms), EDDY_E_INVALID);
  assert_int_equal(eddy_time_parse((struct eddy_str){"2017-11-25\0", 11}, &ms), EDDY_E_INVALID);
  assert_int_equal(eddy_time_parse((struct eddy_str){"2017-11-25T04:00:30\0", 20}, &ms), EDDY_E_INVALID);
}

static void durations_parse(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ms;
  } good[] = {{"7d", 7 * EDDY_DAY_MS},
              {"90m", 90 * EDDY_MINUTE_MS},
              {"100ms", 100},
              {"1h", EDDY_HOUR_MS},
              {"2w", 14 * EDDY_DAY_MS},
              {"10s", 10000},
              {"0", 0},
              {"0d", 0},
              {"007s", 7000},
              {"9223372036854775807ms", INT64_MAX}};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    int64_t ms = -1;
    if (eddy_duration_parse(str(good[i].text), &ms) != 0 || ms != good[i].ms) fail_msg("%s", good[i].text);
  }
  static const char *const bad[] = {"",
                                    "d",
                                    "7",
                                    "7 d",
                                    "-7d",
                                    "+7d",
                                    "1.5h",
                                    "7D",
                                    "7days",
                                    "7dd",
                                    "7d ",
                                    " 7d",
                                    "1h30m",
                                    "9223372036854775808ms",
                                    "9999999999999999999999s",
                                    "106751991168d"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int64_t ms;
    if (eddy_duration_parse(str(bad[i]), &ms) != EDDY_E_INVALID) fail_msg("'%s' was accepted", bad[i]);
  }
}

static void durations_print_in_the_largest_whole_unit(void **state) {
  (void)state;
  static const struct {
    int64_t ms;
    const char *text;
  } want[] = {{0, "0s"},
              {1, "1ms"},
              {1500, "1500ms"},
              {90 * EDDY_MINUTE_MS, "90m"},
              {EDDY_HOUR_MS, "1h"},
              {-60000, "-1m"},
              {14 * EDDY_DAY_MS, "14d"},
              {36 * EDDY_HOUR_MS, "36h"},
              {INT64_MAX, "9223372036854775807ms"}};
  for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
    char text[EDDY_TIME_TEXT];
    assert_int_equal(eddy_duration_format(want[i].ms, text), strlen(want[i].text));
    assert_string_equal(text, want[i].text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(formats_known_times),
      cmocka_unit_test(formats_what_no_calendar_holds),
      cmocka_unit_test(agrees_with_libc),
      cmocka_unit_test(every_day_round_trips),
      cmocka_unit_test(parses_what_rfc_3339_allows),
      cmocka_unit_test(refuses_everything_else),
      cmocka_unit_test(durations_parse),
      cmocka_unit_test(durations_print_in_the_largest_whole_unit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
