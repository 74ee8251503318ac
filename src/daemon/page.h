/* The live page, as it is built into the program (page.html), and the header that lets a browser run nothing but it.
 * Any thread; the header's hashes are computed at the first call, 0.2 ms. */
#ifndef EDDY_DAEMON_PAGE_H
#define EDDY_DAEMON_PAGE_H

#include "eddy/types.h"

/* text/html in UTF-8; lives as long as the program. */
struct eddy_str eddy_page(void);

/* One header line, "Content-Security-Policy: ...\r\n": the page's own script and style by their SHA-256, requests to its own
 * origin, nothing else. Lives as long as the program; NULL if libcrypto cannot hash: the page must not be served then. */
const char *eddy_page_headers(void);

#endif
