/* Avro schemas as trees of our own: parsed from JSON by libavro and jansson, checked, with aliases and defaults kept (libavro
 * drops them). Only what resolution, plans and fingerprints need. Heap objects, immutable, made at schema load.
 */
#ifndef EDDY_CODEC_AVRO_SCHEMA_H
#define EDDY_CODEC_AVRO_SCHEMA_H

#include "eddy/types.h"

struct eddy_avro_schema;

/* Parses a schema text (<= 1 MiB, nesting <= 64, <= 10,000 nodes). NULL with a sentence in `why` on any error. */
struct eddy_avro_schema *eddy_avro_schema_parse(const char *text, size_t size, char *why, size_t why_size);
void eddy_avro_schema_free(struct eddy_avro_schema *schema);

/* CRC-64-AVRO of the Parsing Canonical Form (Avro specification 1.11, "Schema Fingerprints"): what single-object encoding
 * carries, little-endian, behind 0xC3 0x01. */
uint64_t eddy_avro_schema_fingerprint(const struct eddy_avro_schema *schema);

#endif
