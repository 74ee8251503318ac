/* Schemas from hostile text, up to the first NUL; then bytes to read under them. The canonical form of a schema must be a
 * schema with the same fingerprint; plans and skipping must stop within the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "codec/decode_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_canonical(const struct eddy_avro_schema *schema) {
  char why[256];
  struct eddy_buffer buffer;
  eddy_buffer_init(&buffer, NULL);
  EDDY_ASSERT(eddy_avro_schema_canonical(schema, &buffer) == 0);
  struct eddy_avro_schema *again = eddy_avro_schema_parse((const char *)buffer.data, buffer.size, why, sizeof why);
  if (again) { /* a long canonical form may break a limit */
    EDDY_ASSERT(eddy_avro_schema_fingerprint(again) == eddy_avro_schema_fingerprint(schema));
  } else {
    EDDY_ASSERT(strstr(why, "longer") || strstr(why, "more than"));
  }
  eddy_avro_schema_free(again);
  eddy_buffer_fini(&buffer);
}

static void check_bytes(const struct eddy_avro_schema *schema, const uint8_t *bytes, size_t size) {
  char why[256];
  struct eddy_avro_cursor cursor = {bytes, bytes + size};
  eddy_avro_skip(schema->root, &cursor);
  EDDY_ASSERT(cursor.at >= bytes && cursor.at <= bytes + size);
  struct eddy_decode_plan *plan = eddy_decode_plan_new(schema, why, sizeof why);
  if (!plan) return;
  struct eddy_event_room room;
  struct eddy_event event;
  size_t used;
  eddy_event_room_init(&room);
  if (eddy_decode_plan_run(plan, bytes, size, &room, &event, &used) == 0) {
    EDDY_ASSERT(used <= size);
  }
  eddy_event_room_fini(&room);
  eddy_decode_plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char why[256] = "";
  size_t text_size = strnlen((const char *)data, size);
  struct eddy_avro_schema *schema = eddy_avro_schema_parse((const char *)data, text_size, why, sizeof why);
  if (!schema) {
    EDDY_ASSERT(strlen(why) > 0);
    return 0;
  }
  check_canonical(schema);
  if (text_size < size) check_bytes(schema, data + text_size + 1, size - text_size - 1);
  eddy_avro_schema_free(schema);
  return 0;
}
