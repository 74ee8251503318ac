/* What a wrong configuration is told: the place, what is wrong, and what would be right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/config.h"
#include "daemon/config_doc.h"

/* One mistake: the file, where it is, and pieces of what is said about it. */
struct mistake {
  const char *text, *place, *says, *hint;
};

#define COUNT(name) "features:\n  - {name: " name ", on: email_opened, half_life: 7d, cluster: true}\n"

static const struct mistake mistakes[] = {
    /* names */
    {"profil: {}\n", ":1:1:", "unknown key `profil`", "did you mean `profile`?"},
    {"kafka:\n  broker: x\n", ":2:3:", "unknown key `broker` in kafka", "did you mean `brokers`?"},
    {"features:\n  - {name: a, on: email_opened, halflife: 7d, cluster: true}\n", ":2:33:",
     "unknown key `halflife` in features[0]",
     "did you mean `half_life`?"},
    {"features:\n  - {name: a, on: email_opend, half_life: 7d, cluster: true}\n", ":2:19:", "no event type \"email_opend\"",
     "did you mean `email_opened`?"},
    {"metrics: {}\n", ":1:1:", "unknown key `metrics`", "eddy config reference"},
    {"app: My Shop\n", ":1:6:", "`app`: expected", "a-z"},
    {"triggers:\n  - {name: Cart, after: page_viewed, for: 1h}\n", ":2:12:", "`name` in triggers[0]", "small letters"},
    /* units and ranges */
    {"model: {half_life: 7}\n", ":1:20:", "7 has no unit", "write 7d"},
    {"kafka: {commit_interval: 100}\n", ":1:26:", "100 has no unit", "write 100ms"},
    {"profile: {memory_max: 4096}\n", ":1:23:", "4096 has no unit", "write 4096MiB"},
    {"triggers:\n  - {name: a, after: page_viewed, for: 1}\n", ":2:40:", "1 has no unit", "write 1h"},
    {"workers: 65\n", ":1:10:", "65 is not within 1 to 64", ""},
    {"workers: many\n", ":1:10:", "expected a whole number", "not \"many\""},
    {"workers: 99999999999999999999\n", ":1:10:", "expected a whole number", ""},
    {"kafka: {commit_interval: 1h}\n", ":1:26:", "1h is not within 20ms to 10s", ""},
    {"profile: {tail_bytes: 1MiB}\n", ":1:23:", "1MiB is not within 1KiB to 56KiB", ""},
    {"model: {switch_margin: 10%}\n", ":1:24:", "expected a number such as 0.1", ""},
    {"model: {train: yes}\n", ":1:16:", "expected true or false, not \"yes\"", ""},
    {"log: {level: verbose}\n", ":1:14:", "expected one of error, warn, info, debug", ""},
    {"log: {level: inf}\n", ":1:14:", "expected one of", "did you mean `info`?"},
    {"time: {at_end: scaled}\n", ":1:16:", "expected wall, newest, hold or scaled(FACTOR)", "scaled(60)"},
    {"time: {at_end: scaled(0)}\n", ":1:16:", "expected wall", "scaled(60)"},
    {"time: {publish_after: tomorrow}\n", ":1:23:", "expected a time, or none", "for instance"},
    {"profile: {currency: euro}\n", ":1:21:", "expected three capital letters", ""},
    /* addresses */
    {"kafka: {brokers: 'host:99999'}\n", ":1:18:", "expected host:port", ""},
    {"redis: {url: localhost}\n", ":1:14:", "begins with redis:// or unix://", "redis://["},
    {"redis: {url: 'rediss://h'}\n", ":1:14:", "TLS is not available", ""},
    {"redis: {url: 'redis://:x@/1'}\n", ":1:14:", "the host is missing", ""},
    {"registry: {url: 'localhost:8081'}\n", ":1:17:", "begins with http:// or https://", "http[s]://["},
    {"registry: {url: ['http://a', 'http://b?c=d']}\n", ":1:30:", "`registry.url`: ? and #", "http[s]://["},
    {"registry: {url: 'http://a,'}\n", ":1:17:", "1 to 1023 characters", ""},
    {"registry: {url: 'http://a,http://a,http://a,http://a,http://a,http://a,http://a,http://a,http://a,http://a,http://a,"
     "http://a,http://a,http://a,http://a,http://a,http://a'}\n", ":1:17:", "more than 16 addresses", ""},
    {"registry: {url: []}\n", ":1:17:", "names no address", ""},
    {"registry: {url: 'http://a', user: 'a:b'}\n", ":1:35:", "without a colon", ""},
    {"registry: {user: me}\n", ":1:18:", "no use without `registry.url`", ""},
    {"registry: {urls: 'http://a'}\n", ":1:12:", "unknown key `urls` in registry", "did you mean `url`?"},
    {"registri: {}\n", ":1:1:", "unknown key `registri`", "did you mean `registry`?"},
    {"http: {listen: 'shop.example:8377'}\n", ":1:16:", "expected ADDRESS:PORT such as 127.0.0.1:8377, or none", ""},
    {"http: {token: short}\n", ":1:15:", "16 to 255 printable ASCII characters without spaces", ""},
    {"http: {token: 'one that has a space'}\n", ":1:15:", "16 to 255 printable ASCII characters without spaces", ""},
    {"http: {token: 0123456789abcd\xc3\xa9}\n", ":1:15:", "16 to 255 printable ASCII characters without spaces", ""},
    {"http: {listen: 8377}\n", ":1:16:", "expected ADDRESS:PORT such as 127.0.0.1:8377, or none", ""},
    /* shapes */
    {"kafka: localhost\n", ":1:8:", "`kafka` must be a mapping", ""},
    {"features: {name: a}\n", ":1:11:", "`features` must be a list", "`- `"},
    {"- app\n", ":1:1:", "the file must be a mapping", ""},
    {"workers: [1, 2]\n", ":1:10:", "expected one value, not a list", ""},
    {"app:\n", ":1:5:", "`app`: has no value", "leave the key out"},
    {"app: a\napp: b\n", ":2:1:", "`app` is given twice", "line 1"},
    /* YAML */
    {"kafka:\n\tbrokers: x\n", ":2:1:", "YAML syntax", "a tab cannot indent"},
    {"app: a: b\n", ":1:7:", "mapping values are not allowed", "needs quotes"},
    {"kafka: {input: x\n", ":2:1:", "YAML syntax", ""},
    {"app: *name\n", ":1:6:", "no anchor before it", ""},
    {"a: &x [*x]\n", ":1:8:", "an alias inside of what it stands for", ""},
    {"app: a\n---\napp: b\n", ":2:1:", "a second document", "remove the `---`"},
    {"app: !!str a\n", ":1:6:", "tags", ""},
    {"app: \"a\\0b\"\n", ":1:6:", "NUL", ""},
    {"app: \xff\n", ":1:6:", "not readable text", "UTF-8"},
    {"? [a]\n: b\n", ":1:3:", "a key must be a text", ""},
    {"model:\n  <<: {a: b}\n", ":2:3:", "unknown key `<<`", "merge keys"},
    /* from outside */
    {"app: x${EDDY_TEST_UNSET}\n", ":1:7:", "${EDDY_TEST_UNSET}: the environment variable is not set", "${NAME:-default}"},
    {"app: '${1X}'\n", ":1:7:", "no name of an environment variable", "$${"},
    {"app: ${X\n", ":1:6:", "without its closing brace", ""},
    {"redis: {url: '${file:/nonexistent/secret}'}\n", ":1:15:", "there is no such file", ""},
    {"redis: {url: '${file:/dev/zero}'}\n", ":1:15:", "not a regular file", ""},
    /* librdkafka */
    {"kafka: {properties: {fetch.wait.max.ms: ten}}\n", ":1:41:",
     "Invalid value for configuration property \"fetch.wait.max.ms\"", ""},
    {"kafka: {properties: {consumer.fetch.wait.max: 1}}\n", ":1:22:", "No such configuration property", "fetch.wait.max.ms"},
    {"kafka: {properties: {transactional.id: x}}\n", ":1:22:", "transactional.id cannot be set", "`instance`"},
    {"kafka: {properties: {consumer.group.id: x}}\n", ":1:22:", "group.id cannot be set", "`kafka.group`"},
    {"kafka: {properties: {isolation.level: read_uncommitted}}\n", ":1:22:", "an aborted one must not count", ""},
    {"kafka: {properties: {plugin.library.paths: x.so}}\n", ":1:22:", "it would load code", ""},
    {"kafka: {properties: [a]}\n", ":1:21:", "must be a mapping", ""},
    /* features */
    {"features:\n  - {on: email_opened, half_life: 7d, cluster: true}\n", ":2:5:", "`name` in features[0]: is missing", ""},
    {"features:\n  - {name: a, half_life: 7d, cluster: true}\n", ":2:5:",
     "`on` in features[0]: is missing: fold count needs it", ""},
    {"features:\n  - {name: a, on: [], half_life: 7d, cluster: true}\n", ":2:19:", "names no event type", ""},
    {"features:\n  - {name: a, on: email_opened, cluster: true}\n", ":2:5:", "`half_life` in features[0]: is missing", "7d"},
    {"features:\n  - {name: a, on: email_opened, fold: age, half_life: 7d, cluster: true}\n", ":2:55:",
     "no meaning for fold age", ""},
    {COUNT("a") "  - {name: a, on: email_sent, half_life: 7d}\n", ":3:12:", "there is a feature `a` already", "line 2"},
    {COUNT("opens") "  - {name: r, fold: ratio, of: opns, to: opens}\n", ":3:32:", "there is no feature `opns`",
     "did you mean `opens`?"},
    {COUNT("opens") "  - {name: g, fold: age, on: email_sent}\n  - {name: r, fold: share, of: opens, to: g}\n", ":4:43:",
     "`g` is of fold age", "only a count or a sum"},
    {"features:\n  - {name: a, on: email_opened, half_life: 7d}\n", ":1:1:", "none has `cluster: true`", "train: false"},
    {"features:\n  - {name: a, on: email_opened, half_life: 1s, cluster: true}\n", ":2:44:",
     "1s is not within 1m to 3653d", ""},
    /* triggers */
    {"triggers:\n  - {name: a, kind: absense, after: page_viewed, for: 1h}\n", ":2:21:", "expected absence",
     "did you mean `absence`?"},
    {"triggers:\n  - {name: a, after: [], for: 1h}\n", ":2:22:", "nothing would arm the trigger", ""},
    {"triggers:\n  - {name: a, after: page_viewed}\n", ":2:5:", "`for` in triggers[0]: is missing", ""},
    {"triggers:\n  - {name: a, after: page_viewed, for: [2h, 1h]}\n", ":2:45:", "longer than the one before it", ""},
    {"triggers:\n  - {name: a, after: page_viewed, for: [1h, 2h, 3h, 4h, 5h]}\n", ":2:57:", "more than 4 steps", ""},
    {"triggers:\n  - {name: a, after: page_viewed, for: 1h}\n  - {name: a, after: page_viewed, for: 2h}\n", ":3:12:",
     "there is a trigger `a` already", ""},
    /* more than one key */
    {"kafka: {commit_interval: 10s}\n", ":1:26:", "must be shorter than librdkafka's transaction.timeout.ms", "larger"},
    {"kafka: {properties: {session.timeout.ms: 9000}}\n", ":1:21:",
     "session.timeout.ms (9000) < max.poll.interval.ms", "replaced"},
    {"time: {allowed_lateness: 30d}\nprofile: {idle_ttl: 20d}\n", ":2:21:",
     "longer than `time.allowed_lateness`, which is 30d", ""},
};

static char *messages_of(const char *name, const char *text, size_t size, int *errors) {
  char *messages = NULL;
  size_t length = 0;
  struct eddy_config config;
  FILE *out = open_memstream(&messages, &length);
  *errors = eddy_config_parse(&config, name, text, size, out);
  fclose(out);
  eddy_config_free(&config);
  return messages;
}

static void each_mistake_is_named_at_its_place(void **state) {
  (void)state;
  unsetenv("EDDY_TEST_UNSET");
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    const struct mistake *mistake = &mistakes[i];
    int errors;
    char *messages = messages_of("f.yaml", mistake->text, strlen(mistake->text), &errors), place[32];
    snprintf(place, sizeof place, "f.yaml%s error: ", mistake->place);
    if (errors != 1 || !strstr(messages, place) || !strstr(messages, mistake->says) || !strstr(messages, mistake->hint))
      fail_msg("for\n%swanted one error %s %s (%s), got %d:\n%s", mistake->text, mistake->place, mistake->says, mistake->hint, errors, messages);
    free(messages);
  }
}

static void all_errors_come_at_once_in_order(void **state) {
  (void)state;
  static const char text[] = "log: {level: x}\nworkers: 0\nfeatures:\n  - {name: A}\napp: ''\nmodel: {segments: 1}\n";
  static const char *const wanted[] = {"f.yaml:1:14:", "f.yaml:2:10:", "f.yaml:4:5:", "f.yaml:4:12:", "f.yaml:5:6:", "f.yaml:6:19:"};
  int errors;
  char *messages = messages_of("f.yaml", text, strlen(text), &errors);
  const char *at = messages;
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    at = strstr(at, wanted[i]);
    if (!at) fail_msg("%s is missing or out of order in\n%s", wanted[i], messages);
  }
  free(messages);
}

static void the_form_is_that_of_a_compiler(void **state) {
  (void)state;
  static const char text[] = "model:\n  half_life: 7\n";
  int errors;
  char *messages = messages_of("dir/eddy.yaml", text, strlen(text), &errors);
  assert_string_equal(messages,
                      "dir/eddy.yaml:2:14: error: `model.half_life`: 7 has no unit\n"
                      "    2 |   half_life: 7\n"
                      "      |              ^ write 7d, or another unit of ms, s, m, h, d, w\n");
  free(messages);
}

static void a_syntax_error_does_not_hide_those_before_it(void **state) {
  (void)state;
  static const char text[] = "workers: 0\nlog: {level: x}\nkafka: {input: [\n";
  int errors;
  char *messages = messages_of("f.yaml", text, strlen(text), &errors);
  assert_int_equal(errors, 3);
  assert_non_null(strstr(messages, "f.yaml:1:10:"));
  assert_non_null(strstr(messages, "f.yaml:2:14:"));
  free(messages);
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void secrets_are_never_shown(void **state) {
  (void)state;
  char folder[] = "eddy-test-XXXXXX", name[64], secret[64], other[64];
  static const char text[] =
      "app: '${file:s}'\nworkers: '${file:s}'\ntime: {at_end: '${file:s}', publish_after: '${EDDY_TEST_SECRET}'}\n"
      "redis: {url: '${file:s}', buffer_max: '${file:n}'}\nlog: {level: '${file:s}'}\n"
      "kafka: {start: '${file:s}', brokers: ['${file:s}'], properties: {security.protocol: '${file:s}', linger.ms: '${file:s}'}}\n"
      "features:\n  - {name: '${file:s}', on: '${file:s}', half_life: '${file:s}', fold: '${file:s}'}\n"
      "  - {name: r, fold: ratio, of: '${file:n}', to: '${file:n}'}\n  - {name: '${file:n}'}\n  - {name: '${file:n}'}\n";
  assert_non_null(mkdtemp(folder));
  setenv("EDDY_TEST_SECRET", "Hunter2 x", 1);
  snprintf(name, sizeof name, "%s/eddy.yaml", folder);
  snprintf(secret, sizeof secret, "%s/s", folder);
  write_file(secret, "Hunter2 x\n"); /* no value of any key */
  snprintf(other, sizeof other, "%s/n", folder);
  write_file(other, "hunter2\n"); /* a name */
  int errors;
  char *messages = messages_of(name, text, strlen(text), &errors);
  assert_true(errors >= 12);
  if (strstr(messages, "unter2")) fail_msg("a secret is shown:\n%s", messages);
  free(messages);
  unlink(secret);
  unlink(other);
  rmdir(folder);
}

/* Nine levels of nine aliases each: 387 million nodes if they were written out. */
static void an_alias_bomb_is_refused(void **state) {
  (void)state;
  char text[4096];
  size_t size = (size_t)snprintf(text, sizeof text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
  for (int i = 1; i < 10; i++)
    size += (size_t)snprintf(text + size, sizeof text - size, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
                             i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
  int errors;
  char *messages = messages_of("f.yaml", text, size, &errors);
  assert_non_null(strstr(messages, "with its aliases written out this is too large"));
  free(messages);
}

static void refuse(const char *text, size_t size, const char *says) {
  int errors;
  char *messages = messages_of("f.yaml", text, size, &errors);
  if (errors < 1 || !strstr(messages, says)) fail_msg("wanted %s, got:\n%.500s", says, messages);
  free(messages);
}

static void sizes_are_bounded(void **state) {
  (void)state;
  size_t size = EDDY_CONFIG_FILE_MAX + 1;
  char *text = malloc(size + 1);
  assert_non_null(text);
  memset(text, '#', size);
  refuse(text, size, "larger than 1 MiB");
  memset(text, '[', 1000);
  refuse(text, 1000, "nested too deeply");
  size_t used = 0;
  for (int i = 0; used + 16 < EDDY_CONFIG_FILE_MAX; i++) used += (size_t)snprintf(text + used, 16, "k%d: 1\n", i);
  refuse(text, used, "too many entries");
  used = (size_t)snprintf(text, 16, "features: [");
  while (used + 2 < 400000) text[used++] = 'x', text[used++] = ',';
  refuse(text, used, "too many values");
  free(text);
}

/* A list whose items are `n1`, `n2`, ... followed by `rest` and as many days as the item's number modulo `days`, plus one. */
static char *list_of(const char *name, int count, const char *rest, int days) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  fprintf(out, "%s:\n", name);
  for (int i = 1; i <= count; i++) fprintf(out, "  - {name: n%d, %s: %dd}\n", i, rest, i % days + 1);
  fclose(out);
  return text;
}

static void expect_list(const char *name, int count, const char *rest, int days, const char *says) {
  char *text = list_of(name, count, rest, days);
  int errors;
  char *messages = messages_of("f.yaml", text, strlen(text), &errors);
  assert_int_equal(errors, says ? 1 : 0);
  if (says && !strstr(messages, says)) fail_msg("wanted %s, got:\n%s", says, messages);
  free(messages);
  free(text);
}

static void lists_have_the_length_of_the_core(void **state) {
  (void)state;
  static const char count[] = "on: page_viewed, cluster: true, half_life", absence[] = "after: page_viewed, for";
  expect_list("features", 8, count, 8, NULL);
  expect_list("features", 9, count, 9, "f.yaml:10:59: error: `half_life` in features[8]: this is the ninth different half-life");
  expect_list("features", EDDY_FEATURES_MAX, count, 3, NULL);
  expect_list("features", EDDY_FEATURES_MAX + 1, count, 3, "f.yaml:66:5: error: more than 64 features");
  expect_list("triggers", EDDY_TRIGGERS_MAX, absence, 3, NULL);
  expect_list("triggers", EDDY_TRIGGERS_MAX + 1, absence, 3, "f.yaml:34:5: error: more than 32 triggers");
}

static void many_errors_are_counted(void **state) {
  (void)state;
  char text[8000];
  size_t size = 0;
  for (int i = 0; i < 300; i++) size += (size_t)snprintf(text + size, sizeof text - size, "zzzzzzz%d: 1\n", i);
  int errors;
  char *messages = messages_of("f.yaml", text, size, &errors);
  assert_int_equal(errors, 300);
  assert_non_null(strstr(messages, "... and 200 more errors"));
  free(messages);
}

static void messages_hold_no_control_characters(void **state) {
  (void)state;
  static const char text[] = "\"a\\e[31m\\nb\": \"x\\ty\"\nworkers: \"\\e]0;title\\a\"\n";
  int errors;
  char *messages = messages_of("f.yaml", text, strlen(text), &errors);
  assert_int_equal(errors, 2);
  for (const char *at = messages; *at; at++) assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
  free(messages);
}

static void a_file_that_cannot_be_read_is_an_error(void **state) {
  (void)state;
  struct eddy_config config;
  char *messages = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&messages, &size);
  assert_int_equal(eddy_config_load(&config, "/nonexistent/eddy.yaml", out), 1);
  eddy_config_free(&config);
  assert_int_equal(eddy_config_load(&config, "/", out), 1);
  eddy_config_free(&config);
  assert_int_equal(eddy_config_load(&config, "/nonexistent/eddy.yaml", NULL), 1);
  eddy_config_free(&config);
  fclose(out);
  assert_non_null(strstr(messages, "/nonexistent/eddy.yaml: error: the file cannot be read: No such file"));
  free(messages);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_mistake_is_named_at_its_place),
      cmocka_unit_test(all_errors_come_at_once_in_order),
      cmocka_unit_test(the_form_is_that_of_a_compiler),
      cmocka_unit_test(a_syntax_error_does_not_hide_those_before_it),
      cmocka_unit_test(secrets_are_never_shown),
      cmocka_unit_test(an_alias_bomb_is_refused),
      cmocka_unit_test(sizes_are_bounded),
      cmocka_unit_test(lists_have_the_length_of_the_core),
      cmocka_unit_test(many_errors_are_counted),
      cmocka_unit_test(messages_hold_no_control_characters),
      cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
