/* libeddy: the pure core of eddy. Include this one header to embed it; see tests/example/embed.c for 40 lines that do. */
#ifndef EDDY_H
#define EDDY_H

#include "eddy/explain.h"

/* Version of the library, e.g. "0.1.0". */
const char *eddy_version(void);

#endif
