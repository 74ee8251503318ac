/* Keys and values of records as JSON: they are bytes, and mostly text. */
#ifndef EDDY_CMD_JSON_BYTES_H
#define EDDY_CMD_JSON_BYTES_H

#include "codec/json_out.h"

/* "name":"text"; "name_base64":"..." for what is no UTF-8; "name":null for NULL. `name` has at most 24 bytes. */
void eddy_cmd_json_bytes(struct eddy_json_out *out, const char *name, const void *bytes, size_t size);
/* The value alone: "text", {"base64":"..."} or null. */
void eddy_cmd_json_bytes_value(struct eddy_json_out *out, const void *bytes, size_t size);

#endif
