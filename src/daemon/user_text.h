/* The sentences of an explanation (include/eddy/explain.h): why a user is in its segment, and how each trigger stands. English
 * for people who know the segments' and triggers' names, times in RFC 3339. Pure; any thread.
 */
#ifndef EDDY_DAEMON_USER_TEXT_H
#define EDDY_DAEMON_USER_TEXT_H

#include "eddy/explain.h"

enum { EDDY_USER_TEXT_MAX = 2048, EDDY_SEGMENT_LABEL_MAX = 2 * EDDY_NAME_MAX + 16 };

/* A segment by its name, or by its number if there is no model or it no longer has it. Returns `label`. */
const char *eddy_segment_label(const struct eddy_model *model, uint32_t id, char label[EDDY_SEGMENT_LABEL_MAX]);

/* The text is terminated and cut if it does not fit; names come from outside, so it is not certain to be UTF-8. */
void eddy_user_verdict(const struct eddy_explanation *explanation, const struct eddy_spec *spec, char text[EDDY_USER_TEXT_MAX]);
void eddy_user_standing(const struct eddy_explanation *explanation, const struct eddy_spec *spec, uint16_t trigger,
                        char text[EDDY_USER_TEXT_MAX]);

#endif
