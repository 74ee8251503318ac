/* The parts of the Redis sink that need no server: addresses, commands, what waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sink/redis_chain.h"
#include "sink/redis_command.h"
#include "sink/redis_errors.h"
#include "sink/redis_pending.h"
#include "sink/redis_url.h"

enum { MAX = 1 << 20 };

static void test_url_accepts_what_people_write(void **state) {
  struct eddy_redis_url url;
  char why[200];
  (void)state;
  assert_int_equal(eddy_redis_url_parse(&url, "redis://localhost", why, sizeof why), 0);
  assert_string_equal(url.host, "localhost");
  assert_int_equal(url.port, 6379);
  assert_int_equal(eddy_redis_url_parse(&url, "redis://mail:p%40ss%3A@[::1]:7000/3", why, sizeof why), 0);
  assert_string_equal(url.host, "::1");
  assert_string_equal(url.user, "mail");
  assert_string_equal(url.password, "p@ss:");
  assert_int_equal(url.port, 7000);
  assert_int_equal(url.database, 3);
  assert_int_equal(eddy_redis_url_parse(&url, "redis://:secret@10.0.0.1", why, sizeof why), 0);
  assert_string_equal(url.user, "");
  assert_string_equal(url.password, "secret");
  assert_int_equal(eddy_redis_url_parse(&url, "unix:///run/redis.sock?db=2", why, sizeof why), 0);
  assert_string_equal(url.path, "/run/redis.sock");
  assert_int_equal(url.database, 2);
}

static void test_url_refuses_the_rest_with_a_reason(void **state) {
  static const char *const bad[] = {"localhost:6379",     "http://x",           "rediss://host",  "redis://",
                                    "redis://host:0",     "redis://host:99999", "redis://host/x", "redis://u:%00@h",
                                    "redis://u:%4@h",     "unix://relative",    "unix:///s?x=1",  "redis://[::1",
                                    "redis://[::1]9:6379"};
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct eddy_redis_url url;
    char why[200] = "";
    assert_int_equal(eddy_redis_url_parse(&url, bad[i], why, sizeof why), -1);
    assert_true(strlen(why) > 10);
  }
}

static void test_command_is_resp(void **state) {
  struct eddy_buffer buffer;
  (void)state;
  eddy_buffer_init(&buffer, &eddy_allocator_malloc);
  struct eddy_redis_command command = eddy_redis_command_begin(&buffer, 4);
  eddy_redis_word_text(&command, "SET");
  eddy_redis_word_key(&command, "app", "user", EDDY_STR("a b"));
  eddy_redis_word_int(&command, -12);
  eddy_redis_word(&command, "\0\r", 2);
  static const char expected[] = "*4\r\n$3\r\nSET\r\n$12\r\napp:user:a b\r\n$3\r\n-12\r\n$2\r\n\0\r\r\n";
  assert_int_equal(command.error, 0);
  assert_int_equal(buffer.size, sizeof expected - 1);
  assert_memory_equal(buffer.data, expected, buffer.size);
  eddy_buffer_fini(&buffer);
}

static struct eddy_str user_id(char *text, unsigned number) {
  snprintf(text, 32, "user-%u", number);
  return (struct eddy_str){text, (uint32_t)strlen(text)};
}

static void test_changes_of_a_user_coalesce_in_order_of_arrival(void **state) {
  struct eddy_redis_pending pending;
  struct eddy_redis_user *users[3000];
  size_t refused = 0;
  char text[32];
  (void)state;
  assert_int_equal(eddy_redis_pending_init(&pending, MAX), 0);
  for (unsigned round = 0; round < 2; round++) {
    for (unsigned i = 0; i < 3000; i++) {
      struct eddy_redis_user *user = eddy_redis_pending_user(&pending, user_id(text, i), MAX);
      if (user) user->to = round;
      refused += !user;
    }
  }
  assert_int_equal(pending.coalesced + refused + pending.user_count, 6000);
  assert_int_equal(pending.coalesced, pending.user_count);
  size_t count = eddy_redis_pending_take(&pending, users, 3000);
  assert_int_equal(count, pending.coalesced);
  for (unsigned i = 0; i < count; i++) {
    struct eddy_str id = user_id(text, i);
    assert_int_equal(users[i]->id_size, id.len);
    assert_memory_equal(users[i]->id, id.data, id.len);
    assert_int_equal(users[i]->to, 1);
    eddy_redis_pending_free(&pending, users[i]);
  }
  assert_int_equal(pending.bytes, 0);
  eddy_redis_pending_fini(&pending);
}

static void test_a_batch_that_failed_does_not_hide_a_newer_change(void **state) {
  struct eddy_redis_pending pending;
  struct eddy_redis_user *old[2];
  (void)state;
  assert_int_equal(eddy_redis_pending_init(&pending, MAX), 0);
  struct eddy_redis_user *user = eddy_redis_pending_user(&pending, EDDY_STR("a"), MAX);
  user->has_segment = user->has_to = true;
  user->to = 7;
  user = eddy_redis_pending_user(&pending, EDDY_STR("b"), MAX);
  user->has_segment = user->has_to = true;
  user->to = 7;
  assert_int_equal(eddy_redis_pending_take(&pending, old, 2), 2);
  user = eddy_redis_pending_user(&pending, EDDY_STR("a"), MAX);
  user->has_segment = user->has_to = true;
  user->to = 8;
  user = eddy_redis_pending_user(&pending, EDDY_STR("b"), MAX);
  user->has_trigger = true; /* says nothing of the segment: the older word on it still holds */
  eddy_redis_pending_return(&pending, old[0]);
  eddy_redis_pending_return(&pending, old[1]);
  assert_int_equal(pending.user_count, 2);
  assert_int_equal(eddy_redis_pending_user(&pending, EDDY_STR("a"), MAX)->to, 8);
  user = eddy_redis_pending_user(&pending, EDDY_STR("b"), MAX);
  assert_true(user->has_segment && user->has_trigger && user->to == 7);
  eddy_redis_pending_fini(&pending);
}

static struct eddy_redis_user *put_segment(struct eddy_redis_pending *pending, uint32_t to, uint64_t sequence) {
  struct eddy_redis_user *user = eddy_redis_pending_user(pending, EDDY_STR("a"), MAX);
  user->version = (struct eddy_redis_version){1, sequence};
  user->has_segment = user->has_to = true;
  user->to = to;
  return user;
}

/* Several batches are in flight at once, and all of them come back when the connection is lost: the oldest first. */
static void test_of_two_batches_that_failed_the_newer_change_wins(void **state) {
  struct eddy_redis_pending pending;
  struct eddy_redis_user *older, *newer;
  (void)state;
  for (int newer_first = 0; newer_first < 2; newer_first++) {
    assert_int_equal(eddy_redis_pending_init(&pending, MAX), 0);
    struct eddy_redis_user *user = put_segment(&pending, 7, 1);
    user->has_trigger = true;
    user->trigger_at = 70;
    assert_int_equal(eddy_redis_pending_take(&pending, &older, 1), 1);
    put_segment(&pending, 8, 2);
    assert_int_equal(eddy_redis_pending_take(&pending, &newer, 1), 1);
    eddy_redis_pending_return(&pending, newer_first ? newer : older);
    eddy_redis_pending_return(&pending, newer_first ? older : newer);
    assert_int_equal(eddy_redis_pending_take(&pending, &user, 1), 1);
    assert_int_equal(user->version.sequence, 2);
    assert_int_equal(user->to, 8);
    assert_int_equal(user->trigger_at, 70);
    eddy_redis_pending_free(&pending, user);
    assert_int_equal(pending.bytes, 0);
    eddy_redis_pending_fini(&pending);
  }
}

/* What came back first has been added to before the other came: of each part the newest counts all the same. */
static void test_what_is_added_in_between_hides_nothing(void **state) {
  struct eddy_redis_pending pending;
  struct eddy_redis_user *first, *second, *user;
  (void)state;
  assert_int_equal(eddy_redis_pending_init(&pending, MAX), 0);
  put_segment(&pending, 1, 4)->segment_by = (struct eddy_redis_version){1, 4};
  assert_int_equal(eddy_redis_pending_take(&pending, &first, 1), 1);
  put_segment(&pending, 2, 5)->segment_by = (struct eddy_redis_version){1, 5};
  assert_int_equal(eddy_redis_pending_take(&pending, &second, 1), 1);
  eddy_redis_pending_return(&pending, first);
  user = eddy_redis_pending_user(&pending, EDDY_STR("a"), MAX);
  user->version = user->trigger_by = (struct eddy_redis_version){1, 9};
  user->has_trigger = true;
  eddy_redis_pending_return(&pending, second);
  assert_int_equal(eddy_redis_pending_take(&pending, &user, 1), 1);
  assert_int_equal(user->version.sequence, 9);
  assert_int_equal(user->to, 2);
  assert_true(user->has_trigger);
  eddy_redis_pending_free(&pending, user);
  eddy_redis_pending_fini(&pending);
}

/* Another member has had the partition meanwhile, and has written what it knew. */
static void test_of_two_tenures_the_later_alone_counts(void **state) {
  struct eddy_redis_pending pending;
  struct eddy_redis_user *old;
  (void)state;
  assert_int_equal(eddy_redis_pending_init(&pending, MAX), 0);
  struct eddy_redis_user *user = put_segment(&pending, 7, 3);
  struct eddy_str id = {user->id, user->id_size};
  assert_int_equal(eddy_redis_pending_take(&pending, &old, 1), 1);
  user = eddy_redis_pending_user(&pending, id, MAX);
  user->tenure = 1;
  user->version.sequence = 7;
  user->has_trigger = true;
  eddy_redis_pending_return(&pending, old);
  assert_int_equal(eddy_redis_pending_take(&pending, &user, 1), 1);
  assert_int_equal(user->version.sequence, 7);
  assert_true(user->has_trigger);
  assert_false(user->has_segment);
  eddy_redis_pending_free(&pending, user);
  assert_int_equal(pending.bytes, 0);
  eddy_redis_pending_fini(&pending);
}

static void test_an_erasure_that_failed_comes_before_a_newer_change(void **state) {
  struct eddy_redis_pending pending;
  struct eddy_redis_user *erasure, *user;
  (void)state;
  assert_int_equal(eddy_redis_pending_init(&pending, MAX), 0);
  eddy_redis_pending_user(&pending, EDDY_STR("a"), MAX)->erased = true;
  assert_int_equal(eddy_redis_pending_take(&pending, &erasure, 1), 1);
  put_segment(&pending, 8, 2);
  eddy_redis_pending_return(&pending, erasure);
  assert_int_equal(eddy_redis_pending_take(&pending, &user, 1), 1);
  assert_true(user->erased && user->has_segment);
  eddy_redis_pending_free(&pending, user);
  eddy_redis_pending_fini(&pending);
}

/* A generation ends when nothing is left of the one before; what coalesces stays in the older. */
static void test_generations(void **state) {
  struct eddy_redis_pending pending;
  struct eddy_redis_user *first, *second;
  (void)state;
  assert_int_equal(eddy_redis_pending_init(&pending, MAX), 0);
  put_segment(&pending, 7, 1);
  assert_true(eddy_redis_pending_roll(&pending));
  put_segment(&pending, 8, 2); /* still of the generation before */
  assert_false(eddy_redis_pending_roll(&pending));
  assert_int_equal(eddy_redis_pending_take(&pending, &first, 1), 1);
  put_segment(&pending, 9, 3); /* a new one while the older is on its way */
  assert_int_equal(eddy_redis_pending_take(&pending, &second, 1), 1);
  eddy_redis_pending_return(&pending, second);
  assert_false(eddy_redis_pending_roll(&pending));
  eddy_redis_pending_return(&pending, first); /* the two are one again, and as old as the older */
  assert_false(eddy_redis_pending_roll(&pending));
  assert_int_equal(eddy_redis_pending_take(&pending, &first, 1), 1);
  assert_int_equal(first->to, 9);
  eddy_redis_pending_free(&pending, first);
  assert_true(eddy_redis_pending_roll(&pending));
  struct eddy_redis_entry *entry = calloc(1, sizeof *entry);
  eddy_redis_pending_add_entry(&pending, entry);
  assert_true(eddy_redis_pending_roll(&pending));
  assert_false(eddy_redis_pending_roll(&pending));
  eddy_redis_pending_pop_entry(&pending);
  assert_true(eddy_redis_pending_roll(&pending));
  assert_int_equal(pending.outstanding[0] + pending.outstanding[1], 0);
  eddy_redis_pending_fini(&pending);
}

/* Whatever comes in, goes out, fails and comes back: what a generation promises is kept. Each change is numbered; after a roll
 * everything handed over before the previous roll must have been confirmed. */
static void test_generations_keep_their_promise(void **state) {
  enum { FLIGHTS = 6, IDS = 12 };
  struct eddy_redis_pending pending;
  struct eddy_redis_user *flight[FLIGHTS] = {NULL};
  uint64_t newest[IDS] = {0}, confirmed[IDS] = {0}, closed[IDS] = {0}, rng = 20171125;
  unsigned rolls = 0;
  (void)state;
  print_message("seed %llu\n", (unsigned long long)rng);
  assert_int_equal(eddy_redis_pending_init(&pending, MAX), 0);
  for (uint64_t number = 1; number < 200000; number++) {
    rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    unsigned dice = (unsigned)(rng >> 33), slot = (dice >> 8) % FLIGHTS, who = (dice >> 16) % IDS;
    char id[2] = {(char)('a' + who), 0};
    if (dice % 8 < 3) {
      eddy_redis_pending_user(&pending, (struct eddy_str){id, 1}, MAX)->version.sequence = newest[who] = number;
    } else if (dice % 8 < 5 && !flight[slot]) {
      eddy_redis_pending_take(&pending, &flight[slot], 1);
    } else if (dice % 8 < 7 && flight[slot]) {
      if ((dice >> 24) % 4 == 0) {
        eddy_redis_pending_return(&pending, flight[slot]);
      } else {
        uint64_t *at = &confirmed[flight[slot]->id[0] - 'a'], sequence = flight[slot]->version.sequence;
        if (sequence > *at) *at = sequence;
        eddy_redis_pending_free(&pending, flight[slot]);
      }
      flight[slot] = NULL;
    } else if (dice % 8 == 7 && eddy_redis_pending_roll(&pending)) {
      rolls++;
      for (int i = 0; i < IDS; i++) assert_true(confirmed[i] >= closed[i]);
      memcpy(closed, newest, sizeof closed);
    }
  }
  print_message("%u rolls\n", rolls);
  assert_true(rolls > 1000);
  for (int i = 0; i < FLIGHTS; i++) {
    if (flight[i]) eddy_redis_pending_free(&pending, flight[i]);
  }
  eddy_redis_pending_fini(&pending);
}

static void test_a_chain_tells_what_was_lost(void **state) {
  struct eddy_redis_chain chain;
  (void)state;
  eddy_redis_chain_init(&chain, "app", 0xabc);
  assert_string_equal(chain.key, "app:wrote:0000000000000abc");
  assert_true(eddy_redis_chain_check(&chain, NULL, 0));
  struct eddy_redis_step one = eddy_redis_chain_step(&chain), two = eddy_redis_chain_step(&chain);
  assert_true(one.expected == 0 && one.next == two.expected && two.next > one.next);
  eddy_redis_chain_confirm(&chain, one.next);
  assert_true(eddy_redis_chain_check(&chain, "2", 1)); /* the answer to the second was lost */
  assert_true(eddy_redis_chain_check(&chain, "2", 1));
  struct eddy_redis_step three = eddy_redis_chain_step(&chain);
  assert_true(three.expected == 2 && three.next > 2);
  assert_true(eddy_redis_chain_check(&chain, "2", 1)); /* the third was lost on its way */
  assert_false(eddy_redis_chain_check(&chain, "1", 1));
  assert_true(eddy_redis_chain_step(&chain).next > three.next);
  assert_false(eddy_redis_chain_check(&chain, NULL, 0));
  assert_false(eddy_redis_chain_check(&chain, "99", 2));
  assert_true(eddy_redis_chain_step(&chain).expected == 99);
}

static void test_errors_have_a_meaning(void **state) {
  (void)state;
  assert_true(eddy_redis_error_passes("LOADING Redis is loading the dataset in memory"));
  assert_true(eddy_redis_error_passes("ERR Error running script: @user_script: 5: -OOM command not allowed"));
  assert_false(eddy_redis_error_passes("WRONGTYPE Operation against a key"));
  assert_false(eddy_redis_error_passes("ERR unknown command"));
  assert_non_null(strstr(eddy_redis_error_advice("READONLY You can't write against a read only replica."), "replica"));
  assert_null(eddy_redis_error_advice("ERR unknown command"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_url_accepts_what_people_write),
      cmocka_unit_test(test_url_refuses_the_rest_with_a_reason),
      cmocka_unit_test(test_command_is_resp),
      cmocka_unit_test(test_changes_of_a_user_coalesce_in_order_of_arrival),
      cmocka_unit_test(test_a_batch_that_failed_does_not_hide_a_newer_change),
      cmocka_unit_test(test_of_two_batches_that_failed_the_newer_change_wins),
      cmocka_unit_test(test_of_two_tenures_the_later_alone_counts),
      cmocka_unit_test(test_what_is_added_in_between_hides_nothing),
      cmocka_unit_test(test_an_erasure_that_failed_comes_before_a_newer_change),
      cmocka_unit_test(test_generations),
      cmocka_unit_test(test_generations_keep_their_promise),
      cmocka_unit_test(test_a_chain_tells_what_was_lost),
      cmocka_unit_test(test_errors_have_a_meaning),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
