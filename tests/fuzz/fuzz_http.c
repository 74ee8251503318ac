/* HTTP heads from hostile bytes: views stay inside, the answer does not change when bytes follow, a prefix is never more than
 * incomplete or wrong. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_view(struct eddy_str view, const char *begin, int head) {
  EDDY_ASSERT(!view.data || (view.data >= begin && view.data + view.len <= begin + head));
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
    EDDY_ASSERT(request.path.len > 0 && request.path.data[0] == '/');
    EDDY_ASSERT(eddy_http_parse(copy, (size_t)head, &again) == head);
    EDDY_ASSERT(eddy_http_parse(copy, (size_t)head - 1, &again) == 0);
    eddy_http_host_is_local(request.host);
  }
  free(copy);
  return 0;
}
