/* Commands in the Redis protocol (RESP2), written piece by piece into a growable buffer: cheaper than printf-style formatting
 * (one third) and safe for any bytes.
 */
#ifndef EDDY_SINK_REDIS_COMMAND_H
#define EDDY_SINK_REDIS_COMMAND_H

#include "base/memory.h"

struct eddy_redis_command {
  struct eddy_buffer *buffer;
  int error; /* EDDY_E_NOMEM once anything did not fit */
};

/* Starts a command of exactly `count` words behind what the buffer holds. */
struct eddy_redis_command eddy_redis_command_begin(struct eddy_buffer *buffer, size_t count);
void eddy_redis_word(struct eddy_redis_command *command, const void *bytes, size_t size);
void eddy_redis_word_text(struct eddy_redis_command *command, const char *text);
void eddy_redis_word_int(struct eddy_redis_command *command, int64_t value);
/* One word out of printf-style text of at most 511 bytes. */
void eddy_redis_word_format(struct eddy_redis_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One word "<app>:<kind>:<id>". */
void eddy_redis_word_key(struct eddy_redis_command *command, const char *app, const char *kind, struct eddy_str id);

#endif
