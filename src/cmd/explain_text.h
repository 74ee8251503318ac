/* The answer of GET /api/users/{id} as text for people. Whoever answered is not trusted: what is missing or of another type
 * shows as `-`, control characters as `?`, and of a list no more is shown than somebody reads. */
#ifndef EDDY_CMD_EXPLAIN_TEXT_H
#define EDDY_CMD_EXPLAIN_TEXT_H

#include <jansson.h>
#include <stdio.h>

void eddy_explain_print(const json_t *user, FILE *out);

/* A string without what a terminal would obey; `-` if it is none. */
void eddy_explain_put(const json_t *text, FILE *out);

#endif
