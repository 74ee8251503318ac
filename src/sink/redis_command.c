#include "sink/redis_command.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void append(struct eddy_redis_command *command, const void *bytes, size_t size) {
  if (command->error == 0) command->error = eddy_buffer_append(command->buffer, bytes, size);
}

static void append_header(struct eddy_redis_command *command, char kind, size_t value) {
  char text[32];
  int length = snprintf(text, sizeof text, "%c%zu\r\n", kind, value);
  append(command, text, (size_t)length);
}

struct eddy_redis_command eddy_redis_command_begin(struct eddy_buffer *buffer, size_t count) {
  struct eddy_redis_command command = {buffer, 0};
  append_header(&command, '*', count);
  return command;
}

void eddy_redis_word(struct eddy_redis_command *command, const void *bytes, size_t size) {
  append_header(command, '$', size);
  if (size > 0) append(command, bytes, size);
  append(command, "\r\n", 2);
}

void eddy_redis_word_text(struct eddy_redis_command *command, const char *text) {
  eddy_redis_word(command, text, strlen(text));
}

void eddy_redis_word_int(struct eddy_redis_command *command, int64_t value) {
  eddy_redis_word_format(command, "%" PRId64, value);
}

void eddy_redis_word_format(struct eddy_redis_command *command, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  size_t size = length < 0 ? 0 : (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
  eddy_redis_word(command, text, size);
}

void eddy_redis_word_key(struct eddy_redis_command *command, const char *app, const char *kind, struct eddy_str id) {
  append_header(command, '$', strlen(app) + strlen(kind) + id.len + 2);
  append(command, app, strlen(app));
  append(command, ":", 1);
  append(command, kind, strlen(kind));
  append(command, ":", 1);
  append(command, id.data, id.len);
  append(command, "\r\n", 2);
}
