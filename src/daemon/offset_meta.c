#include "daemon/offset_meta.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char prefix[] = "eddy1 ";

void eddy_offset_meta_format(const struct eddy_offset_meta *meta, char text[EDDY_OFFSET_META_TEXT]) {
  snprintf(text, EDDY_OFFSET_META_TEXT, "%s%" PRIu64 " %" PRIu64, prefix, meta->incarnation, meta->sequence);
}

/* A decimal number without sign or leading zero, at most 19 digits; returns the first byte behind it, NULL if there is none. */
static const char *read_number(const char *at, const char *end, uint64_t *number) {
  const char *first = at;
  *number = 0;
  while (at < end && *at >= '0' && *at <= '9' && at - first < 19) *number = *number * 10 + (uint64_t)(*at++ - '0');
  bool empty = at == first, padded = at - first > 1 && *first == '0';
  return empty || padded ? NULL : at;
}

int eddy_offset_meta_parse(const char *text, size_t size, struct eddy_offset_meta *meta) {
  size_t skip = sizeof(prefix) - 1;
  if (!text || size < skip || memcmp(text, prefix, skip) != 0) return -1;
  const char *end = text + size;
  const char *at = read_number(text + skip, end, &meta->incarnation);
  if (!at || at == end || *at != ' ') return -1;
  at = read_number(at + 1, end, &meta->sequence);
  return at == end ? 0 : -1;
}
