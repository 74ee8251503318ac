/* Bytes that anybody may have written, for a terminal: nothing of them can steer it. Any thread. */
#ifndef EDDY_CMD_CLEAN_TEXT_H
#define EDDY_CMD_CLEAN_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Control characters, marks that turn the direction of writing, and what is no UTF-8 come out as \xNN; what is behind `max`
 * bytes as "...". */
void eddy_cmd_put_clean(const void *bytes, size_t size, size_t max, FILE *out);

#endif
