#include "codec/output_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/avro_schema.h"
#include "codec/framing.h"
#include "codec/json_out.h"
#include "codec/schemas.h"

struct eddy_output_reader {
  enum eddy_output output;
  struct eddy_avro_schema *schema;
};

static const struct {
  const char *type; /* as in the JSON of `eddy replay` */
  const char *schema;
} outputs[EDDY_OUTPUT_COUNT] = {
    [EDDY_OUTPUT_SEGMENT_CHANGE] = {"segment_change", eddy_schema_SegmentChange},
    [EDDY_OUTPUT_TRIGGER] = {"trigger", eddy_schema_Trigger},
    [EDDY_OUTPUT_SUPPRESSED] = {"suppressed", eddy_schema_Suppressed},
    [EDDY_OUTPUT_MODEL_DELTA] = {"model_delta", eddy_schema_ModelDelta},
    [EDDY_OUTPUT_MODEL] = {"model", eddy_schema_Model},
    [EDDY_OUTPUT_SEGMENT] = {"segment", eddy_schema_Segment},
    [EDDY_OUTPUT_RECEIPT] = {"receipt", eddy_schema_Receipt},
};

int eddy_output_reader_new(struct eddy_output_reader **reader, enum eddy_output output) {
  struct eddy_output_reader *made = calloc(1, sizeof(*made));
  char why[256];
  *reader = made;
  if (!made) return EDDY_E_NOMEM;
  made->output = output;
  made->schema = eddy_avro_schema_parse(outputs[output].schema, strlen(outputs[output].schema), why, sizeof(why));
  if (made->schema) return 0;
  eddy_output_reader_free(made);
  *reader = NULL;
  return EDDY_E_NOMEM;
}

void eddy_output_reader_free(struct eddy_output_reader *reader) {
  if (!reader) return;
  eddy_avro_schema_free(reader->schema);
  free(reader);
}

/* Scalars -------------------------------------------------------------------------------------------------------------------*/

static int put_long(struct eddy_json_out *out, struct eddy_avro_cursor *cursor) {
  int64_t value;
  int error = eddy_avro_long(cursor, &value);
  if (!error) eddy_json_integer(out, value);
  return error;
}

static int take_text(struct eddy_avro_cursor *cursor, struct eddy_str *text) {
  size_t length;
  int error = eddy_avro_length(cursor, &length);
  if (error) return error;
  if (length > UINT32_MAX) return EDDY_EVENT_E_MALFORMED;
  *text = (struct eddy_str){(const char *)cursor->at, (uint32_t)length};
  return eddy_avro_advance(cursor, length);
}

static int put_text(struct eddy_json_out *out, struct eddy_avro_cursor *cursor) {
  struct eddy_str text;
  int error = take_text(cursor, &text);
  if (!error) eddy_json_string(out, text);
  return error;
}

static int put_boolean(struct eddy_json_out *out, struct eddy_avro_cursor *cursor) {
  if (eddy_avro_left(cursor) < 1) return EDDY_EVENT_E_TRUNCATED;
  uint8_t value = *cursor->at++;
  eddy_json_bool(out, value != 0);
  return value > 1 ? EDDY_EVENT_E_MALFORMED : 0;
}

/* `size` bytes, the lowest first. */
static int take_bits(struct eddy_avro_cursor *cursor, size_t size, uint64_t *bits) {
  if (eddy_avro_left(cursor) < size) return EDDY_EVENT_E_TRUNCATED;
  *bits = 0;
  for (size_t i = 0; i < size; i++) *bits |= (uint64_t)*cursor->at++ << (8 * i);
  return 0;
}

static int put_float(struct eddy_json_out *out, struct eddy_avro_cursor *cursor) {
  uint64_t bits;
  float value;
  int error = take_bits(cursor, sizeof(value), &bits);
  if (error) return error;
  uint32_t low = (uint32_t)bits;
  memcpy(&value, &low, sizeof(value));
  eddy_json_float(out, value);
  return 0;
}

static int put_double(struct eddy_json_out *out, struct eddy_avro_cursor *cursor) {
  uint64_t bits;
  double value;
  int error = take_bits(cursor, sizeof(value), &bits);
  if (error) return error;
  memcpy(&value, &bits, sizeof(value));
  eddy_json_double(out, value);
  return 0;
}

static int put_enum(struct eddy_json_out *out, struct eddy_avro_cursor *cursor, const struct eddy_avro_node *node) {
  int64_t symbol;
  int error = eddy_avro_long(cursor, &symbol);
  if (error) return error;
  if (symbol < 0 || symbol >= node->symbols.count) return EDDY_EVENT_E_MALFORMED;
  eddy_json_literal(out, node->symbols.at[symbol]);
  return 0;
}

/* Values with parts ---------------------------------------------------------------------------------------------------------*/

static int put_value(struct eddy_json_out *out, struct eddy_avro_cursor *cursor, const struct eddy_avro_node *node);

static int put_fields(struct eddy_json_out *out, struct eddy_avro_cursor *cursor, const struct eddy_avro_node *node) {
  int error = 0;
  for (uint32_t i = 0; i < node->count && !error; i++) {
    eddy_json_key(out, node->fields[i].name);
    error = put_value(out, cursor, node->fields[i].type);
  }
  return error;
}

static int put_record(struct eddy_json_out *out, struct eddy_avro_cursor *cursor, const struct eddy_avro_node *node) {
  eddy_json_open(out, '{');
  int error = put_fields(out, cursor, node);
  eddy_json_close(out, '}');
  return error;
}

static int put_array(struct eddy_json_out *out, struct eddy_avro_cursor *cursor, const struct eddy_avro_node *node) {
  uint64_t count = 1;
  int64_t size;
  int error = 0;
  eddy_json_open(out, '[');
  while (!error && count > 0) {
    error = eddy_avro_block(cursor, node->children[0]->min_size, &count, &size);
    for (uint64_t i = 0; !error && i < count; i++) error = put_value(out, cursor, node->children[0]);
  }
  eddy_json_close(out, ']');
  return error;
}

static int put_union(struct eddy_json_out *out, struct eddy_avro_cursor *cursor, const struct eddy_avro_node *node) {
  int64_t branch;
  int error = eddy_avro_long(cursor, &branch);
  if (error) return error;
  if (branch < 0 || branch >= node->count) return EDDY_EVENT_E_MALFORMED;
  return put_value(out, cursor, node->children[branch]);
}

/* The built-in schemas hold no cycle, so this goes no deeper than they do, whatever the bytes say. */
static int put_value(struct eddy_json_out *out, struct eddy_avro_cursor *cursor, const struct eddy_avro_node *node) {
  switch (node->type) {
    case EDDY_AVRO_NULL:
      eddy_json_null(out);
      return 0;
    case EDDY_AVRO_BOOLEAN:
      return put_boolean(out, cursor);
    case EDDY_AVRO_INT:
    case EDDY_AVRO_LONG:
      return put_long(out, cursor);
    case EDDY_AVRO_FLOAT:
      return put_float(out, cursor);
    case EDDY_AVRO_DOUBLE:
      return put_double(out, cursor);
    case EDDY_AVRO_STRING:
      return put_text(out, cursor);
    case EDDY_AVRO_ENUM:
      return put_enum(out, cursor, node);
    case EDDY_AVRO_RECORD:
      return put_record(out, cursor, node);
    case EDDY_AVRO_ARRAY:
      return put_array(out, cursor, node);
    case EDDY_AVRO_UNION:
      return put_union(out, cursor, node);
    case EDDY_AVRO_BYTES:
    case EDDY_AVRO_FIXED:
    case EDDY_AVRO_MAP:
      break;
  }
  EDDY_ASSERT(!"an output schema uses a type that is not printed");
  return EDDY_EVENT_E_MALFORMED;
}

int eddy_output_reader_json(const struct eddy_output_reader *reader, const void *bytes, size_t size,
                            struct eddy_buffer *buffer) {
  struct eddy_json_out out;
  size_t body = 0, before = buffer->size;
  int error = eddy_prefix_check(reader->output, bytes, size, &body);
  if (error) return error;
  struct eddy_avro_cursor cursor = {(const uint8_t *)bytes + body, (const uint8_t *)bytes + size};
  eddy_json_begin(&out, buffer);
  eddy_json_open(&out, '{');
  eddy_json_key(&out, "type");
  eddy_json_literal(&out, outputs[reader->output].type);
  error = put_fields(&out, &cursor, reader->schema->root);
  eddy_json_close(&out, '}');
  if (eddy_json_end(&out) != 0) return EDDY_E_NOMEM;
  if (!error && cursor.at == cursor.end) return 0;
  buffer->size = before;
  return EDDY_E_CORRUPT;
}

/* Where a field of that name goes; false if it is none of the brief. */
static bool take_brief(struct eddy_trigger_brief *brief, struct eddy_avro_cursor *cursor, const char *name, int *error) {
  int64_t number = 0;
  if (strcmp(name, "trigger") == 0)
    *error = take_text(cursor, &brief->trigger);
  else if (strcmp(name, "trigger_id") == 0)
    *error = take_text(cursor, &brief->trigger_id);
  else if (strcmp(name, "user_id") == 0)
    *error = take_text(cursor, &brief->user_id);
  else if (strcmp(name, "due_at") == 0)
    *error = eddy_avro_long(cursor, &brief->due_at);
  else if (strcmp(name, "fired_at") == 0)
    *error = eddy_avro_long(cursor, &brief->fired_at);
  else if (strcmp(name, "effect") == 0)
    *error = eddy_avro_long(cursor, &number), brief->number = (uint64_t)number;
  else
    return false;
  return true;
}

int eddy_output_reader_trigger(const struct eddy_output_reader *reader, const void *bytes, size_t size,
                               struct eddy_trigger_brief *brief) {
  size_t body = 0;
  EDDY_ASSERT(reader->output == EDDY_OUTPUT_TRIGGER);
  memset(brief, 0, sizeof(*brief));
  int error = eddy_prefix_check(reader->output, bytes, size, &body);
  if (error) return error;
  struct eddy_avro_cursor cursor = {(const uint8_t *)bytes + body, (const uint8_t *)bytes + size};
  const struct eddy_avro_node *record = reader->schema->root;
  for (uint32_t i = 0; i < record->count && !error; i++) {
    if (!take_brief(brief, &cursor, record->fields[i].name, &error)) error = eddy_avro_skip(record->fields[i].type, &cursor);
  }
  return !error && cursor.at == cursor.end ? 0 : EDDY_E_CORRUPT;
}
