#include "core/facts.h"

eddy_event_mask eddy_facts_mask(const struct eddy_spec *spec) {
  return (spec->limits.viewed_items > 0 ? EDDY_EVENT_BIT(EDDY_PRODUCT_VIEWED) : 0) |
         (spec->limits.attributes > 0 ? EDDY_EVENT_BIT(EDDY_PROFILE_UPDATED) : 0);
}

/* Order of two things kept: by time, then by name, so that what falls out does not depend on the order of arrival. */
static bool older(int64_t time, struct eddy_str name, int64_t other_time, struct eddy_str other_name) {
  return time != other_time ? time < other_time : eddy_tail_compare(name, other_name) < 0;
}

static uint16_t oldest_viewed(const struct eddy_tail *tail) {
  uint16_t oldest = 0;
  for (uint16_t i = 1; i < tail->viewed_count; i++) {
    const struct eddy_viewed_item *item = &tail->viewed[i], *than = &tail->viewed[oldest];
    if (older(item->time, item->product_id, than->time, than->product_id)) oldest = i;
  }
  return oldest;
}

static uint16_t oldest_attribute(const struct eddy_tail *tail) {
  uint16_t oldest = 0;
  for (uint16_t i = 1; i < tail->attribute_count; i++) {
    const struct eddy_attribute *attribute = &tail->attributes[i], *than = &tail->attributes[oldest];
    if (older(attribute->time, attribute->key, than->time, than->key)) oldest = i;
  }
  return oldest;
}

static void keep_viewed(const struct eddy_spec *spec, struct eddy_tail *tail, struct eddy_viewed_item item,
                        struct eddy_counters *counters) {
  for (uint16_t i = 0; i < tail->viewed_count; i++) {
    struct eddy_viewed_item *kept = &tail->viewed[i];
    if (eddy_tail_compare(kept->product_id, item.product_id) == 0) {
      if (item.time > kept->time) kept->time = item.time;
      return;
    }
  }
  if (tail->viewed_count < spec->limits.viewed_items) {
    tail->viewed[tail->viewed_count++] = item;
    return;
  }
  counters->limit_viewed_items++;
  struct eddy_viewed_item *oldest = &tail->viewed[oldest_viewed(tail)];
  if (older(oldest->time, oldest->product_id, item.time, item.product_id)) *oldest = item;
}

static void keep_attribute(const struct eddy_spec *spec, struct eddy_tail *tail, struct eddy_attribute attribute,
                           struct eddy_counters *counters) {
  for (uint16_t i = 0; i < tail->attribute_count; i++) {
    struct eddy_attribute *kept = &tail->attributes[i];
    if (eddy_tail_compare(kept->key, attribute.key) == 0) {
      if (older(kept->time, kept->value, attribute.time, attribute.value)) *kept = attribute;
      return;
    }
  }
  if (tail->attribute_count < spec->limits.attributes) {
    tail->attributes[tail->attribute_count++] = attribute;
    return;
  }
  counters->limit_attributes++;
  struct eddy_attribute *oldest = &tail->attributes[oldest_attribute(tail)];
  if (older(oldest->time, oldest->key, attribute.time, attribute.key)) *oldest = attribute;
}

void eddy_facts_fold(const struct eddy_spec *spec, struct eddy_tail *tail, const struct eddy_event *event,
                     struct eddy_counters *counters) {
  if (event->type == EDDY_PRODUCT_VIEWED && spec->limits.viewed_items > 0 && event->item_count > 0) {
    keep_viewed(spec, tail, (struct eddy_viewed_item){event->items[0].product_id, event->event_time}, counters);
  }
  if (event->type != EDDY_PROFILE_UPDATED || spec->limits.attributes == 0) return;
  for (uint32_t i = 0; i < event->property_count; i++) {
    struct eddy_attribute attribute = {eddy_tail_cut(event->properties[i].key, EDDY_TAIL_TEXT_MAX),
                                       eddy_tail_cut(event->properties[i].value, EDDY_TAIL_TEXT_MAX), event->event_time};
    keep_attribute(spec, tail, attribute, counters);
  }
}

static void drop_viewed(struct eddy_tail *tail) {
  tail->viewed[oldest_viewed(tail)] = tail->viewed[tail->viewed_count - 1];
  tail->viewed_count--;
}

static void drop_attribute(struct eddy_tail *tail) {
  tail->attributes[oldest_attribute(tail)] = tail->attributes[tail->attribute_count - 1];
  tail->attribute_count--;
}

bool eddy_facts_shed(struct eddy_tail *tail, struct eddy_counters *counters) {
  if (tail->viewed_count > 0) {
    drop_viewed(tail);
    counters->limit_viewed_items++;
    return true;
  }
  if (tail->attribute_count > 0) {
    drop_attribute(tail);
    counters->limit_attributes++;
    return true;
  }
  return false;
}

void eddy_facts_fit(const struct eddy_spec *spec, struct eddy_tail *tail) {
  while (tail->viewed_count > spec->limits.viewed_items) drop_viewed(tail);
  while (tail->attribute_count > spec->limits.attributes) drop_attribute(tail);
}
