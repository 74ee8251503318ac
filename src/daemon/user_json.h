/* An explanation of a user (include/eddy/explain.h) as the JSON of GET /api/users/{id}: everything of it but `recent`, which
 * whoever remembers outputs adds. Views of the explanation are copied. Any thread that may read the engine's strings.
 */
#ifndef EDDY_DAEMON_USER_JSON_H
#define EDDY_DAEMON_USER_JSON_H

#include <jansson.h>

#include "eddy/explain.h"

/* How to dump it: floats have no more digits than that. */
#define EDDY_USER_JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(7))

/* A new object; NULL if memory is short. What is no UTF-8 in names and ids is replaced by U+FFFD. */
json_t *eddy_user_json(const struct eddy_explanation *explanation, const struct eddy_spec *spec, int32_t partition);

/* A string of whatever bytes, as above. NULL if memory is short. */
json_t *eddy_json_text(struct eddy_str text);
/* null for EDDY_TIME_NONE. */
json_t *eddy_json_time(int64_t time);

#endif
