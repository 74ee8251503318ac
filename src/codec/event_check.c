#include "codec/event_check.h"

#include <math.h>

#include "codec/event_fields.h"
#include "codec/utf8.h"

#define CLAMP_TOLERANCE_MS (5 * EDDY_MINUTE_MS)

static bool text_good(struct eddy_str text, uint32_t limit) {
  if (!text.data) return text.len == 0;
  return text.len <= limit && eddy_utf8_valid(text.data, text.len);
}

static int check_fields(const struct eddy_field_list *list, const void *record) {
  for (uint32_t i = 0; i < list->count; i++) {
    const struct eddy_field *field = &list->rows[i];
    if (field->kind != EDDY_FIELD_TEXT) continue;
    const struct eddy_str *text = (const void *)((const uint8_t *)record + field->offset);
    if (!text_good(*text, field->limit)) return field->error;
  }
  return 0;
}

/* At most as many items and properties as fit are looked at: the rules refuse more. */
static int check_texts(const struct eddy_event *event) {
  int error = check_fields(&eddy_event_fields, event);
  for (uint32_t i = 0; !error && i < event->item_count && i < EDDY_EVENT_ITEMS_MAX; i++) {
    error = check_fields(&eddy_item_fields, &event->items[i]);
  }
  for (uint32_t i = 0; !error && i < event->property_count && i < EDDY_EVENT_PROPERTIES_MAX; i++) {
    const struct eddy_property *property = &event->properties[i];
    if (!text_good(property->key, EDDY_ID_MAX) || !text_good(property->value, EDDY_TEXT_MAX)) error = EDDY_EVENT_E_TEXT;
  }
  return error;
}

static int check_items(const struct eddy_event *event) {
  if (event->item_count > EDDY_EVENT_ITEMS_MAX) return EDDY_EVENT_E_LIMIT;
  for (uint32_t i = 0; i < event->item_count; i++) {
    if (event->items[i].product_id.len == 0) return EDDY_EVENT_E_FIELD;
    if (event->items[i].quantity < 0) return EDDY_EVENT_E_NUMBER;
  }
  return 0;
}

/* NaN = absent. */
static bool degrees_good(double degrees, double limit) {
  return isnan(degrees) || (degrees >= -limit && degrees <= limit);
}

static bool is_credible(int64_t time) {
  return time >= EDDY_EVENT_TIME_MIN && time < EDDY_EVENT_TIME_MAX;
}

static int check_rules(const struct eddy_event *event) {
  struct eddy_str user = event->user_id;
  if (user.len == 0 || user.len > EDDY_USER_ID_MAX || eddy_utf8_has_control(user.data, user.len)) return EDDY_EVENT_E_USER_ID;
  if ((unsigned)event->type >= EDDY_EVENT_TYPE_COUNT) return EDDY_EVENT_E_TYPE;
  if (event->type == EDDY_USER_MERGED) return EDDY_EVENT_E_UNSUPPORTED;
  if (!is_credible(event->event_time)) return EDDY_EVENT_E_TIME;
  if (!degrees_good(event->latitude, 90.0) || !degrees_good(event->longitude, 180.0)) return EDDY_EVENT_E_NUMBER;
  if (event->property_count > EDDY_EVENT_PROPERTIES_MAX) return EDDY_EVENT_E_LIMIT;
  return check_items(event);
}

int eddy_event_settle(struct eddy_event *event, int64_t own_time, bool *clamped) {
  *clamped = false;
  if (event->event_time > EDDY_EVENT_TIME_LAST) return EDDY_EVENT_E_TIME;
  if (is_credible(own_time) && event->event_time > own_time + CLAMP_TOLERANCE_MS) {
    event->event_time = own_time;
    *clamped = true;
  }
  return check_rules(event);
}

int eddy_event_check(const struct eddy_event *event) {
  int error = check_texts(event);
  return error ? error : check_rules(event);
}
