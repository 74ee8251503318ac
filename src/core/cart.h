/* Carts: signed changes that commute, so that order of arrival does not matter.
 *
 * product_added +q, product_removed -q, cart_updated = reset + its items, order_completed = reset (of the cart it names, of all
 * carts if it names none), expiry: a cart whose newest change is older than cart_ttl is gone. Read out where positive.
 */
#ifndef EDDY_CORE_CART_H
#define EDDY_CORE_CART_H

#include "core/tail.h"

/* Folds a commerce event into the carts (other types do nothing). `newest` = the user's newest event time including this one.
 * Pure; limits are counted in `counters`. */
void eddy_cart_fold(const struct eddy_spec *spec, struct eddy_tail *tail, const struct eddy_event *event, int64_t newest,
                    struct eddy_counters *counters);

/* Reads a cart as of time T (changes with time < T... <= T-1): lines with positive quantity, newest addition first, ties by
 * product id. Returns the count written to `lines` (room for EDDY_TAIL_LINES_MAX). cart_id absent = all carts together.
 * `value` = sum of price * quantity (saturating), `currency` of the newest priced line. */
uint16_t eddy_cart_read(const struct eddy_spec *spec, const struct eddy_tail *tail, struct eddy_str cart_id, int64_t time,
                        struct eddy_cart_line *lines, int64_t *value, struct eddy_str *currency);

#endif
