/* Fills in what a text of the configuration takes from outside:
 *
 *   ${NAME}          the environment variable; an error if it is not set
 *   ${NAME:-text}    the same, `text` (up to the next brace) if it is not set or empty
 *   ${file:PATH}     the contents of a regular file of at most 64 KiB without its last newline; relative to `folder`
 *   $${              a literal ${
 *
 * Done on the tree, after parsing: what comes from outside is never YAML, and no message shows it. Reads files and the
 * environment, changes nothing. One thread.
 */
#ifndef EDDY_DAEMON_CONFIG_EXPAND_H
#define EDDY_DAEMON_CONFIG_EXPAND_H

#include "daemon/config_doc.h"

enum { EDDY_CONFIG_SECRET_MAX = 64 * 1024 };

/* Expands every value of the document (keys stay as they are). Nodes with an error become `broken`. `folder` may be NULL. */
void eddy_config_expand(struct eddy_config_doc *doc, const char *folder, struct eddy_config_report *report);

#endif
