/* The table of error codes as sentences, and the version. */
#include "base/version.h"
#include "eddy/eddy.h"

const char *eddy_strerror(int error) {
  switch (error) {
    case EDDY_OK:
      return "no error";
#define X(name, code, sentence) \
  case EDDY_E_##name:           \
    return sentence;
      EDDY_ERRORS(X)
#undef X
    default:
      return "unknown error";
  }
}

const char *eddy_version(void) {
  return EDDY_VERSION;
}
