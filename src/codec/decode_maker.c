/* What every part of making a plan needs: its memory and a sentence when it fails. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "codec/decode_steps.h"

bool eddy_plan_fail(struct eddy_plan_maker *maker, const char *format, ...) {
  int used = maker->why_size ? snprintf(maker->why, maker->why_size, "%s: ", maker->path) : 0;
  if (used < 0 || (size_t)used >= maker->why_size) return false;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(maker->why + used, maker->why_size - (size_t)used, format, arguments);
  va_end(arguments);
  return false;
}

void *eddy_plan_take(struct eddy_plan_maker *maker, size_t size) {
  void *taken = eddy_event_room_take(maker->arena, size);
  if (taken) {
    memset(taken, 0, size);
  } else {
    eddy_plan_fail(maker, "memory is short");
  }
  return taken;
}
