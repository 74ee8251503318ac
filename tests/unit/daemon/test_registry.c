/* Which schemas are asked for under which names, and in which order two sources are asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/avro_schema.h"
#include "codec/framing.h"
#include "daemon/registry.h"

/* A source that knows one id, and may be away for all others. */
struct known {
  uint32_t id;
  const char *text;
  bool away;
  int asked;
};

static const char *find(struct known *known, bool match, size_t *size, bool *retry) {
  known->asked++;
  if (match) *size = strlen(known->text);
  if (!match && known->away) *retry = true;
  return match ? known->text : NULL;
}

static const char *find_id(void *ctx, uint32_t id, size_t *size, bool *retry) {
  struct known *known = ctx;
  return find(known, id == known->id, size, retry);
}

static const char *find_fingerprint(void *ctx, uint64_t fingerprint, size_t *size, bool *retry) {
  struct known *known = ctx;
  return find(known, fingerprint == known->id, size, retry);
}

static const char *ask(struct eddy_schema_pair *pair, uint32_t id, bool *retry) {
  size_t size = 0;
  struct eddy_schema_source source = eddy_schema_pair_source(pair);
  *retry = false;
  const char *text = source.find_id(source.ctx, id, &size, retry);
  bool again = false;
  const char *same = source.find_fingerprint(source.ctx, id, &size, &again);
  assert_true(same == text && again == *retry);
  if (text) assert_int_equal(size, strlen(text));
  return text;
}

static void the_first_source_comes_first(void **state) {
  (void)state;
  bool retry;
  struct known folder = {.id = 7, .text = "folder"}, registry = {.id = 8, .text = "registry", .away = true};
  struct eddy_schema_pair pair = {{find_id, find_fingerprint, &folder}, {find_id, find_fingerprint, &registry}};
  assert_string_equal(ask(&pair, 7, &retry), "folder");
  assert_int_equal(registry.asked, 0);
  assert_string_equal(ask(&pair, 8, &retry), "registry");
  assert_false(retry);
  assert_null(ask(&pair, 9, &retry));
  assert_true(retry);
}

static void either_may_be_absent(void **state) {
  (void)state;
  bool retry;
  struct known known = {.id = 7, .text = "known"};
  struct eddy_schema_source source = {find_id, find_fingerprint, &known};
  assert_string_equal(ask(&(struct eddy_schema_pair){.first = source}, 7, &retry), "known");
  assert_string_equal(ask(&(struct eddy_schema_pair){.second = source}, 7, &retry), "known");
  assert_null(ask(&(struct eddy_schema_pair){.first = source}, 8, &retry));
  assert_false(retry);
  assert_null(ask(&(struct eddy_schema_pair){.first = {0}}, 7, &retry));
  assert_false(retry);
}

/* What is registered is what is written: the fingerprints of the framing are those of these texts. */
static void subjects_are_named_after_topics(void **state) {
  (void)state;
  char app[] = "shop", why[256];
  struct eddy_config config = {.app = app};
  struct eddy_registry_subject subjects[EDDY_OUTPUT_COUNT];
  eddy_registry_subjects(&config, subjects);
  assert_string_equal(subjects[EDDY_OUTPUT_SEGMENT_CHANGE].name, "shop.segment-changes-value");
  assert_string_equal(subjects[EDDY_OUTPUT_RECEIPT].name, "shop.receipts-value");
  for (int i = 0; i < EDDY_OUTPUT_COUNT; i++) {
    struct eddy_avro_schema *schema = eddy_avro_schema_parse(subjects[i].schema, strlen(subjects[i].schema), why, sizeof why);
    assert_non_null(schema);
    assert_true(eddy_avro_schema_fingerprint(schema) == eddy_output_fingerprint((enum eddy_output)i));
    eddy_avro_schema_free(schema);
  }
}

static void no_registry_is_fine(void **state) {
  (void)state;
  struct eddy_config config = {0};
  struct eddy_schema_registry *registry;
  assert_int_equal(eddy_registry_open(&registry, &config, NULL), 0);
  assert_null(registry);
  eddy_schema_registry_close(registry);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_source_comes_first),
      cmocka_unit_test(either_may_be_absent),
      cmocka_unit_test(subjects_are_named_after_topics),
      cmocka_unit_test(no_registry_is_fine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
