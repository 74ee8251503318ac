/* A command's usage text in the forms of other readers: of man(1) and of bash. What is relied on: synopses stand up to the
 * first empty line, an option's line begins with spaces and a dash, two spaces separate it from what it means, lines that are
 * indented further go on with that.
 */
#ifndef EDDY_CMD_USAGE_FORM_H
#define EDDY_CMD_USAGE_FORM_H

#include <stdio.h>

/* Text in roff: `code` becomes bold, nothing in it is taken for a request. */
void eddy_roff_put(const char *text, size_t size, FILE *out);

/* The body of a section: synopsis, paragraphs, options. */
void eddy_usage_man(const char *usage, FILE *out);
/* One branch of a `case`: NAME) verbs="..." options="..." values="..." files="..." ;; where values are options that take
 * something, files those that take a file. */
void eddy_usage_bash(const char *usage, FILE *out);

#endif
