/* Carts: signed changes that commute, so that order of arrival does not matter.
 *
 * product_added +q, product_removed -q, cart_updated = reset + its items, order_completed = reset (of the cart it names, of all
 * carts if it names none), expiry: a cart to which nothing happened for longer than cart_ttl is gone. Single-product types use
 * their first item; without a cart id the default cart is meant; lines of equal product in one snapshot are one line.
 *
 * The contents at time T are defined on the set of changes with time < T: walk through them by (time; resets, snapshot lines,
 * additions, removals), start afresh at each reset and after each silence beyond cart_ttl, add up quantities per product, take
 * name, category and price from the newest addition that has them since the quantity was last <= 0, read out where positive.
 * Two snapshots of one instant: the larger quantity per product. Changes below the floor (core/tail.h) are kept as the state
 * that this walk had reached; one that arrives later still is added to that state as if it had come in time, as far as the
 * newest reset allows.
 *
 * Cost: O(lines) per call, O(lines^2) in the sort of a read-out; at most spec.limits.cart_lines lines.
 */
#ifndef EDDY_CORE_CART_H
#define EDDY_CORE_CART_H

#include "core/tail.h"

/* Folds a commerce event into the carts (other types only move the floor). `newest` = the user's newest event time including
 * this one. Pure; limits are counted in `counters`. */
void eddy_cart_fold(const struct eddy_spec *spec, struct eddy_tail *tail, const struct eddy_event *event, int64_t newest,
                    struct eddy_counters *counters);

/* Drops the least that carts can do without: merges the oldest change, where there is none drops the oldest line. False if
 * there is neither. */
bool eddy_cart_shed(const struct eddy_spec *spec, struct eddy_tail *tail, struct eddy_counters *counters);

/* Drops what the limits no longer allow: the carts left alone the longest, then the oldest lines. */
void eddy_cart_fit(const struct eddy_spec *spec, struct eddy_tail *tail, struct eddy_counters *counters);

/* Reads a cart as of time T > floor (changes with time < T): lines with positive quantity, newest addition first, ties by
 * product id. Returns the count written to `lines` (room for EDDY_TAIL_LINES_MAX). cart_id absent = all carts together.
 * `value` = sum of price * quantity (saturating) of the lines priced in `currency`, which is that of the newest priced line.
 * `lines`, `value` and `currency` may be NULL. */
uint16_t eddy_cart_read(const struct eddy_spec *spec, const struct eddy_tail *tail, struct eddy_str cart_id, int64_t time,
                        struct eddy_cart_line *lines, int64_t *value, struct eddy_str *currency);

/* Whether the cart (absent = all together) had something in it within its life and is empty as of time T > floor. A cart that
 * was never filled, because the additions carry no items, is not emptied. */
bool eddy_cart_emptied(const struct eddy_spec *spec, const struct eddy_tail *tail, struct eddy_str cart_id, int64_t time);

#endif
