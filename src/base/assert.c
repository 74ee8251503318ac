#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void eddy_assert_failed(const char *file, int line, const char *condition) {
  fprintf(stderr, "eddy: %s:%d: broken invariant: %s\n", file, line, condition);
  abort();
}
