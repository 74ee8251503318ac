/* The metadata of a committed input offset: `eddy1 <incarnation> <sequence>` (DURABILITY rule 9).
 *
 * incarnation = the application's first start in ms since 1970, raised only by re-creating the application;
 * sequence = number of commits of the partition. Anything else in that place was written by somebody else.
 */
#ifndef EDDY_DAEMON_OFFSET_META_H
#define EDDY_DAEMON_OFFSET_META_H

#include <stddef.h>
#include <stdint.h>

struct eddy_offset_meta {
  uint64_t incarnation, sequence;
};

enum { EDDY_OFFSET_META_TEXT = 64 };

void eddy_offset_meta_format(const struct eddy_offset_meta *meta, char text[EDDY_OFFSET_META_TEXT]);
/* 0, or -1 if the text is not exactly of that form. */
int eddy_offset_meta_parse(const char *text, size_t size, struct eddy_offset_meta *meta);

#endif
