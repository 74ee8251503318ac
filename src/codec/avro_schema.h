/* Avro schemas as trees of our own: parsed with jansson, checked, with aliases and defaults kept (libavro drops them). Only
 * what resolution, plans and fingerprints need. Heap objects, immutable, made at schema load; any thread may read one.
 *
 * A name that refers to a type defined earlier becomes a pointer to that node: a schema is a graph, with cycles through
 * records. Whoever walks it bounds the walk. Logical types and unknown attributes are ignored.
 */
#ifndef EDDY_CODEC_AVRO_SCHEMA_H
#define EDDY_CODEC_AVRO_SCHEMA_H

#include "codec/avro_wire.h"
#include "codec/event_room.h"

enum eddy_avro_type {
  EDDY_AVRO_NULL,
  EDDY_AVRO_BOOLEAN,
  EDDY_AVRO_INT,
  EDDY_AVRO_LONG,
  EDDY_AVRO_FLOAT,
  EDDY_AVRO_DOUBLE,
  EDDY_AVRO_BYTES,
  EDDY_AVRO_STRING, /* the last of the primitive types */
  EDDY_AVRO_RECORD,
  EDDY_AVRO_ENUM,
  EDDY_AVRO_FIXED,
  EDDY_AVRO_ARRAY,
  EDDY_AVRO_MAP,
  EDDY_AVRO_UNION,
};

struct eddy_avro_texts {
  const char **at;
  uint32_t count;
};

struct eddy_avro_field {
  const char *name;
  struct eddy_avro_texts aliases;
  const struct eddy_avro_node *type;
  const struct json_t *fallback; /* the default, unchecked; NULL = none */
};

struct eddy_avro_node {
  enum eddy_avro_type type;
  const char *name;               /* full name of a record, enum or fixed */
  struct eddy_avro_texts aliases; /* full names */
  struct eddy_avro_texts symbols; /* enum */
  int32_t symbol_default;         /* enum: position of its default, -1 = none */
  uint32_t fixed_size;
  uint64_t min_size; /* bytes that any value takes at least; 0 = every value takes none */
  uint32_t count;    /* of fields (record) or children (array and map 1, union) */
  struct eddy_avro_field *fields;
  const struct eddy_avro_node **children;
};

struct eddy_avro_schema {
  const struct eddy_avro_node *root;
  struct eddy_event_room arena; /* everything above */
  struct json_t *json;          /* the defaults point into it */
};

/* Parses a schema text (<= 1 MiB, nesting <= 64, <= 10,000 nodes and fields). NULL with a sentence in `why` on any error. */
struct eddy_avro_schema *eddy_avro_schema_parse(const char *text, size_t size, char *why, size_t why_size);
void eddy_avro_schema_free(struct eddy_avro_schema *schema);

/* The Parsing Canonical Form, appended to `buffer`. 0 or EDDY_E_NOMEM. */
struct eddy_buffer;
int eddy_avro_schema_canonical(const struct eddy_avro_schema *schema, struct eddy_buffer *buffer);

/* CRC-64-AVRO of the Parsing Canonical Form (Avro specification 1.11, "Schema Fingerprints"): what single-object encoding
 * carries, little-endian, behind 0xC3 0x01. 0 if memory is short. */
uint64_t eddy_avro_schema_fingerprint(const struct eddy_avro_schema *schema);

/* "int", "record", ... */
const char *eddy_avro_type_name(enum eddy_avro_type type);
/* The last part of a full name. */
const char *eddy_avro_short_name(const char *name);

/* Steps over one value of `node`: 0 or TRUNCATED / MALFORMED. Values nested deeper than 256 are MALFORMED. */
int eddy_avro_skip(const struct eddy_avro_node *node, struct eddy_avro_cursor *cursor);

#endif
