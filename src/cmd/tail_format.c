#include "cmd/tail_format.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "cmd/clean_text.h"
#include "source/kafka_message.h"

/* A piece of a format: a token's letter, or 0 and a byte that stands for itself. */
struct piece {
  char token, byte;
  size_t size; /* in the format; 0 = there is no such thing */
};

static int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  return isxdigit((unsigned char)digit) ? tolower((unsigned char)digit) - 'a' + 10 : -1;
}

static struct piece read_escape(const char *at) {
  static const char letters[] = "nrt\\", bytes[] = "\n\r\t\\";
  const char *found = at[1] ? strchr(letters, at[1]) : NULL;
  if (found) return (struct piece){.byte = bytes[found - letters], .size = 2};
  int high = at[1] == 'x' ? hex_value(at[2]) : -1, low = high >= 0 ? hex_value(at[3]) : -1;
  return low < 0 ? (struct piece){.size = 0} : (struct piece){.byte = (char)(high * 16 + low), .size = 4};
}

static struct piece read_piece(const char *at) {
  if (at[0] == '\\') return read_escape(at);
  if (at[0] != '%') return (struct piece){.byte = at[0], .size = 1};
  if (at[1] == '%') return (struct piece){.byte = '%', .size = 2};
  return (struct piece){.token = at[1], .size = at[1] && strchr("sSkKtpoTh", at[1]) ? 2 : 0};
}

bool eddy_tail_format_check(const char *format, char *why, size_t why_size) {
  for (const char *at = format; *at;) {
    struct piece piece = read_piece(at);
    at += piece.size;
    if (piece.size > 0) continue;
    snprintf(why, why_size, "a format has no `%.2s`, only %%s %%S %%k %%K %%t %%p %%o %%T %%h %%%% and \\n \\r \\t \\\\ \\xNN",
             at);
    return false;
  }
  return true;
}

bool eddy_tail_format_has_value(const char *format) {
  for (struct piece piece; *format; format += piece.size) {
    piece = read_piece(format);
    if (piece.token == 's') return true;
  }
  return false;
}

/* Printing ------------------------------------------------------------------------------------------------------------------*/

static void put_bytes(const void *bytes, size_t size, bool clean, FILE *out) {
  if (clean)
    eddy_cmd_put_clean(bytes, size, size, out);
  else if (size > 0)
    fwrite(bytes, 1, size, out);
}

static void put_headers(const rd_kafka_message_t *message, bool clean, FILE *out) {
  const rd_kafka_headers_t *headers = eddy_kafka_message_headers(message);
  const char *name;
  const void *value;
  size_t size;
  for (size_t i = 0; headers && !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
    if (i > 0) fputc(',', out);
    put_bytes(name, strlen(name), clean, out);
    fputc('=', out);
    put_bytes(value ? value : "NULL", value ? size : 4, clean, out);
  }
}

static void put_size(const void *bytes, size_t size, FILE *out) {
  fprintf(out, "%" PRId64, bytes ? (int64_t)size : -1);
}

static void put_token(char token, const rd_kafka_message_t *message, struct eddy_str value, bool clean, FILE *out) {
  if (token == 's') put_bytes(value.data, value.len, false, out);
  if (token == 'S') put_size(message->payload, message->len, out);
  if (token == 'k') put_bytes(message->key, message->key_len, clean, out);
  if (token == 'K') put_size(message->key, message->key_len, out);
  if (token == 't') fputs(rd_kafka_topic_name(message->rkt), out);
  if (token == 'p') fprintf(out, "%" PRId32, message->partition);
  if (token == 'o') fprintf(out, "%" PRId64, message->offset);
  if (token == 'T') fprintf(out, "%" PRId64, rd_kafka_message_timestamp(message, NULL));
  if (token == 'h') put_headers(message, clean, out);
}

void eddy_tail_format_print(const char *format, const rd_kafka_message_t *message, struct eddy_str value, bool clean,
                            FILE *out) {
  for (struct piece piece; *format; format += piece.size) {
    piece = read_piece(format);
    if (piece.token)
      put_token(piece.token, message, value, clean, out);
    else
      fputc(piece.byte, out);
  }
}
