/* Parsing schemas: names, references, limits; and that the tables, the struct and event.avsc speak of the same fields.
 * Canonical forms are compared with fastavro's in test_decode_vectors.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "codec/avro_schema.h"
#include "codec/event_aliases.h"
#include "codec/event_fields.h"
#include "codec/schemas.h"

static struct eddy_avro_schema *parse(const char *text) {
  char why[256] = "";
  struct eddy_avro_schema *schema = eddy_avro_schema_parse(text, strlen(text), why, sizeof why);
  if (!schema) fail_msg("%s: %s", text, why);
  return schema;
}

static void refuse(const char *text, const char *because) {
  char why[256] = "";
  struct eddy_avro_schema *schema = eddy_avro_schema_parse(text, strlen(text), why, sizeof why);
  if (schema) fail_msg("%s was accepted", text);
  if (!strstr(why, because)) fail_msg("%s: %s", text, why);
}

static void refuses_what_is_no_schema(void **state) {
  (void)state;
  refuse("", "not JSON");
  refuse("{", "not JSON");
  refuse("1", "must be a name");
  refuse("null", "must be a name");
  refuse("\"strong\"", "no type \"strong\"");
  refuse("{}", "needs a type");
  refuse("{\"type\":\"record\"}", "needs a name");
  refuse("{\"type\":\"record\",\"name\":\"a b\",\"fields\":[]}", "needs a name");
  refuse("{\"type\":\"record\",\"name\":\"a..b\",\"fields\":[]}", "needs a name");
  refuse("{\"type\":\"record\",\"name\":\"R\"}", "list of fields");
  refuse("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"9\",\"fields\":[]}", "not a namespace");
  refuse("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\"}]}", "needs a type");
  refuse("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a.b\",\"type\":\"int\"}]}", "needs a name");
  refuse(
      "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}]}",
      "two fields");
  refuse("{\"type\":\"enum\",\"name\":\"E\"}", "needs symbols");
  refuse("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "twice");
  refuse("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a-b\"]}", "must be names");
  refuse("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}", "not one of its symbols");
  refuse("{\"type\":\"fixed\",\"name\":\"F\"}", "needs a size");
  refuse("{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "needs a size");
  refuse("{\"type\":\"array\"}", "needs items");
  refuse("{\"type\":\"map\"}", "needs values");
  refuse("[\"int\",\"int\"]", "int twice");
  refuse("[\"null\",[\"int\"]]", "may not stand in a union");
  refuse("[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}]", "defined twice");
  refuse("{\"type\":\"int\",\"type\":\"long\"}", "not JSON");
}

static void limits(void **state) {
  (void)state;
  char *text = malloc(2 << 20);
  for (int depth = 60; depth <= 70; depth += 10) {
    char *at = text;
    for (int i = 0; i < depth; i++) at = stpcpy(at, "{\"type\":\"array\",\"items\":");
    at = stpcpy(at, "\"int\"");
    for (int i = 0; i < depth; i++) at = stpcpy(at, "}");
    char why[256] = "";
    struct eddy_avro_schema *schema = eddy_avro_schema_parse(text, (size_t)(at - text), why, sizeof why);
    assert_int_equal(schema != NULL, depth == 60);
    eddy_avro_schema_free(schema);
  }
  for (int fields = 4000; fields <= 6000; fields += 2000) {
    char *at = stpcpy(text, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
    for (int i = 0; i < fields; i++) at += sprintf(at, "%s{\"name\":\"f%d\",\"type\":\"int\"}", i ? "," : "", i);
    strcpy(at, "]}");
    if (fields == 4000) {
      eddy_avro_schema_free(parse(text));
    } else {
      refuse(text, "more than 10000");
    }
  }
  memset(text, ' ', (1 << 20) + 1);
  text[(1 << 20) + 1] = '\0';
  refuse(text, "longer than 1 MiB");
  free(text);
}

static void names_and_references(void **state) {
  (void)state;
  struct eddy_avro_schema *schema = parse(
      "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a.b\",\"aliases\":[\"Old\",\"c.Older\"],\"fields\":["
      "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},{\"name\":\"g\",\"type\":\"F\",\"aliases\":["
      "\"h\"]},"
      "{\"name\":\"self\",\"type\":[\"null\",\"a.b.R\"]},{\"name\":\"n\",\"type\":{\"type\":\"enum\",\"name\":\"x.N\","
      "\"symbols\":[\"A\"]}},"
      "{\"name\":\"top\",\"type\":{\"type\":\"record\",\"name\":\"T\",\"namespace\":\"\",\"fields\":[{\"name\":\"z\",\"type\":"
      "\"a.b.F\"}]}}]}");
  const struct eddy_avro_node *root = schema->root;
  assert_string_equal(root->name, "a.b.R");
  assert_string_equal(root->aliases.at[0], "a.b.Old");
  assert_string_equal(root->aliases.at[1], "c.Older");
  assert_string_equal(root->fields[1].aliases.at[0], "h");
  assert_ptr_equal(root->fields[0].type, root->fields[1].type);
  assert_string_equal(root->fields[0].type->name, "a.b.F");
  assert_ptr_equal(root->fields[2].type->children[1], root);
  assert_string_equal(root->fields[3].type->name, "x.N");
  assert_string_equal(root->fields[4].type->name, "T");
  assert_true(root->min_size == 3 + 3 + 1 + 1 + 3);
  assert_string_equal(eddy_avro_short_name(root->name), "R");
  eddy_avro_schema_free(schema);
  refuse(
      "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"fields\":[{\"name\":\"x\",\"type\":{\"type\":\"record\","
      "\"name\":\"S\","
      "\"namespace\":\"b\",\"fields\":[{\"name\":\"y\",\"type\":\"R\"}]}}]}",
      "no type \"b.R\"");
}

static void fingerprint(const char *text, uint64_t want) {
  struct eddy_avro_schema *schema = parse(text);
  assert_true(eddy_avro_schema_fingerprint(schema) == want);
  eddy_avro_schema_free(schema);
}

/* From Avro's own share/test/data/schema-tests.txt. */
static void fingerprints_of_the_specification(void **state) {
  (void)state;
  fingerprint("\"null\"", UINT64_C(7195948357588979594));
  fingerprint("{\"type\":\"null\"}", UINT64_C(7195948357588979594));
  fingerprint("\"int\"", (uint64_t)INT64_C(8247732601305521295));
  fingerprint("\"string\"", (uint64_t)INT64_C(-8142146995180207161));
}

/* Quoted sizes with leading zeros count as the number. */
static void quoted_sizes(void **state) {
  (void)state;
  struct eddy_avro_schema *quoted = parse("{\"type\":\"fixed\",\"name\":\"F\",\"size\":\"0016\"}");
  struct eddy_avro_schema *plain = parse("{\"type\":\"fixed\",\"name\":\"F\",\"size\":16}");
  assert_true(eddy_avro_schema_fingerprint(quoted) == eddy_avro_schema_fingerprint(plain));
  eddy_avro_schema_free(quoted);
  eddy_avro_schema_free(plain);
}

static void same_fields(const struct eddy_field_list *list, const struct eddy_avro_node *record) {
  assert_int_equal(list->count, record->count);
  for (uint32_t i = 0; i < list->count; i++) assert_string_equal(list->rows[i].name, record->fields[i].name);
}

static void tables_and_schema_agree(void **state) {
  (void)state;
  struct eddy_avro_schema *schema = parse(eddy_schema_event);
  same_fields(&eddy_event_fields, schema->root);
  const struct eddy_avro_node *type = schema->root->fields[1].type;
  assert_int_equal(type->symbols.count, EDDY_EVENT_TYPE_COUNT);
  for (uint32_t i = 0; i < type->symbols.count; i++) {
    assert_string_equal(type->symbols.at[i], eddy_event_type_name((enum eddy_event_type)i));
  }
  for (uint32_t i = 0; i < schema->root->count; i++) {
    if (strcmp(schema->root->fields[i].name, "items") == 0)
      same_fields(&eddy_item_fields, schema->root->fields[i].type->children[0]);
  }
  eddy_avro_schema_free(schema);
}

static void aliases_are_sorted(void **state) {
  (void)state;
  for (size_t i = 1; i < eddy_event_alias_count; i++) {
    if (strcmp(eddy_event_aliases[i - 1].name, eddy_event_aliases[i].name) >= 0) fail_msg("%s", eddy_event_aliases[i].name);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_what_is_no_schema),
      cmocka_unit_test(limits),
      cmocka_unit_test(names_and_references),
      cmocka_unit_test(fingerprints_of_the_specification),
      cmocka_unit_test(quoted_sizes),
      cmocka_unit_test(tables_and_schema_agree),
      cmocka_unit_test(aliases_are_sorted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
