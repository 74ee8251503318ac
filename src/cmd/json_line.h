/* One JSON object on a line of standard output: what commands print for programs under --json. Nothing is printed before the
 * end, so a line is whole or not there. One thread.
 */
#ifndef EDDY_CMD_JSON_LINE_H
#define EDDY_CMD_JSON_LINE_H

#include "codec/json_out.h"

struct eddy_cmd_json {
  struct eddy_buffer buffer;
  struct eddy_json_out out; /* for values of other kinds */
};

/* Names are literals that need no escapes. */
void eddy_cmd_json_begin(struct eddy_cmd_json *line);
void eddy_cmd_json_text(struct eddy_cmd_json *line, const char *name, const char *text); /* NULL = null */
void eddy_cmd_json_integer(struct eddy_cmd_json *line, const char *name, int64_t value);
void eddy_cmd_json_bool(struct eddy_cmd_json *line, const char *name, bool value);
/* {"topic":..,"partition":..,"offset":..} */
void eddy_cmd_json_place(struct eddy_cmd_json *line, const char *name, const char *topic, int32_t partition, int64_t offset);
/* Prints it. When memory is short: a message instead. */
void eddy_cmd_json_end(struct eddy_cmd_json *line);

#endif
