#include "daemon/http_head.h"

#include <stdio.h>

const char *eddy_http_status_text(int status) {
  static const struct {
    int status;
    const char *text;
  } texts[] = {{200, "OK"},
               {400, "Bad Request"},
               {404, "Not Found"},
               {405, "Method Not Allowed"},
               {408, "Request Timeout"},
               {413, "Content Too Large"},
               {421, "Misdirected Request"},
               {431, "Request Header Fields Too Large"},
               {500, "Internal Server Error"},
               {501, "Not Implemented"},
               {503, "Service Unavailable"},
               {505, "HTTP Version Not Supported"}};
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    if (texts[i].status == status) return texts[i].text;
  }
  return "Unknown";
}

size_t eddy_http_head_write(char head[EDDY_HTTP_REPLY_HEAD_MAX], const struct eddy_http_reply *reply, bool keep_alive) {
  int size =
      snprintf(head, EDDY_HTTP_REPLY_HEAD_MAX,
               "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: %s\r\n%sCache-Control: no-store\r\n"
               "X-Content-Type-Options: nosniff\r\n\r\n",
               reply->status, eddy_http_status_text(reply->status), reply->type, reply->body.size,
               keep_alive ? "keep-alive" : "close", reply->status == 405 ? "Allow: GET, HEAD\r\n" : "");
  return (size_t)size;
}
