/* One scalar of the configuration as a typed value. Each function returns NULL, or what was expected ("a duration such as 7d"):
 * the caller knows the key and the place. Pure; any thread.
 */
#ifndef EDDY_DAEMON_CONFIG_VALUE_H
#define EDDY_DAEMON_CONFIG_VALUE_H

#include "eddy/types.h"

/* A whole number, with _ between digits and k, M (powers of 1000) behind: "100_000", "100k". */
const char *eddy_config_count(const char *text, int64_t *value);
/* Bytes with a unit: B, kB, MB, GB, KiB, MiB, GiB. "0" needs none. */
const char *eddy_config_bytes(const char *text, int64_t *value);
/* A duration with a unit: ms, s, m, h, d, w. "0" needs none. */
const char *eddy_config_duration(const char *text, int64_t *value);
/* RFC 3339, or a date alone. */
const char *eddy_config_time(const char *text, int64_t *value);
/* A decimal number: "0.1"; neither exponents nor infinities. */
const char *eddy_config_decimal(const char *text, double *value);
/* true or false. */
const char *eddy_config_bool(const char *text, bool *value);

/* Only digits (and _): a number that misses its unit. */
bool eddy_config_lacks_unit(const char *text);

/* Bytes as text in the largest unit that divides them: "64MiB". Returns `text`. */
const char *eddy_config_bytes_format(int64_t value, char text[32]);

#endif
