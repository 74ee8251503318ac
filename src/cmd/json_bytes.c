#include "cmd/json_bytes.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/utf8.h"

static struct eddy_str str_of(const void *bytes, size_t size) {
  return (struct eddy_str){bytes, (uint32_t)(size > UINT32_MAX ? UINT32_MAX : size)};
}

static void put_base64(struct eddy_json_out *out, const void *bytes, size_t size) {
  unsigned char *text = malloc(size / 3 * 4 + 8);
  int length = text ? EVP_EncodeBlock(text, bytes, (int)size) : 0;
  eddy_json_string(out, str_of(text ? (const char *)text : "", (size_t)length));
  free(text);
}

void eddy_cmd_json_bytes(struct eddy_json_out *out, const char *name, const void *bytes, size_t size) {
  char other[32];
  snprintf(other, sizeof(other), "%s_base64", name);
  bool text = !bytes || eddy_utf8_valid(bytes, size);
  eddy_json_key(out, text ? name : other);
  if (!bytes) {
    eddy_json_null(out);
  } else if (text) {
    eddy_json_string(out, str_of(bytes, size));
  } else {
    put_base64(out, bytes, size);
  }
}

void eddy_cmd_json_bytes_value(struct eddy_json_out *out, const void *bytes, size_t size) {
  if (!bytes) {
    eddy_json_null(out);
  } else if (eddy_utf8_valid(bytes, size)) {
    eddy_json_string(out, str_of(bytes, size));
  } else {
    eddy_json_open(out, '{');
    eddy_json_key(out, "base64");
    put_base64(out, bytes, size);
    eddy_json_close(out, '}');
  }
}
