#include "codec/event_error.h"

const char *eddy_event_error_name(int error) {
  switch (error) {
#define X(constant, code, name, sentence) \
  case (code):                            \
    return (name);
    EDDY_EVENT_ERRORS(X)
#undef X
    default:
      return "unknown_error";
  }
}

const char *eddy_event_error_text(int error) {
  switch (error) {
#define X(constant, code, name, sentence) \
  case (code):                            \
    return (sentence);
    EDDY_EVENT_ERRORS(X)
#undef X
    default:
      return "there is no error of this number";
  }
}
