/* Files of events: JSON lines with everything that can be wrong with them, Avro files over several blocks, batches of any size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "codec/container.h"
#include "codec/event_error.h"
#include "source/file_source.h"
#include "source/shopper.h"

enum { EVENTS = 3000 };

struct bad_records {
  int count;
  uint64_t numbers[16];
  int errors[16];
};

static void note_bad(void *ctx, uint64_t number, int error, const char *why) {
  struct bad_records *bad = ctx;
  assert_non_null(why);
  if (bad->count < 16) {
    bad->numbers[bad->count] = number;
    bad->errors[bad->count] = error;
  }
  bad->count++;
}

struct file {
  char path[64];
  FILE *file;
};

static void file_open(struct file *file) {
  strcpy(file->path, "file_source-XXXXXX"); /* in the folder of the run */
  int fd = mkstemp(file->path);
  assert_true(fd >= 0);
  file->file = fdopen(fd, "wb");
  assert_non_null(file->file);
}

static struct eddy_file_source *source_open(struct file *file, struct bad_records *bad) {
  struct eddy_file_source *source;
  char why[256] = "";
  if (file->file) fclose(file->file);
  file->file = NULL;
  if (eddy_file_source_open(&source, file->path, why, sizeof why) != 0) fail_msg("%s", why);
  memset(bad, 0, sizeof *bad);
  eddy_file_source_on_bad(source, note_bad, bad);
  return source;
}

static void file_close(struct file *file, struct eddy_file_source *source) {
  eddy_file_source_close(source);
  unlink(file->path);
}

static const char good_line[] = "{\"type\":\"product_viewed\",\"user_id\":\"u1\",\"event_time\":1511582430000}";

static void bad_lines_are_named_and_skipped(void **state) {
  (void)state;
  struct file file;
  struct bad_records bad;
  struct eddy_event events[8];
  char why[256];
  file_open(&file);
  fprintf(file.file, "%s\n\n  \t\r\nnonsense\n%s\r\n[]\n{\"type\":\"product_viewed\"}\n", good_line, good_line);
  for (int i = 0; i < (1 << 20) + 1; i++) fputc(' ', file.file);
  fprintf(file.file, "\n%s", good_line); /* no line feed at the end */
  struct eddy_file_source *source = source_open(&file, &bad);
  assert_string_equal(eddy_file_source_unit(source), "line");
  assert_int_equal(eddy_file_source_read(source, events, 8, why, sizeof why), 3);
  assert_int_equal(events[2].user_id.len, 2);
  assert_int_equal(eddy_file_source_read(source, events, 8, why, sizeof why), 0);
  assert_int_equal(bad.count, 3);
  assert_int_equal(bad.numbers[0], 4);
  assert_int_equal(bad.errors[0], EDDY_EVENT_E_JSON);
  assert_int_equal(bad.numbers[1], 6);
  assert_int_equal(bad.numbers[2], 7);
  file_close(&file, source);
}

/* As on the way through Kafka: one wrong clock must not push time forward for everybody. */
static void a_stamp_from_the_future_is_clamped(void **state) {
  (void)state;
  for (int avro = 0; avro <= 1; avro++) {
    struct file file;
    struct bad_records bad;
    struct eddy_event events[4];
    struct eddy_container_writer *writer = NULL;
    static const int64_t received = INT64_C(1511582430000), year_2090 = INT64_C(3786912000000),
                         year_2190 = INT64_C(6942585600000);
    static const int64_t stamps[][2] = {{received + 5 * EDDY_MINUTE_MS, received},
                                        {year_2190, received},
                                        {year_2090, EDDY_TIME_NONE},
                                        {year_2190, EDDY_TIME_NONE}};
    char why[256];
    struct eddy_buffer line;
    eddy_buffer_init(&line, NULL);
    file_open(&file);
    if (avro) assert_int_equal(eddy_container_create(&writer, file.file, 1), 0);
    for (size_t i = 0; i < 4; i++) {
      struct eddy_event event = eddy_event_empty;
      event.type = EDDY_PAGE_VIEWED;
      event.user_id = EDDY_STR("u1");
      event.event_time = stamps[i][0];
      event.received_at = stamps[i][1];
      assert_int_equal(avro ? eddy_container_append(writer, &event) : eddy_event_to_json(&event, &line), 0);
    }
    assert_int_equal(eddy_container_finish(writer), 0);
    if (!avro) assert_int_equal(fwrite(line.data, 1, line.size, file.file), line.size);
    struct eddy_file_source *source = source_open(&file, &bad);
    assert_int_equal(eddy_file_source_read(source, events, 4, why, sizeof why), 3);
    assert_true(events[0].event_time == received + 5 * EDDY_MINUTE_MS);
    assert_true(events[1].event_time == received);
    assert_true(events[2].event_time == year_2090);
    assert_int_equal(eddy_file_source_clamped(source), 1);
    assert_int_equal(bad.count, 1);
    assert_int_equal(bad.errors[0], EDDY_EVENT_E_TIME);
    eddy_buffer_fini(&line);
    file_close(&file, source);
  }
}

static void a_byte_order_mark_is_no_error(void **state) {
  (void)state;
  struct file file;
  struct bad_records bad;
  struct eddy_event events[8];
  char why[256];
  file_open(&file);
  fprintf(file.file, "\xEF\xBB\xBF%s\n\xEF\xBB\xBF%s\n", good_line, good_line);
  struct eddy_file_source *source = source_open(&file, &bad);
  assert_int_equal(eddy_file_source_read(source, events, 8, why, sizeof why), 1);
  assert_int_equal(bad.count, 1);
  assert_int_equal(bad.numbers[0], 2);
  file_close(&file, source);
}

static void a_long_line_is_read_up_to_its_limit(void **state) {
  (void)state;
  struct file file;
  struct bad_records bad;
  struct eddy_event events[8];
  char why[256];
  file_open(&file);
  fputs(good_line, file.file);
  for (size_t i = sizeof good_line - 1; i < 1 << 20; i++) fputc(' ', file.file);
  fputc('\n', file.file);
  fputs(good_line, file.file);
  for (size_t i = sizeof good_line - 1; i <= 1 << 20; i++) fputc(' ', file.file);
  fprintf(file.file, "\n%s\n", good_line);
  struct eddy_file_source *source = source_open(&file, &bad);
  assert_int_equal(eddy_file_source_read(source, events, 8, why, sizeof why), 2);
  assert_int_equal(bad.count, 1);
  assert_int_equal(bad.numbers[0], 2);
  assert_int_equal(bad.errors[0], EDDY_EVENT_E_LIMIT);
  file_close(&file, source);
}

/* The same events as both kinds of file, read in batches of several sizes, are the events that were written. */
static void write_events(struct file *file, bool avro) {
  struct eddy_shopper_world *world;
  struct eddy_shopper_options options;
  struct eddy_container_writer *writer = NULL;
  struct eddy_buffer line;
  eddy_shopper_options_default(&options);
  assert_int_equal(eddy_shopper_new(&world, &options), 0);
  eddy_buffer_init(&line, NULL);
  if (avro) assert_int_equal(eddy_container_create(&writer, file->file, 1), 0);
  for (int i = 0; i < EVENTS; i++) {
    struct eddy_event event;
    struct eddy_property property = {EDDY_STR("color"), EDDY_STR("gr\xC3\xBCn\n")};
    eddy_shopper_next(world, &event);
    event.properties = &property;
    event.property_count = i % 3 == 0;
    line.size = 0;
    assert_int_equal(avro ? eddy_container_append(writer, &event) : eddy_event_to_json(&event, &line), 0);
    if (!avro) assert_int_equal(fwrite(line.data, 1, line.size, file->file), line.size);
  }
  assert_int_equal(eddy_container_finish(writer), 0);
  eddy_buffer_fini(&line);
  eddy_shopper_free(world);
}

static void read_events(struct eddy_file_source *source, int batch, struct eddy_buffer *bytes) {
  struct eddy_event *events = test_malloc(sizeof *events * (size_t)batch);
  char why[256];
  int count;
  while ((count = eddy_file_source_read(source, events, batch, why, sizeof why)) > 0)
    for (int i = 0; i < count; i++) assert_int_equal(eddy_event_encode(&events[i], bytes), 0);
  assert_int_equal(count, 0);
  test_free(events);
}

static void both_kinds_of_file_give_the_same_events(void **state) {
  (void)state;
  struct eddy_buffer want, got;
  eddy_buffer_init(&want, NULL);
  eddy_buffer_init(&got, NULL);
  for (int avro = 0; avro <= 1; avro++) {
    static const int batches[] = {1, 7, 256, 5000};
    struct file file;
    struct bad_records bad;
    file_open(&file);
    write_events(&file, avro == 1);
    for (int i = 0; i < 4; i++) {
      struct eddy_file_source *source = source_open(&file, &bad);
      got.size = 0;
      read_events(source, batches[i], &got);
      assert_int_equal(bad.count, 0);
      if (want.size == 0) assert_int_equal(eddy_buffer_append(&want, got.data, got.size), 0);
      assert_int_equal(got.size, want.size);
      assert_memory_equal(got.data, want.data, want.size);
      eddy_file_source_close(source);
    }
    unlink(file.path);
  }
  eddy_buffer_fini(&want);
  eddy_buffer_fini(&got);
}

enum { LARGE_EVENTS = 150, LARGE_TEXT = 4000 };

/* Events of nearly 1 MiB each. */
static void write_large_events(struct file *file, bool avro, const char *text) {
  struct eddy_container_writer *writer = NULL;
  struct eddy_property properties[250];
  struct eddy_buffer line;
  eddy_buffer_init(&line, NULL);
  if (avro) assert_int_equal(eddy_container_create(&writer, file->file, 1), 0);
  for (int i = 0; i < LARGE_EVENTS; i++) {
    char user[16], keys[250][8];
    struct eddy_event event = eddy_event_empty;
    event.user_id = (struct eddy_str){user, (uint32_t)snprintf(user, sizeof user, "u%d", i)};
    event.type = EDDY_PROFILE_UPDATED;
    event.event_time = INT64_C(1511582430000);
    for (int j = 0; j < 250; j++) {
      properties[j].key = (struct eddy_str){keys[j], (uint32_t)snprintf(keys[j], sizeof keys[j], "p%d", j)};
      properties[j].value = (struct eddy_str){text, LARGE_TEXT};
    }
    event.properties = properties;
    event.property_count = 250;
    line.size = 0;
    assert_int_equal(avro ? eddy_container_append(writer, &event) : eddy_event_to_json(&event, &line), 0);
    if (!avro) assert_int_equal(fwrite(line.data, 1, line.size, file->file), line.size);
  }
  assert_int_equal(eddy_container_finish(writer), 0);
  eddy_buffer_fini(&line);
}

/* A batch ends where its room does; no event is lost. */
static void a_batch_may_be_cut_by_memory(void **state) {
  (void)state;
  static struct eddy_event events[LARGE_EVENTS];
  char *text = test_malloc(LARGE_TEXT);
  memset(text, 'x', LARGE_TEXT);
  for (int avro = 0; avro <= 1; avro++) {
    struct file file;
    struct bad_records bad;
    char why[256];
    int count, total = 0, batches = 0;
    file_open(&file);
    write_large_events(&file, avro == 1, text);
    struct eddy_file_source *source = source_open(&file, &bad);
    while ((count = eddy_file_source_read(source, events, LARGE_EVENTS, why, sizeof why)) > 0) {
      for (int i = 0; i < count; i++) {
        char id[16];
        int size = snprintf(id, sizeof id, "u%d", total++);
        assert_int_equal(events[i].user_id.len, size);
        assert_memory_equal(events[i].user_id.data, id, (size_t)size);
        assert_memory_equal(events[i].properties[249].value.data, text, LARGE_TEXT);
      }
      batches++;
    }
    assert_int_equal(total, LARGE_EVENTS);
    assert_int_equal(bad.count, 0);
    assert_true(batches > 1);
    file_close(&file, source);
  }
  test_free(text);
}

static void a_broken_file_gives_what_it_has_and_says_so_once_and_again(void **state) {
  (void)state;
  struct file file;
  struct bad_records bad;
  struct eddy_event *events = test_malloc(sizeof *events * EVENTS);
  char why[256] = "";
  file_open(&file);
  write_events(&file, true);
  long size = ftell(file.file);
  fflush(file.file);
  assert_int_equal(ftruncate(fileno(file.file), size - 5), 0);
  struct eddy_file_source *source = source_open(&file, &bad);
  assert_string_equal(eddy_file_source_unit(source), "record");
  int count = eddy_file_source_read(source, events, EVENTS, why, sizeof why);
  assert_in_range(count, 1, EVENTS - 1);
  assert_int_equal(eddy_file_source_read(source, events, EVENTS, why, sizeof why), -1);
  assert_true(strlen(why) > 0);
  assert_int_equal(eddy_file_source_read(source, events, EVENTS, why, sizeof why), -1);
  test_free(events);
  file_close(&file, source);
}

static void what_cannot_be_opened_is_explained(void **state) {
  (void)state;
  struct eddy_file_source *source;
  char why[256] = "";
  assert_int_equal(eddy_file_source_open(&source, "/nowhere/at/all", why, sizeof why), -1);
  assert_null(source);
  assert_string_equal(why, "No such file or directory");
  assert_int_equal(eddy_file_source_open(&source, "/", why, sizeof why), -1);
  assert_string_equal(why, "Is a directory");
  struct file file;
  file_open(&file);
  fputs("Object", file.file);
  fclose(file.file);
  assert_int_equal(eddy_file_source_open(&source, file.path, why, sizeof why), -1);
  assert_null(source);
  unlink(file.path);
  eddy_file_source_close(NULL);
}

static void an_empty_file_has_no_events(void **state) {
  (void)state;
  struct file file;
  struct bad_records bad;
  struct eddy_event event;
  char why[256];
  file_open(&file);
  struct eddy_file_source *source = source_open(&file, &bad);
  assert_int_equal(eddy_file_source_read(source, &event, 1, why, sizeof why), 0);
  file_close(&file, source);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_lines_are_named_and_skipped),
      cmocka_unit_test(a_stamp_from_the_future_is_clamped),
      cmocka_unit_test(a_byte_order_mark_is_no_error),
      cmocka_unit_test(a_long_line_is_read_up_to_its_limit),
      cmocka_unit_test(both_kinds_of_file_give_the_same_events),
      cmocka_unit_test(a_batch_may_be_cut_by_memory),
      cmocka_unit_test(a_broken_file_gives_what_it_has_and_says_so_once_and_again),
      cmocka_unit_test(what_cannot_be_opened_is_explained),
      cmocka_unit_test(an_empty_file_has_no_events),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
