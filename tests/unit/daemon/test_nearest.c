#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/nearest.h"

static const char *nearest(const char *wanted) {
  static const char *const names[] = {"half_life", "name", "on", "of", "to", "product_added", "product_viewed", "cart_updated"};
  struct eddy_nearest search = eddy_nearest_begin(wanted);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) eddy_nearest_offer(&search, names[i]);
  return search.best ? search.best : "";
}

static void near_names_are_found(void **state) {
  (void)state;
  assert_string_equal(nearest("halflife"), "half_life");
  assert_string_equal(nearest("half-life"), "half_life");
  assert_string_equal(nearest("HALF_LIFE"), "half_life");
  assert_string_equal(nearest("nmae"), "name"); /* neighbours swapped: one step */
  assert_string_equal(nearest("add_product"), "");
  assert_string_equal(nearest("product_aded"), "product_added");
  assert_string_equal(nearest("produkt_views"), "product_viewed");
}

static void far_names_are_not(void **state) {
  (void)state;
  assert_string_equal(nearest("zebra"), "");
  assert_string_equal(nearest("x"), "");
  assert_string_equal(nearest(""), "");
  assert_string_equal(nearest("a_very_long_name_that_is_longer_than_any_name_that_could_be_meant_by_it"), "");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(near_names_are_found), cmocka_unit_test(far_names_are_not)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
