/* What a profile remembers word for word: products viewed last, and attributes of the person (the properties of
 * profile_updated).
 *
 * Newest wins, whatever the order of arrival: per product or key the newest time counts (of two values of one instant the one
 * that sorts last), and of all of them the newest limits.viewed_items or limits.attributes are kept; what falls out is counted.
 * Pure. Cost: linear in what is kept. Thread: whoever owns the engine.
 */
#ifndef EDDY_CORE_FACTS_H
#define EDDY_CORE_FACTS_H

#include "core/tail.h"

/* Types that eddy_facts_fold() takes something from under this specification. */
eddy_event_mask eddy_facts_mask(const struct eddy_spec *spec);
void eddy_facts_fold(const struct eddy_spec *spec, struct eddy_tail *tail, const struct eddy_event *event,
                     struct eddy_counters *counters);
/* Drops the oldest viewed product, where there is none the oldest attribute. False if there is neither. */
bool eddy_facts_shed(struct eddy_tail *tail, struct eddy_counters *counters);
/* Drops the oldest of what the limits no longer allow. */
void eddy_facts_fit(const struct eddy_spec *spec, struct eddy_tail *tail);

#endif
