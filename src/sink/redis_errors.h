/* What an error of Redis means: whether it passes, and what to do. Pure. */
#ifndef EDDY_SINK_REDIS_ERRORS_H
#define EDDY_SINK_REDIS_ERRORS_H

#include <stdbool.h>

/* The write is right, the server cannot take it now. */
bool eddy_redis_error_passes(const char *error);
/* For people: what it means and what to do; NULL if the error says it all. */
const char *eddy_redis_error_advice(const char *error);

#endif
