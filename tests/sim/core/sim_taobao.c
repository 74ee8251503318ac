/* Real carts: the Taobao set against an independently computed list of carts that stayed quiet for an hour. One tail per user,
 * one partition time for all, as in an engine of one partition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"
#include "lib/trigger_kit.h"

enum { ROWS_MAX = 90000, USERS_MAX = 1024, FIRES_MAX = 4096, FIRES = 2487, SHUFFLE_SECONDS = 600 };
#define LAST_SECOND INT64_C(1512316763)
#define DATA EDDY_SOURCE_DIR "/../shared/data/"

struct row {
  int64_t user, second, at; /* at: key of arrival */
  enum eddy_event_type type;
  int place;
};
struct fire {
  int64_t user, second;
};

static struct row rows[ROWS_MAX];
static int row_count;
static struct fire expected[FIRES_MAX], got[FIRES_MAX];
static int expected_count, got_count;
static struct kit kit;
static struct kit_user *users; /* [USERS_MAX] */
static int64_t user_numbers[USERS_MAX];
static char user_ids[USERS_MAX][24];
static int user_count;

static int compare_rows(const void *left, const void *right) {
  const struct row *a = left, *b = right;
  return a->at != b->at ? (a->at < b->at ? -1 : 1) : (a->place > b->place) - (a->place < b->place);
}

static int compare_fires(const void *left, const void *right) {
  const struct fire *a = left, *b = right;
  return a->second != b->second ? (a->second < b->second ? -1 : 1) : (a->user > b->user) - (a->user < b->user);
}

static int type_of(const char *behaviour) {
  static const struct {
    const char *name;
    enum eddy_event_type type;
  } types[] = {
      {"pv", EDDY_PRODUCT_VIEWED}, {"fav", EDDY_WISHLIST_ADDED}, {"cart", EDDY_PRODUCT_ADDED}, {"buy", EDDY_ORDER_COMPLETED}};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (strcmp(types[i].name, behaviour) == 0) return (int)types[i].type;
  }
  return -1;
}

static bool read_rows(void) {
  FILE *file = fopen(DATA "taobao_userbehavior.csv", "r");
  char line[256];
  while (file != NULL && fgets(line, sizeof line, file) != NULL && row_count < ROWS_MAX) {
    long long user, second;
    char behaviour[8];
    if (sscanf(line, "%lld,%*[^,],%*[^,],%7[^,],%lld", &user, behaviour, &second) != 3 || type_of(behaviour) < 0) continue;
    rows[row_count] =
        (struct row){.user = user, .second = second, .type = (enum eddy_event_type)type_of(behaviour), .place = row_count};
    row_count++;
  }
  if (file != NULL) fclose(file);
  file = fopen(DATA "taobao_cart_quiet_1h.csv", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL && expected_count < FIRES_MAX) {
    long long second, user;
    if (sscanf(line, "%lld,%lld,", &second, &user) == 2) expected[expected_count++] = (struct fire){user, second};
  }
  if (file != NULL) fclose(file);
  return row_count > 0 && expected_count > 0;
}

static struct kit_user *find_user(int64_t number) {
  int i = 0;
  while (i < user_count && user_numbers[i] != number) i++;
  if (i == user_count) {
    EDDY_ASSERT(user_count < USERS_MAX);
    user_numbers[i] = number;
    snprintf(user_ids[i], sizeof user_ids[i], "%lld", (long long)number);
    users[i].id = kit_str(user_ids[i]);
    users[i].newest = EDDY_TIME_NONE;
    users[i].size = 0;
    user_count++;
  }
  return &users[i];
}

static void collect(void) {
  for (size_t i = 0; i < kit.effects.count; i++) {
    const struct eddy_effect *effect = &kit.effects.items[i];
    assert_int_equal(effect->kind, EDDY_TRIGGER_FIRED);
    assert_int_equal(effect->as.trigger.due_at % 1000, 0);
    assert_true(got_count < FIRES_MAX);
    char digits[24] = {0};
    memcpy(digits, effect->user_id.data, effect->user_id.len);
    got[got_count++] = (struct fire){strtoll(digits, NULL, 10), effect->as.trigger.due_at / 1000};
  }
  eddy_effects_clear(&kit.effects);
}

static void run(int64_t lateness_ms) {
  eddy_effects_fini(&kit.effects);
  kit_init(&kit);
  kit.spec.allowed_lateness_ms = lateness_ms;
  struct eddy_trigger_spec *trigger = kit_add_trigger(&kit, EDDY_SUBJECT_USER, EDDY_PAYLOAD_NONE);
  trigger->after = EDDY_EVENT_BIT(EDDY_PRODUCT_ADDED);
  trigger->without = EDDY_EVENT_BIT(EDDY_ORDER_COMPLETED);
  trigger->wait_ms[0] = EDDY_HOUR_MS;
  user_count = got_count = 0;
  for (int i = 0; i < row_count; i++) {
    struct eddy_event event = eddy_event_empty;
    struct kit_user *user = find_user(rows[i].user);
    event.type = rows[i].type;
    event.event_time = rows[i].second * 1000;
    event.user_id = user->id;
    kit_step(&kit, user, &event);
    collect();
  }
  for (int i = 0; i < user_count; i++) {
    kit_tick(&kit, &users[i], LAST_SECOND * 1000);
    collect();
  }
}

/* Arrival by time, each row delayed by up to `shuffle` seconds. */
static void check(int64_t lateness_ms, uint64_t shuffle, uint64_t seed) {
  struct eddy_rng rng;
  eddy_rng_seed(&rng, seed);
  for (int i = 0; i < row_count; i++) rows[i].at = rows[i].second + (int64_t)eddy_rng_below(&rng, shuffle + 1);
  qsort(rows, (size_t)row_count, sizeof rows[0], compare_rows);
  run(lateness_ms);
  qsort(got, (size_t)got_count, sizeof got[0], compare_fires);
  print_message("lateness %lld ms, shuffled within %llu s, seed %llu: %d fires\n", (long long)lateness_ms,
                (unsigned long long)shuffle, (unsigned long long)seed, got_count);
  assert_int_equal(got_count, expected_count);
  assert_memory_equal(got, expected, sizeof expected[0] * (size_t)expected_count);
}

static void require_data(void) {
  if (row_count == 0) {
    print_message("skipped: %staobao_userbehavior.csv and its oracle are not there\n", DATA);
    skip();
  }
  assert_int_equal(expected_count, FIRES);
}

static void test_sorted_input(void **state) {
  (void)state;
  require_data();
  check(0, 0, 1);
  check(10 * EDDY_SECOND_MS, 0, 1);
  check(15 * EDDY_MINUTE_MS, 0, 1);
}

static void test_input_shuffled_within_ten_minutes(void **state) {
  (void)state;
  require_data();
  for (uint64_t seed = 1; seed <= 3; seed++) check(15 * EDDY_MINUTE_MS, SHUFFLE_SECONDS, seed);
}

int main(void) {
  users = calloc(USERS_MAX, sizeof *users);
  EDDY_ASSERT(users != NULL);
  if (!read_rows()) row_count = 0;
  qsort(expected, (size_t)expected_count, sizeof expected[0], compare_fires);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sorted_input),
                                     cmocka_unit_test(test_input_shuffled_within_ten_minutes)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  eddy_effects_fini(&kit.effects);
  free(users);
  return failed;
}
