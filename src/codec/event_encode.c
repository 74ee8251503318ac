/* Events as bytes: the Avro body under the built-in event.avsc and the flat JSON record, field by field in the schema's order.
 */
#include <math.h>
#include <string.h>

#include "codec/avro_out.h"
#include "codec/container.h"
#include "codec/framing.h"
#include "codec/json_out.h"

void eddy_event_header(uint8_t header[10]) {
  struct eddy_prefix prefix = eddy_prefix_single_object(eddy_event_fingerprint());
  memcpy(header, prefix.bytes, 10);
}

/* Avro ---------------------------------------------------------------------------------------------------------------------*/

static void put_tristate(struct eddy_avro_out *out, eddy_tristate value) {
  eddy_avro_byte(out, value >= 0 ? 2 : 0);
  if (value >= 0) eddy_avro_bool(out, value != 0);
}

static void put_envelope(struct eddy_avro_out *out, const struct eddy_event *event) {
  eddy_avro_optional_string(out, event->event_id);
  eddy_avro_long(out, event->type);
  eddy_avro_string(out, event->user_id);
  eddy_avro_long(out, event->event_time);
  eddy_avro_optional_long(out, event->received_at != EDDY_TIME_NONE, event->received_at);
  eddy_avro_string(out, event->source); /* absent is its default, "" */
  eddy_avro_optional_string(out, event->channel);
  eddy_avro_optional_string(out, event->ip);
  eddy_avro_optional_string(out, event->user_agent);
  eddy_avro_optional_string(out, event->locale);
  eddy_avro_optional_string(out, event->timezone);
}

static void put_email(struct eddy_avro_out *out, const struct eddy_event *event) {
  eddy_avro_optional_string(out, event->message_id);
  eddy_avro_optional_string(out, event->campaign_id);
  eddy_avro_optional_string(out, event->template_id);
  eddy_avro_optional_string(out, event->link_id);
  eddy_avro_optional_string(out, event->link_url);
  eddy_avro_optional_string(out, event->list_id);
  put_tristate(out, event->machine_open);
  put_tristate(out, event->bot_suspected);
  eddy_avro_optional_string(out, event->bounce_type);
  eddy_avro_optional_string(out, event->unsubscribe_method);
}

static void put_item(struct eddy_avro_out *out, const struct eddy_item *item) {
  eddy_avro_string(out, item->product_id);
  eddy_avro_optional_string(out, item->name);
  eddy_avro_optional_string(out, item->category);
  eddy_avro_optional_string(out, item->brand);
  eddy_avro_optional_long(out, item->has_price, item->price);
  eddy_avro_long(out, item->quantity);
  eddy_avro_optional_string(out, item->image_url);
  eddy_avro_optional_string(out, item->url);
}

static void put_commerce(struct eddy_avro_out *out, const struct eddy_event *event) {
  eddy_avro_optional_string(out, event->cart_id);
  eddy_avro_optional_string(out, event->checkout_id);
  eddy_avro_optional_string(out, event->order_id);
  eddy_avro_block(out, event->item_count);
  for (uint32_t i = 0; i < event->item_count; i++) put_item(out, &event->items[i]);
  eddy_avro_block_end(out);
  eddy_avro_optional_long(out, event->has_value, event->value);
  eddy_avro_optional_string(out, event->currency);
  eddy_avro_optional_string(out, event->coupon);
}

static void put_page_and_person(struct eddy_avro_out *out, const struct eddy_event *event) {
  eddy_avro_optional_string(out, event->page_url);
  eddy_avro_optional_string(out, event->page_title);
  eddy_avro_optional_string(out, event->referrer);
  eddy_avro_optional_string(out, event->search_query);
  eddy_avro_optional_double(out, !isnan(event->latitude), event->latitude);
  eddy_avro_optional_double(out, !isnan(event->longitude), event->longitude);
  eddy_avro_optional_string(out, event->consent_class);
  eddy_avro_optional_string(out, event->consent_state);
  eddy_avro_optional_string(out, event->merged_into);
  eddy_avro_optional_string(out, event->custom_name);
}

int eddy_event_encode(const struct eddy_event *event, struct eddy_buffer *buffer) {
  struct eddy_avro_out out;
  eddy_avro_begin(&out, buffer);
  put_envelope(&out, event);
  put_email(&out, event);
  put_commerce(&out, event);
  put_page_and_person(&out, event);
  eddy_avro_block(&out, event->property_count);
  for (uint32_t i = 0; i < event->property_count; i++) {
    eddy_avro_string(&out, event->properties[i].key);
    eddy_avro_string(&out, event->properties[i].value);
  }
  eddy_avro_block_end(&out);
  return eddy_avro_end(&out);
}

/* JSON: what is absent is left out -----------------------------------------------------------------------------------------*/

static void say_string(struct eddy_json_out *out, const char *name, struct eddy_str value) {
  if (!value.data) return;
  eddy_json_key(out, name);
  eddy_json_string(out, value);
}

static void say_integer(struct eddy_json_out *out, const char *name, bool present, int64_t value) {
  if (!present) return;
  eddy_json_key(out, name);
  eddy_json_integer(out, value);
}

static void say_tristate(struct eddy_json_out *out, const char *name, eddy_tristate value) {
  if (value < 0) return;
  eddy_json_key(out, name);
  eddy_json_bool(out, value != 0);
}

static void say_double(struct eddy_json_out *out, const char *name, double value) {
  if (isnan(value)) return;
  eddy_json_key(out, name);
  eddy_json_double(out, value);
}

static void say_envelope(struct eddy_json_out *out, const struct eddy_event *event) {
  say_string(out, "event_id", event->event_id);
  eddy_json_key(out, "type");
  eddy_json_literal(out, eddy_event_type_name(event->type));
  say_string(out, "user_id", event->user_id);
  say_integer(out, "event_time", true, event->event_time);
  say_integer(out, "received_at", event->received_at != EDDY_TIME_NONE, event->received_at);
  if (event->source.len) say_string(out, "source", event->source);
  say_string(out, "channel", event->channel);
  say_string(out, "ip", event->ip);
  say_string(out, "user_agent", event->user_agent);
  say_string(out, "locale", event->locale);
  say_string(out, "timezone", event->timezone);
}

static void say_email(struct eddy_json_out *out, const struct eddy_event *event) {
  say_string(out, "message_id", event->message_id);
  say_string(out, "campaign_id", event->campaign_id);
  say_string(out, "template_id", event->template_id);
  say_string(out, "link_id", event->link_id);
  say_string(out, "link_url", event->link_url);
  say_string(out, "list_id", event->list_id);
  say_tristate(out, "machine_open", event->machine_open);
  say_tristate(out, "bot_suspected", event->bot_suspected);
  say_string(out, "bounce_type", event->bounce_type);
  say_string(out, "unsubscribe_method", event->unsubscribe_method);
}

static void say_item(struct eddy_json_out *out, const struct eddy_item *item) {
  eddy_json_open(out, '{');
  say_string(out, "product_id", item->product_id);
  say_string(out, "name", item->name);
  say_string(out, "category", item->category);
  say_string(out, "brand", item->brand);
  say_integer(out, "price", item->has_price, item->price);
  say_integer(out, "quantity", true, item->quantity);
  say_string(out, "image_url", item->image_url);
  say_string(out, "url", item->url);
  eddy_json_close(out, '}');
}

static void say_items(struct eddy_json_out *out, const struct eddy_event *event) {
  if (event->item_count == 0) return;
  eddy_json_key(out, "items");
  eddy_json_open(out, '[');
  for (uint32_t i = 0; i < event->item_count; i++) say_item(out, &event->items[i]);
  eddy_json_close(out, ']');
}

static void say_commerce(struct eddy_json_out *out, const struct eddy_event *event) {
  say_string(out, "cart_id", event->cart_id);
  say_string(out, "checkout_id", event->checkout_id);
  say_string(out, "order_id", event->order_id);
  say_items(out, event);
  say_integer(out, "value", event->has_value, event->value);
  say_string(out, "currency", event->currency);
  say_string(out, "coupon", event->coupon);
}

static void say_page_and_person(struct eddy_json_out *out, const struct eddy_event *event) {
  say_string(out, "page_url", event->page_url);
  say_string(out, "page_title", event->page_title);
  say_string(out, "referrer", event->referrer);
  say_string(out, "search_query", event->search_query);
  say_double(out, "latitude", event->latitude);
  say_double(out, "longitude", event->longitude);
  say_string(out, "consent_class", event->consent_class);
  say_string(out, "consent_state", event->consent_state);
  say_string(out, "merged_into", event->merged_into);
  say_string(out, "custom_name", event->custom_name);
}

static void say_properties(struct eddy_json_out *out, const struct eddy_event *event) {
  if (event->property_count == 0) return;
  eddy_json_key(out, "properties");
  eddy_json_open(out, '{');
  for (uint32_t i = 0; i < event->property_count; i++) {
    eddy_json_key_text(out, event->properties[i].key);
    eddy_json_string(out, event->properties[i].value);
  }
  eddy_json_close(out, '}');
}

int eddy_event_to_json(const struct eddy_event *event, struct eddy_buffer *buffer) {
  struct eddy_json_out out;
  eddy_json_begin(&out, buffer);
  eddy_json_open(&out, '{');
  say_envelope(&out, event);
  say_email(&out, event);
  say_commerce(&out, event);
  say_page_and_person(&out, event);
  say_properties(&out, event);
  eddy_json_close(&out, '}');
  return eddy_json_end(&out);
}
