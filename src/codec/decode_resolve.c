/* Which schema can be read as which: the matching rules of the Avro specification, without any idea of events. */
#include <string.h>

#include "codec/decode_steps.h"

static bool has_text(const struct eddy_avro_texts *texts, const char *text) {
  for (uint32_t i = 0; i < texts->count; i++) {
    if (strcmp(texts->at[i], text) == 0) return true;
  }
  return false;
}

/* Short names must agree, or an alias of the reader be the writer's full name. */
static bool names_match(const struct eddy_avro_node *writer, const struct eddy_avro_node *reader) {
  return strcmp(eddy_avro_short_name(writer->name), eddy_avro_short_name(reader->name)) == 0 ||
         has_text(&reader->aliases, writer->name);
}

static bool promotes(enum eddy_avro_type from, enum eddy_avro_type to) {
  if (to == EDDY_AVRO_LONG || to == EDDY_AVRO_FLOAT || to == EDDY_AVRO_DOUBLE) return from >= EDDY_AVRO_INT && from < to;
  return (from == EDDY_AVRO_STRING && to == EDDY_AVRO_BYTES) || (from == EDDY_AVRO_BYTES && to == EDDY_AVRO_STRING);
}

bool eddy_avro_match(const struct eddy_avro_node *writer, const struct eddy_avro_node *reader) {
  while (writer->type == reader->type && (writer->type == EDDY_AVRO_ARRAY || writer->type == EDDY_AVRO_MAP)) {
    writer = writer->children[0];
    reader = reader->children[0];
  }
  if (writer->type == EDDY_AVRO_UNION || reader->type == EDDY_AVRO_UNION) return true;
  if (writer->type != reader->type) return promotes(writer->type, reader->type);
  if (writer->type == EDDY_AVRO_FIXED && writer->fixed_size != reader->fixed_size) return false;
  return !writer->name || names_match(writer, reader);
}

static bool has_field(const struct eddy_avro_node *record, const char *name) {
  for (uint32_t i = 0; i < record->count; i++) {
    if (strcmp(record->fields[i].name, name) == 0) return true;
  }
  return false;
}

int eddy_avro_reader_field(const struct eddy_avro_node *writer, const char *name, const struct eddy_avro_node *reader) {
  for (uint32_t i = 0; i < reader->count; i++) {
    if (strcmp(reader->fields[i].name, name) == 0) return (int)i;
  }
  for (uint32_t i = 0; i < reader->count; i++) {
    if (has_text(&reader->fields[i].aliases, name) && !has_field(writer, reader->fields[i].name)) return (int)i;
  }
  return -1;
}
