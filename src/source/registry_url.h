/* Where a schema registry is: http[s]://[user:password@]host[:port][/path]. User and password may be percent-encoded.
 *
 * Taken apart once, when the configuration is read: `base` carries no credentials and may stand in messages.
 */
#ifndef EDDY_SOURCE_REGISTRY_URL_H
#define EDDY_SOURCE_REGISTRY_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "eddy/types.h"

struct eddy_registry_url {
  char *base;            /* without a slash at its end */
  char *user, *password; /* NULL: none in the address */
};

/* text[0..size). 0, or -1 with a sentence in `why` (then there is nothing to free). */
int eddy_registry_url_parse(struct eddy_registry_url *url, const char *text, size_t size, char *why, size_t why_size);
void eddy_registry_url_fini(struct eddy_registry_url *url);

/* The next address of a list separated by commas; `rest` moves behind it and is NULL after the last. False: there was none. */
bool eddy_registry_url_next(const char **rest, struct eddy_str *address);

#endif
