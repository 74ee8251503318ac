/* What stands in front of our own Avro records: a single-object header (0xC3 0x01 + CRC-64-AVRO of the schema, little-endian;
 * Avro specification 1.11, "Single-object encoding") or Confluent's (0x00 + registry id, big-endian).
 *
 * The fingerprints of the built-in schemas are constants, so that reading and writing need no schema parser; a unit test
 * compares them with the files. Pure; any thread.
 */
#ifndef EDDY_CODEC_FRAMING_H
#define EDDY_CODEC_FRAMING_H

#include "codec/output_codec.h"

enum { EDDY_PREFIX_MAX = 10 };

struct eddy_prefix {
  uint8_t bytes[EDDY_PREFIX_MAX];
  uint8_t size;
};

/* CRC-64-AVRO of a built-in schema. */
uint64_t eddy_output_fingerprint(enum eddy_output output);
uint64_t eddy_event_fingerprint(void);

struct eddy_prefix eddy_prefix_single_object(uint64_t fingerprint);
struct eddy_prefix eddy_prefix_confluent(uint32_t id);

/* Where the body of an own record begins. 0, EDDY_E_CORRUPT (no framing) or EDDY_E_VERSION (another schema). */
int eddy_prefix_check(enum eddy_output output, const uint8_t *bytes, size_t size, size_t *offset);

#endif
