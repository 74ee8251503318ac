/* Records from hostile bytes. The first byte chooses what is put in front, so that the fuzzer need not find fingerprints:
 * nothing, the header of event.avsc, the id of a schema with much to skip, or "{". What decodes must pass the check, and be the
 * same when it is encoded and decoded again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "codec/container.h"
#include "codec/event_check.h"
#include "codec/event_decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char skipping[] =
    "{\"type\":\"record\",\"name\":\"Event\",\"fields\":["
    "{\"name\":\"tree\",\"type\":{\"type\":\"record\",\"name\":\"Node\",\"fields\":[{\"name\":\"next\",\"type\":[\"null\","
    "\"Node\"]},"
    "{\"name\":\"more\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"Node\"}}}]}},"
    "{\"name\":\"nulls\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
    "{\"name\":\"type\",\"type\":{\"type\":\"enum\",\"name\":\"EventType\",\"symbols\":[\"page_viewed\",\"zz\"]}},"
    "{\"name\":\"channel\",\"type\":[\"int\",\"bytes\",\"null\"]},{\"name\":\"latitude\",\"type\":[\"float\",\"null\"]},"
    "{\"name\":\"user_id\",\"type\":\"bytes\"},{\"name\":\"event_time\",\"type\":\"long\"},{\"name\":\"value\",\"type\":"
    "\"int\"},"
    "{\"name\":\"items\",\"type\":{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"record\",\"name\":\"Item\",\"fields\":["
    "{\"name\":\"product_id\",\"type\":\"string\"},{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}}]}]}"
    "},"
    "{\"name\":\"properties\",\"type\":{\"type\":\"map\",\"values\":[\"string\",\"long\"]}}]}";

static const char *find_id(void *ctx, uint32_t id, size_t *size, bool *retry) {
  (void)ctx;
  *retry = id == 2;
  *size = sizeof skipping - 1;
  return id == 1 ? skipping : NULL;
}

static const char *find_fingerprint(void *ctx, uint64_t fingerprint, size_t *size, bool *retry) {
  return find_id(ctx, (uint32_t)fingerprint, size, retry);
}

static struct eddy_event_decoder *new_decoder(void) {
  static const struct eddy_schema_source source = {find_id, find_fingerprint, NULL};
  struct eddy_event_decoder *decoder;
  EDDY_ASSERT(eddy_event_decoder_new(&decoder, &source) == 0);
  return decoder;
}

static size_t put_prefix(unsigned choice, uint8_t prefix[10]) {
  if (choice == 1) {
    eddy_event_header(prefix);
    return 10;
  }
  if (choice == 2) memcpy(prefix, "\0\0\0\0\1", 5);
  if (choice == 3) prefix[0] = '{';
  return choice == 2 ? 5 : choice == 3 ? 1 : 0;
}

static void check_again(struct eddy_event_decoder *decoder, const struct eddy_event *event, struct eddy_event_room *room) {
  struct eddy_buffer buffer;
  struct eddy_event again;
  uint8_t header[10];
  bool clamped;
  eddy_buffer_init(&buffer, NULL);
  eddy_event_header(header);
  EDDY_ASSERT(eddy_event_check(event) == 0);
  EDDY_ASSERT(eddy_buffer_append(&buffer, header, sizeof header) == 0 && eddy_event_encode(event, &buffer) == 0);
  struct eddy_raw_record record = {.key = (const uint8_t *)event->user_id.data,
                                   .key_size = event->user_id.len,
                                   .value = buffer.data,
                                   .value_size = buffer.size};
  EDDY_ASSERT(eddy_event_decoder_run(decoder, &record, room, &again, &clamped) == 0);
  EDDY_ASSERT(again.type == event->type && again.event_time == event->event_time && again.value == event->value);
  EDDY_ASSERT(again.item_count == event->item_count && again.property_count == event->property_count);
  EDDY_ASSERT(memcmp(again.user_id.data, event->user_id.data, event->user_id.len) == 0);
  eddy_buffer_fini(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  static struct eddy_event_decoder *decoder; /* making one costs more than all the rest */
  if (!decoder) decoder = new_decoder();
  struct eddy_event_room room;
  struct eddy_event event;
  bool clamped;
  uint8_t prefix[10];
  size_t prefix_size = put_prefix(data[0] & 3, prefix), value_size = prefix_size + size - 1;
  uint8_t *value = malloc(value_size ? value_size : 1);
  memcpy(value, prefix, prefix_size);
  memcpy(value + prefix_size, data + 1, size - 1);
  struct eddy_raw_record record = {.key = (const uint8_t *)"u1",
                                   .key_size = 2,
                                   .value = value,
                                   .value_size = value_size,
                                   .record_time = INT64_C(1700000000000),
                                   .log_append = (data[0] & 4) != 0};
  eddy_event_room_init(&room);
  int error = eddy_event_decoder_run(decoder, &record, &room, &event, &clamped);
  EDDY_ASSERT(error != EDDY_DECODE_FULL && strlen(eddy_event_decoder_why(decoder)) > 0);
  if (error == 0) check_again(decoder, &event, &room);
  eddy_event_room_fini(&room);
  free(value);
  return 0;
}
