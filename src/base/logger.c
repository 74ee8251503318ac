#include "base/logger.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

enum { FIELDS_MAX = 1000 };

void eddy_log(const struct eddy_logger *logger, enum eddy_log_level level, const char *message, const char *fields_format,
              ...) {
  char fields[FIELDS_MAX + 1];
  if (!logger || !logger->write || level > atomic_load_explicit(&logger->level, memory_order_relaxed)) return;
  if (!fields_format) {
    logger->write(logger->ctx, level, message, NULL);
    return;
  }
  va_list arguments;
  va_start(arguments, fields_format);
  vsnprintf(fields, sizeof fields, fields_format, arguments);
  va_end(arguments);
  logger->write(logger->ctx, level, message, fields);
}
