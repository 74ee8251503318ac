/* The room: alignment, growth, stability of what was taken, the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/event_room.h"

static void keeps_what_was_taken(void **state) {
  (void)state;
  struct eddy_event_room room;
  eddy_event_room_init(&room);
  uint8_t *taken[2000];
  for (size_t i = 0; i < 2000; i++) {
    taken[i] = eddy_event_room_take(&room, i + 1);
    assert_non_null(taken[i]);
    assert_int_equal((uintptr_t)taken[i] % 8, 0);
    memset(taken[i], (int)(i & 0xFF), i + 1);
  }
  for (size_t i = 0; i < 2000; i++) {
    for (size_t at = 0; at <= i; at++) assert_int_equal(taken[i][at], i & 0xFF);
  }
  size_t total = room.total;
  eddy_event_room_clear(&room);
  assert_int_equal(room.total, total);
  assert_int_equal(room.capacity, total); /* one block as large as all */
  assert_non_null(eddy_event_room_take(&room, total - 16));
  assert_int_equal(room.total, total);
  eddy_event_room_fini(&room);
}

static void grows_in_place(void **state) {
  (void)state;
  struct eddy_event_room room;
  eddy_event_room_init(&room);
  uint8_t *last = eddy_event_room_take(&room, 10);
  memset(last, 7, 10);
  assert_ptr_equal(eddy_event_room_grow(&room, last, 10, 100), last);
  uint8_t *other = eddy_event_room_take(&room, 1);
  assert_true(other >= last + 100);
  uint8_t *moved = eddy_event_room_grow(&room, last, 10, 200);
  assert_ptr_not_equal(moved, last);
  for (int i = 0; i < 10; i++) assert_int_equal(moved[i], 7);
  assert_non_null(eddy_event_room_grow(&room, NULL, 0, 5));
  assert_non_null(eddy_event_room_grow(&room, moved, 200, 1 << 20)); /* into a new block */
  eddy_event_room_fini(&room);
}

static void has_a_limit(void **state) {
  (void)state;
  struct eddy_event_room room;
  eddy_event_room_init(&room);
  assert_non_null(eddy_event_room_take(&room, 0)); /* into no block at all */
  assert_null(eddy_event_room_take(&room, SIZE_MAX));
  assert_null(eddy_event_room_take(&room, SIZE_MAX - 7));
  assert_null(eddy_event_room_take(&room, room.max));
  assert_null(eddy_event_room_copy(&room, "", room.max));
  room.max = 100 << 10;
  size_t taken = 0;
  while (eddy_event_room_take(&room, 1000)) taken++;
  assert_true(taken > 80 && taken <= 102);
  assert_true(room.total <= room.max);
  eddy_event_room_clear(&room);
  assert_non_null(eddy_event_room_take(&room, 1000));
  eddy_event_room_fini(&room);
  eddy_event_room_fini(&room);
  eddy_event_room_fini(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_what_was_taken),
      cmocka_unit_test(grows_in_place),
      cmocka_unit_test(has_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
