#include "cmd/json_line.h"

#include <stdio.h>

void eddy_cmd_json_begin(struct eddy_cmd_json *line) {
  eddy_buffer_init(&line->buffer, NULL);
  eddy_json_begin(&line->out, &line->buffer);
  eddy_json_open(&line->out, '{');
}

void eddy_cmd_json_text(struct eddy_cmd_json *line, const char *name, const char *text) {
  eddy_json_key(&line->out, name);
  if (text)
    eddy_json_literal(&line->out, text);
  else
    eddy_json_null(&line->out);
}

void eddy_cmd_json_integer(struct eddy_cmd_json *line, const char *name, int64_t value) {
  eddy_json_key(&line->out, name);
  eddy_json_integer(&line->out, value);
}

void eddy_cmd_json_bool(struct eddy_cmd_json *line, const char *name, bool value) {
  eddy_json_key(&line->out, name);
  eddy_json_bool(&line->out, value);
}

void eddy_cmd_json_place(struct eddy_cmd_json *line, const char *name, const char *topic, int32_t partition, int64_t offset) {
  eddy_json_key(&line->out, name);
  eddy_json_open(&line->out, '{');
  eddy_cmd_json_text(line, "topic", topic);
  eddy_cmd_json_integer(line, "partition", partition);
  eddy_cmd_json_integer(line, "offset", offset);
  eddy_json_close(&line->out, '}');
}

void eddy_cmd_json_end(struct eddy_cmd_json *line) {
  eddy_json_close(&line->out, '}');
  if (eddy_json_end(&line->out) == 0)
    fwrite(line->buffer.data, 1, line->buffer.size, stdout);
  else
    fputs("out of memory: a line is missing\n", stderr);
  eddy_buffer_fini(&line->buffer);
}
