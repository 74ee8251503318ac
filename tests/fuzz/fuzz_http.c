/* HTTP heads from hostile bytes: views stay inside, the answer does not change when bytes follow, a prefix is never more than
 * incomplete or wrong; no token is taken for another; what is decoded is no longer than what it was made of and has no NUL. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_view(struct eddy_str view, const char *begin, int head) {
  EDDY_ASSERT(!view.data || (view.data >= begin && view.data + view.len <= begin + head));
}

static void check_decoding(struct eddy_str text) {
  char *out = malloc(text.len + 1);
  int length = eddy_http_percent_decode(text, out, text.len);
  EDDY_ASSERT(length >= -1 && length <= (int)text.len);
  EDDY_ASSERT(length < 1 || !memchr(out, '\0', (size_t)length));
  EDDY_ASSERT(length < 1 || eddy_http_percent_decode(text, out, (size_t)length) == length);
  EDDY_ASSERT(length < 1 || eddy_http_percent_decode(text, out, (size_t)length - 1) == -1);
  free(out);
}

/* The token of the seeds, and one that none of them has. */
static void check_bearer(struct eddy_str authorization) {
  bool known = eddy_http_bearer_is(authorization, "0123456789abcdef");
  EDDY_ASSERT(!known || authorization.len >= sizeof("Bearer 0123456789abcdef") - 1);
  EDDY_ASSERT(!known || !eddy_http_bearer_is(authorization, "0123456789abcdeg"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct eddy_http_request request, again;
  char *copy = malloc(size + 1); /* exact bounds for the sanitizer */
  if (size > 0) memcpy(copy, data, size);
  int head = eddy_http_parse(copy, size, &request);
  EDDY_ASSERT(head <= EDDY_HTTP_HEAD_MAX && (head <= 0 || (size_t)head <= size));
  if (head > 0) {
    check_view(request.method, copy, head);
    check_view(request.path, copy, head);
    check_view(request.query, copy, head);
    check_view(request.host, copy, head);
    check_view(request.authorization, copy, head);
    EDDY_ASSERT(request.path.len > 0 && request.path.data[0] == '/');
    EDDY_ASSERT(eddy_http_parse(copy, (size_t)head, &again) == head);
    EDDY_ASSERT(eddy_http_parse(copy, (size_t)head - 1, &again) == 0);
    eddy_http_host_is_local(request.host);
    check_bearer(request.authorization);
    check_decoding(request.path);
  }
  check_decoding((struct eddy_str){copy, size < UINT16_MAX ? (uint32_t)size : UINT16_MAX});
  free(copy);
  return 0;
}
