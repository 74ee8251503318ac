/* The head of a reply. Pure, any thread. */
#ifndef EDDY_DAEMON_HTTP_HEAD_H
#define EDDY_DAEMON_HTTP_HEAD_H

#include "daemon/http.h"

enum { EDDY_HTTP_REPLY_HEAD_MAX = 512 };

/* "Not Found". */
const char *eddy_http_status_text(int status);
/* Everything up to the body. The size. */
size_t eddy_http_head_write(char head[EDDY_HTTP_REPLY_HEAD_MAX], const struct eddy_http_reply *reply, bool keep_alive);

#endif
