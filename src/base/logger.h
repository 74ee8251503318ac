/* The one way in which any layer says something to the operator: an interface; daemon/log.c writes it to stderr.
 *
 * A message is an event of the life of the process with fields, not a sentence per record: "partition assigned", then
 * topic=events partition=3. Callable from any thread that the implementation allows (daemon/log.c: all).
 */
#ifndef EDDY_BASE_LOGGER_H
#define EDDY_BASE_LOGGER_H

enum eddy_log_level { EDDY_LOG_ERROR, EDDY_LOG_WARN, EDDY_LOG_INFO, EDDY_LOG_DEBUG };

/* `message` = what happened, a few words without variable parts (repeats are limited per message); `fields` = logfmt
 * (key=value, values quoted where needed) or NULL. */
struct eddy_logger {
  void (*write)(void *ctx, enum eddy_log_level level, const char *message, const char *fields);
  void *ctx;
  _Atomic(enum eddy_log_level) level; /* messages above it are not formatted at all; may change while others log */
};

/* Formats fields printf-style (cut at 1,000 bytes) and writes. NULL logger: nothing. */
void eddy_log(const struct eddy_logger *logger, enum eddy_log_level level, const char *message, const char *fields_format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
