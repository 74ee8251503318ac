#include "codec/event_fields.h"

#include <string.h>

#define ROW(record, member, field_kind, companion_offset) \
  {.name = #member, .kind = (field_kind), .offset = offsetof(struct record, member), .companion = (companion_offset)}
#define TEXT_ROW(record, member, max, code) \
  {.name = #member, .kind = EDDY_FIELD_TEXT, .offset = offsetof(struct record, member), .limit = (max), .error = (code)}

#define E(member, kind) ROW(eddy_event, member, EDDY_FIELD_##kind, 0)
#define E_WITH(member, kind, companion) ROW(eddy_event, member, EDDY_FIELD_##kind, offsetof(struct eddy_event, companion))
#define E_ID(member) TEXT_ROW(eddy_event, member, EDDY_ID_MAX, EDDY_EVENT_E_TEXT)
#define E_TEXT(member) TEXT_ROW(eddy_event, member, EDDY_TEXT_MAX, EDDY_EVENT_E_TEXT)
#define I_ID(member) TEXT_ROW(eddy_item, member, EDDY_ID_MAX, EDDY_EVENT_E_TEXT)
#define I_TEXT(member) TEXT_ROW(eddy_item, member, EDDY_TEXT_MAX, EDDY_EVENT_E_TEXT)

static const struct eddy_field event_rows[] = {
    E_ID(event_id),
    E(type, TYPE),
    TEXT_ROW(eddy_event, user_id, EDDY_USER_ID_MAX, EDDY_EVENT_E_USER_ID),
    E(event_time, TIME),
    E(received_at, TIME),
    E_TEXT(source),
    E_TEXT(channel),
    E_TEXT(ip),
    E_TEXT(user_agent),
    E_TEXT(locale),
    E_TEXT(timezone),
    E_ID(message_id),
    E_ID(campaign_id),
    E_ID(template_id),
    E_ID(link_id),
    E_TEXT(link_url),
    E_ID(list_id),
    E(machine_open, TRISTATE),
    E(bot_suspected, TRISTATE),
    E_TEXT(bounce_type),
    E_TEXT(unsubscribe_method),
    E_ID(cart_id),
    E_ID(checkout_id),
    E_ID(order_id),
    E_WITH(items, ITEMS, item_count),
    E_WITH(value, MONEY, has_value),
    E_TEXT(currency),
    E_TEXT(coupon),
    E_TEXT(page_url),
    E_TEXT(page_title),
    E_TEXT(referrer),
    E_TEXT(search_query),
    E(latitude, DEGREES),
    E(longitude, DEGREES),
    E_TEXT(consent_class),
    E_TEXT(consent_state),
    E_ID(merged_into),
    E_TEXT(custom_name),
    E_WITH(properties, PROPERTIES, property_count),
};

static const struct eddy_field item_rows[] = {
    I_ID(product_id),
    I_TEXT(name),
    I_TEXT(category),
    I_TEXT(brand),
    ROW(eddy_item, price, EDDY_FIELD_MONEY, offsetof(struct eddy_item, has_price)),
    ROW(eddy_item, quantity, EDDY_FIELD_QUANTITY, 0),
    I_TEXT(image_url),
    I_TEXT(url),
};

const struct eddy_field_list eddy_event_fields = {event_rows, sizeof event_rows / sizeof event_rows[0]};
const struct eddy_field_list eddy_item_fields = {item_rows, sizeof item_rows / sizeof item_rows[0]};
const struct eddy_item eddy_item_empty = {.quantity = 1};

const struct eddy_field *eddy_field_find(const struct eddy_field_list *list, const char *name) {
  for (uint32_t i = 0; i < list->count; i++) {
    if (strcmp(list->rows[i].name, name) == 0) return &list->rows[i];
  }
  return NULL;
}
