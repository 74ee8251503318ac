#include "daemon/http_head.h"

#include <stdio.h>

#include "base/assert.h"

const char *eddy_http_status_text(int status) {
  static const struct {
    int status;
    const char *text;
  } texts[] = {{200, "OK"},
               {400, "Bad Request"},
               {401, "Unauthorized"},
               {403, "Forbidden"},
               {404, "Not Found"},
               {405, "Method Not Allowed"},
               {408, "Request Timeout"},
               {413, "Content Too Large"},
               {421, "Misdirected Request"},
               {431, "Request Header Fields Too Large"},
               {500, "Internal Server Error"},
               {501, "Not Implemented"},
               {503, "Service Unavailable"},
               {504, "Gateway Timeout"},
               {505, "HTTP Version Not Supported"}};
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    if (texts[i].status == status) return texts[i].text;
  }
  return "Unknown";
}

size_t eddy_http_head_write(char head[EDDY_HTTP_REPLY_HEAD_MAX], const struct eddy_http_reply *reply,
                            enum eddy_http_framing framing, bool keep_alive) {
  char length[64] = "";
  if (framing == EDDY_HTTP_SIZED) snprintf(length, sizeof(length), "Content-Length: %zu\r\n", reply->body.size);
  int size = snprintf(head, EDDY_HTTP_REPLY_HEAD_MAX,
                      "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n%s%sConnection: %s\r\n%s%sCache-Control: no-store\r\n"
                      "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\n\r\n",
                      reply->status, eddy_http_status_text(reply->status), reply->type, length,
                      framing == EDDY_HTTP_CHUNKED ? "Transfer-Encoding: chunked\r\n" : "", keep_alive ? "keep-alive" : "close",
                      reply->status == 405 ? "Allow: GET, HEAD\r\n" : "", reply->headers ? reply->headers : "");
  EDDY_ASSERT(size > 0 && size < EDDY_HTTP_REPLY_HEAD_MAX);
  return (size_t)size;
}
