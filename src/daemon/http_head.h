/* The head of a reply. Pure, any thread. */
#ifndef EDDY_DAEMON_HTTP_HEAD_H
#define EDDY_DAEMON_HTTP_HEAD_H

#include "daemon/http.h"

enum { EDDY_HTTP_REPLY_HEAD_MAX = 512 + EDDY_HTTP_HEADERS_MAX };

/* How the peer learns where the body ends. */
enum eddy_http_framing { EDDY_HTTP_SIZED, EDDY_HTTP_CHUNKED, EDDY_HTTP_UNTIL_CLOSE };

/* "Not Found". */
const char *eddy_http_status_text(int status);
/* Everything up to the body, as a text. Its size. */
size_t eddy_http_head_write(char head[EDDY_HTTP_REPLY_HEAD_MAX], const struct eddy_http_reply *reply,
                            enum eddy_http_framing framing, bool keep_alive);

#endif
