#include "codec/framing.h"

uint64_t eddy_output_fingerprint(enum eddy_output output) {
  static const uint64_t fingerprints[EDDY_OUTPUT_COUNT] = {
      [EDDY_OUTPUT_SEGMENT_CHANGE] = UINT64_C(0x6d112cac314398fd), [EDDY_OUTPUT_TRIGGER] = UINT64_C(0x7ea9d973ee4293da),
      [EDDY_OUTPUT_SUPPRESSED] = UINT64_C(0x6222edc1ec0cd62f),     [EDDY_OUTPUT_MODEL_DELTA] = UINT64_C(0x5c92f313e00a39cf),
      [EDDY_OUTPUT_MODEL] = UINT64_C(0xd609b1e579fd5b1e),          [EDDY_OUTPUT_SEGMENT] = UINT64_C(0xda63cb64d77e3549),
      [EDDY_OUTPUT_RECEIPT] = UINT64_C(0xc35bb5c9549fb006),
  };
  return fingerprints[output];
}

uint64_t eddy_event_fingerprint(void) {
  return UINT64_C(0x7ec9fd4b4d47063b);
}

struct eddy_prefix eddy_prefix_single_object(uint64_t fingerprint) {
  struct eddy_prefix prefix = {.bytes = {0xC3, 0x01}, .size = 10};
  for (int i = 0; i < 8; i++) prefix.bytes[2 + i] = (uint8_t)(fingerprint >> (8 * i));
  return prefix;
}

struct eddy_prefix eddy_prefix_confluent(uint32_t id) {
  struct eddy_prefix prefix = {.bytes = {0x00}, .size = 5};
  for (int i = 0; i < 4; i++) prefix.bytes[1 + i] = (uint8_t)(id >> (24 - 8 * i));
  return prefix;
}

int eddy_prefix_check(enum eddy_output output, const uint8_t *bytes, size_t size, size_t *offset) {
  if (size >= 5 && bytes[0] == 0x00) {
    *offset = 5;
    return 0;
  }
  if (size < 10 || bytes[0] != 0xC3 || bytes[1] != 0x01) return EDDY_E_CORRUPT;
  uint64_t fingerprint = 0;
  for (int i = 0; i < 8; i++) fingerprint |= (uint64_t)bytes[2 + i] << (8 * i);
  *offset = 10;
  return fingerprint == eddy_output_fingerprint(output) ? 0 : EDDY_E_VERSION;
}
