/* Parsing Canonical Form and its fingerprint (Avro specification 1.11). Names are full, only the attributes that matter for
 * reading are kept, in the order name, type, fields, symbols, items, values, size, without white space. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "codec/avro_schema.h"

struct writer {
  struct eddy_buffer *buffer;
  json_t *defined; /* names that were written out: later they stand for themselves */
  int error;
};

static void write_node(struct writer *writer, const struct eddy_avro_node *node);

static void put(struct writer *writer, const char *text) {
  if (!writer->error) writer->error = eddy_buffer_append(writer->buffer, text, strlen(text));
}

/* Names and symbols are plain ASCII, nothing needs escaping. */
static void put_quoted(struct writer *writer, const char *text) {
  put(writer, "\"");
  put(writer, text);
  put(writer, "\"");
}

static void write_fields(struct writer *writer, const struct eddy_avro_node *node) {
  put(writer, ",\"fields\":[");
  for (uint32_t i = 0; i < node->count; i++) {
    put(writer, i ? ",{\"name\":" : "{\"name\":");
    put_quoted(writer, node->fields[i].name);
    put(writer, ",\"type\":");
    write_node(writer, node->fields[i].type);
    put(writer, "}");
  }
  put(writer, "]}");
}

static void write_symbols(struct writer *writer, const struct eddy_avro_node *node) {
  put(writer, ",\"symbols\":[");
  for (uint32_t i = 0; i < node->symbols.count; i++) {
    if (i) put(writer, ",");
    put_quoted(writer, node->symbols.at[i]);
  }
  put(writer, "]}");
}

static void write_named(struct writer *writer, const struct eddy_avro_node *node) {
  if (json_object_get(writer->defined, node->name)) {
    put_quoted(writer, node->name);
    return;
  }
  if (json_object_set_new(writer->defined, node->name, json_true()) != 0) writer->error = EDDY_E_NOMEM;
  put(writer, "{\"name\":");
  put_quoted(writer, node->name);
  put(writer, ",\"type\":");
  put_quoted(writer, eddy_avro_type_name(node->type));
  if (node->type == EDDY_AVRO_RECORD) {
    write_fields(writer, node);
  } else if (node->type == EDDY_AVRO_ENUM) {
    write_symbols(writer, node);
  } else {
    char size[32];
    snprintf(size, sizeof size, ",\"size\":%u}", node->fixed_size);
    put(writer, size);
  }
}

static void write_union(struct writer *writer, const struct eddy_avro_node *node) {
  put(writer, "[");
  for (uint32_t i = 0; i < node->count; i++) {
    if (i) put(writer, ",");
    write_node(writer, node->children[i]);
  }
  put(writer, "]");
}

/* Recursion: every name is written out once, where the text defined it, so that it goes as deep as the text did (64). */
static void write_node(struct writer *writer, const struct eddy_avro_node *node) {
  if (node->name) {
    write_named(writer, node);
  } else if (node->type == EDDY_AVRO_UNION) {
    write_union(writer, node);
  } else if (node->type == EDDY_AVRO_ARRAY || node->type == EDDY_AVRO_MAP) {
    put(writer, node->type == EDDY_AVRO_ARRAY ? "{\"type\":\"array\",\"items\":" : "{\"type\":\"map\",\"values\":");
    write_node(writer, node->children[0]);
    put(writer, "}");
  } else {
    put_quoted(writer, eddy_avro_type_name(node->type));
  }
}

int eddy_avro_schema_canonical(const struct eddy_avro_schema *schema, struct eddy_buffer *buffer) {
  struct writer writer = {.buffer = buffer, .defined = json_object()};
  if (!writer.defined) return EDDY_E_NOMEM;
  write_node(&writer, schema->root);
  json_decref(writer.defined);
  return writer.error;
}

/* Rabin's fingerprint with the polynomial of the specification, bit by bit: schemas are short and loaded once. */
static uint64_t crc64(const uint8_t *bytes, size_t size) {
  const uint64_t empty = UINT64_C(0xC15D213AA4D7A795);
  uint64_t crc = empty;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (empty & (0 - (crc & 1)));
  }
  return crc;
}

uint64_t eddy_avro_schema_fingerprint(const struct eddy_avro_schema *schema) {
  struct eddy_buffer buffer;
  eddy_buffer_init(&buffer, NULL);
  uint64_t fingerprint = eddy_avro_schema_canonical(schema, &buffer) == 0 ? crc64(buffer.data, buffer.size) : 0;
  eddy_buffer_fini(&buffer);
  return fingerprint;
}
