/* Log lines: their form, that nothing can forge or break one, and that repeats are held back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <pthread.h>

#include "daemon/log.h"

struct fixture {
  struct eddy_log_writer *writer;
  struct eddy_logger logger;
  FILE *out;
  char *text;
  size_t size;
  int64_t now;
};

static int64_t fixture_clock(void *ctx) { return ((struct fixture *)ctx)->now; }

static void open_log(struct fixture *fixture, bool json, enum eddy_log_level level) {
  *fixture = (struct fixture){.now = INT64_C(1764028980123)};
  fixture->out = open_memstream(&fixture->text, &fixture->size);
  struct eddy_log_options options = {fixture->out, level, json, fixture_clock, fixture};
  assert_int_equal(eddy_log_open(&fixture->writer, &options), 0);
  fixture->logger = eddy_log_logger(fixture->writer);
}

static void close_log(struct fixture *fixture) {
  eddy_log_close(fixture->writer);
  fclose(fixture->out);
  free(fixture->text);
}

static void expect(struct fixture *fixture, const char *text) {
  fflush(fixture->out);
  assert_string_equal(fixture->text, text);
}

static void logfmt_is_one_line_with_fields(void **state) {
  (void)state;
  struct fixture fixture;
  open_log(&fixture, false, EDDY_LOG_INFO);
  eddy_log(&fixture.logger, EDDY_LOG_INFO, "partition assigned", "topic=%s partition=%d", "eddy.events", 3);
  eddy_log(&fixture.logger, EDDY_LOG_WARN, "stopped", NULL);
  eddy_log(&fixture.logger, EDDY_LOG_DEBUG, "not written", NULL);
  eddy_log(NULL, EDDY_LOG_ERROR, "to nobody", NULL);
  expect(&fixture,
         "time=2025-11-25T00:03:00.123Z level=info msg=\"partition assigned\" topic=eddy.events partition=3\n"
         "time=2025-11-25T00:03:00.123Z level=warn msg=stopped\n");
  close_log(&fixture);
}

static void json_is_one_object_a_line(void **state) {
  (void)state;
  struct fixture fixture;
  open_log(&fixture, true, EDDY_LOG_INFO);
  fixture.now = INT64_C(1764028980000);
  eddy_log(&fixture.logger, EDDY_LOG_INFO, "up", "topic=a n=3 big=1234567890123456789 zero=007 ok=true name=\"a \\\"b\\\" \\n\" empty=");
  expect(&fixture,
         "{\"time\":\"2025-11-25T00:03:00.000Z\",\"level\":\"info\",\"msg\":\"up\",\"topic\":\"a\",\"n\":3,\"big\":\"1234567890123456789\","
         "\"zero\":\"007\",\"ok\":true,\"name\":\"a \\\"b\\\" \\n\",\"empty\":\"\"}\n");
  close_log(&fixture);
}

static void values_without_quotes_go_on_to_the_next_key(void **state) {
  (void)state;
  struct fixture fixture;
  open_log(&fixture, false, EDDY_LOG_INFO);
  eddy_log(&fixture.logger, EDDY_LOG_INFO, "broker", "reason=%s broker=%s", "Connect to ipv4#127.0.0.1:9092 failed", "b:9092/1");
  eddy_log(&fixture.logger, EDDY_LOG_INFO, "broker", "reason=\"%s\" n=%d", "no such host: \"b\": gone", 1);
  eddy_log(&fixture.logger, EDDY_LOG_INFO, "words", "just words");
  expect(&fixture,
         "time=2025-11-25T00:03:00.123Z level=info msg=broker reason=\"Connect to ipv4#127.0.0.1:9092 failed\" broker=b:9092/1\n"
         "time=2025-11-25T00:03:00.123Z level=info msg=broker reason=\"no such host: \\\"b\\\": gone\" n=1\n"
         "time=2025-11-25T00:03:00.123Z level=info msg=words text=\"just words\"\n");
  close_log(&fixture);
}

static void nothing_forges_a_line(void **state) {
  (void)state;
  struct fixture fixture;
  open_log(&fixture, false, EDDY_LOG_INFO);
  eddy_log(&fixture.logger, EDDY_LOG_INFO, "m", "user=%s", "x\ntime=2020 level=error msg=forged");
  eddy_log(&fixture.logger, EDDY_LOG_INFO, "m", "user=\"%s\"", "\x1b[31m\xff\xc2\x9b\xc3\xa9");
  expect(&fixture,
         "time=2025-11-25T00:03:00.123Z level=info msg=m user=\"x\\ntime=2020\" field_level=error field_msg=forged\n"
         "time=2025-11-25T00:03:00.123Z level=info msg=m user=\"\\u001b[31m\\xff\\u009b\xc3\xa9\"\n");
  close_log(&fixture);
}

/* Random bytes as fields: always one line, and always JSON. */
static void any_bytes_give_one_line(void **state) {
  (void)state;
  static const char alphabet[] = "ab =\"\\\n\t\x01\x7f\x80\xc2\xe2\x28\xf0\x9f\x98\x80";
  uint64_t seed = 42;
  for (int round = 0; round < 3000; round++) {
    struct fixture fixture;
    char fields[64];
    size_t length = 0;
    open_log(&fixture, true, EDDY_LOG_INFO);
    for (; length < sizeof fields - 1; length++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      fields[length] = alphabet[(seed >> 33) % (sizeof alphabet - 1)];
    }
    fields[length] = '\0';
    eddy_log(&fixture.logger, EDDY_LOG_INFO, "m", "%s", fields);
    fflush(fixture.out);
    assert_ptr_equal(strchr(fixture.text, '\n'), fixture.text + fixture.size - 1);
    json_error_t error;
    json_t *line = json_loads(fixture.text, 0, &error);
    if (!line) fail_msg("seed 42, round %d: %s in %s", round, error.text, fixture.text);
    json_decref(line);
    close_log(&fixture);
  }
}

static void long_fields_are_left_out_whole(void **state) {
  (void)state;
  struct fixture fixture;
  char fields[1200];
  open_log(&fixture, true, EDDY_LOG_INFO);
  memset(fields, '\x01', sizeof fields);
  memcpy(fields, "a=1 b=", 6);
  fields[sizeof fields - 1] = '\0';
  for (int i = 0; i < 2; i++) fixture.logger.write(fixture.logger.ctx, EDDY_LOG_INFO, "m", fields); /* 1,194 * 6 bytes fit */
  char more[4000];
  memset(more, '\x01', sizeof more);
  memcpy(more, "a=1 b=", 6);
  memcpy(more + sizeof more - 5, " c=2", 5);
  fixture.logger.write(fixture.logger.ctx, EDDY_LOG_INFO, "m", more);
  fflush(fixture.out);
  assert_non_null(strstr(fixture.text, "\"msg\":\"m\",\"a\":1,\"c\":2}\n"));
  close_log(&fixture);
}

static void long_fields_are_cut(void **state) {
  (void)state;
  struct fixture fixture;
  char value[2000], *end;
  open_log(&fixture, false, EDDY_LOG_INFO);
  memset(value, 'x', sizeof value - 1);
  value[sizeof value - 1] = '\0';
  eddy_log(&fixture.logger, EDDY_LOG_INFO, "m", "a=%s b=1", value);
  fflush(fixture.out);
  end = strstr(fixture.text, "a=x");
  assert_int_equal(strlen(end), 1000 + 1);
  close_log(&fixture);
}

static int count_lines(struct fixture *fixture) {
  int lines = 0;
  fflush(fixture->out);
  for (size_t i = 0; i < fixture->size; i++) lines += fixture->text[i] == '\n';
  return lines;
}

static void repeats_are_held_back_and_counted(void **state) {
  (void)state;
  struct fixture fixture;
  open_log(&fixture, false, EDDY_LOG_INFO);
  for (int i = 0; i < EDDY_LOG_BURST + 3; i++) eddy_log(&fixture.logger, EDDY_LOG_WARN, "dead letter", "offset=%d", i - EDDY_LOG_BURST + 5);
  assert_int_equal(count_lines(&fixture), EDDY_LOG_BURST);
  eddy_log(&fixture.logger, EDDY_LOG_INFO, "something else", NULL);
  assert_int_equal(count_lines(&fixture), EDDY_LOG_BURST + 1);
  fixture.now += EDDY_LOG_WINDOW_MS - 1;
  eddy_log_flush(fixture.writer);
  assert_int_equal(count_lines(&fixture), EDDY_LOG_BURST + 1);
  fixture.now += 1;
  eddy_log_flush(fixture.writer);
  assert_int_equal(count_lines(&fixture), EDDY_LOG_BURST + 2);
  assert_non_null(strstr(fixture.text, "level=warn msg=\"dead letter\" repeated=3 offset=7\n"));
  eddy_log_flush(fixture.writer);
  eddy_log(&fixture.logger, EDDY_LOG_WARN, "dead letter", NULL); /* a new ten seconds */
  assert_int_equal(count_lines(&fixture), EDDY_LOG_BURST + 3);
  close_log(&fixture);
}

static void closing_writes_what_is_held(void **state) {
  (void)state;
  struct fixture fixture;
  open_log(&fixture, false, EDDY_LOG_INFO);
  for (int i = 0; i < EDDY_LOG_BURST + 2; i++) eddy_log(&fixture.logger, EDDY_LOG_INFO, "m", NULL);
  eddy_log_close(fixture.writer);
  fclose(fixture.out);
  assert_non_null(strstr(fixture.text, "msg=m repeated=2\n"));
  free(fixture.text);
}

/* More different messages than slots: each is written, none is lost. */
static void many_messages_do_not_lose_any(void **state) {
  (void)state;
  struct fixture fixture;
  open_log(&fixture, false, EDDY_LOG_INFO);
  int repeated = 0, written = 0;
  for (int round = 0; round < 12; round++)
    for (int i = 0; i < 100; i++) {
      char message[16];
      snprintf(message, sizeof message, "m%d", i);
      eddy_log(&fixture.logger, EDDY_LOG_INFO, message, NULL);
    }
  fixture.now += EDDY_LOG_WINDOW_MS;
  eddy_log_flush(fixture.writer);
  fflush(fixture.out);
  for (char *line = strtok(fixture.text, "\n"); line; line = strtok(NULL, "\n")) {
    const char *count = strstr(line, "repeated=");
    if (count) repeated += atoi(count + 9);
    else written++;
  }
  assert_int_equal(written + repeated, 1200);
  close_log(&fixture);
}

static void *spam(void *ctx) {
  struct fixture *fixture = ctx;
  for (int i = 0; i < 200; i++) {
    char message[24];
    snprintf(message, sizeof message, "message %d", i);
    eddy_log(&fixture->logger, EDDY_LOG_INFO, message, "n=%d", i);
  }
  return NULL;
}

static void threads_do_not_mix_lines(void **state) {
  (void)state;
  struct fixture fixture;
  pthread_t threads[4];
  open_log(&fixture, true, EDDY_LOG_INFO);
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, spam, &fixture), 0);
  for (int i = 0; i < 1000; i++) fixture.logger.level = i % 2 ? EDDY_LOG_INFO : EDDY_LOG_DEBUG; /* as a reload does */
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  fflush(fixture.out);
  assert_int_equal(count_lines(&fixture), 800);
  for (char *line = strtok(fixture.text, "\n"); line; line = strtok(NULL, "\n")) {
    json_t *object = json_loads(line, 0, NULL);
    assert_non_null(object);
    json_decref(object);
  }
  close_log(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(logfmt_is_one_line_with_fields),
      cmocka_unit_test(json_is_one_object_a_line),
      cmocka_unit_test(values_without_quotes_go_on_to_the_next_key),
      cmocka_unit_test(nothing_forges_a_line),
      cmocka_unit_test(any_bytes_give_one_line),
      cmocka_unit_test(long_fields_are_left_out_whole),
      cmocka_unit_test(long_fields_are_cut),
      cmocka_unit_test(repeats_are_held_back_and_counted),
      cmocka_unit_test(closing_writes_what_is_held),
      cmocka_unit_test(many_messages_do_not_lose_any),
      cmocka_unit_test(threads_do_not_mix_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
