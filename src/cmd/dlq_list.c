/* eddy dlq list: letters as lines. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/clean_text.h"
#include "cmd/cmd.h"
#include "cmd/dlq.h"
#include "cmd/json_bytes.h"

enum { POLL_MS = 200, KEY_SHOWN = 64, TEXT_SHOWN = 200 };

/* For people
 * -----------------------------------------------------------------------------------------------------------------*/

static void put_str(struct eddy_str text) {
  if (text.data)
    eddy_cmd_put_clean(text.data, text.len, TEXT_SHOWN, stdout);
  else
    putchar('?');
}

static void put_place(const struct eddy_dead_letter *letter) {
  put_str(letter->topic);
  putchar('/');
  put_str(letter->partition);
  putchar('/');
  put_str(letter->offset);
}

static void put_line(const rd_kafka_message_t *message, const struct eddy_dead_letter *letter) {
  printf("%d/%" PRId64 "  ", message->partition, message->offset);
  put_place(letter);
  fputs("  ", stdout);
  put_str(letter->code);
  fputs("  key ", stdout);
  if (message->key)
    eddy_cmd_put_clean(message->key, message->key_len, KEY_SHOWN, stdout);
  else
    putchar('-');
  printf("  %zu bytes", message->payload ? message->len : 0);
  if (letter->cut_size.data) {
    fputs(" of ", stdout);
    put_str(letter->cut_size);
  }
  fputs("  ", stdout);
  put_str(letter->message);
  putchar('\n');
}

/* For programs
 * ---------------------------------------------------------------------------------------------------------------*/

static void put_number(struct eddy_json_out *out, const char *name, struct eddy_str text) {
  char copy[24] = "";
  uint64_t value;
  if (text.data && text.len < sizeof(copy)) snprintf(copy, sizeof(copy), "%.*s", (int)text.len, text.data);
  bool is_number = eddy_cmd_whole(copy, 0, INT64_MAX, &value);
  eddy_json_key(out, name);
  eddy_json_optional_integer(out, is_number, is_number ? (int64_t)value : 0);
}

static void put_field(struct eddy_json_out *out, const char *name, struct eddy_str text) {
  eddy_json_key(out, name);
  eddy_json_optional_string(out, text);
}

static void put_integer(struct eddy_json_out *out, const char *name, int64_t value) {
  eddy_json_key(out, name);
  eddy_json_integer(out, value);
}

static int make_json(const rd_kafka_message_t *message, const struct eddy_dead_letter *letter, struct eddy_buffer *line) {
  struct eddy_json_out out;
  line->size = 0;
  eddy_json_begin(&out, line);
  eddy_json_open(&out, '{');
  put_integer(&out, "partition", message->partition);
  put_integer(&out, "offset", message->offset);
  put_integer(&out, "ts", rd_kafka_message_timestamp(message, NULL));
  eddy_json_key(&out, "original");
  eddy_json_open(&out, '{');
  put_field(&out, "topic", letter->topic);
  put_number(&out, "partition", letter->partition);
  put_number(&out, "offset", letter->offset);
  eddy_json_close(&out, '}');
  put_field(&out, "error", letter->code);
  put_field(&out, "message", letter->message);
  eddy_cmd_json_bytes(&out, "key", message->key, message->key_len);
  put_integer(&out, "size", message->payload ? (int64_t)message->len : 0);
  put_number(&out, "size_before_cut", letter->cut_size);
  eddy_cmd_json_bytes(&out, "value", message->payload, message->len);
  eddy_json_close(&out, '}');
  return eddy_json_end(&out);
}

static int put_letter(const struct eddy_dlq *dlq, const rd_kafka_message_t *message, const struct eddy_dead_letter *letter,
                      struct eddy_buffer *line) {
  if (!dlq->request->json) {
    put_line(message, letter);
    return 0;
  }
  if (make_json(message, letter, line) != 0) return EX_OSERR;
  fwrite(line->data, 1, line->size, stdout);
  return 0;
}

/* For people: what to do, once per kind of mistake that was listed --------------------------------------------------------- */

static const struct {
  const char *code, *advice;
} advices[] = {
    {"unknown_schema", "put it into kafka.schemas or registry.url, then `eddy dlq retry --code unknown_schema`"},
    {"unusable_schema", "schemas/README.md says what a schema of events needs"},
    {"no_key", "let the producer take user_id as the record's key"},
    {"key_mismatch", "let the producer take user_id as the record's key"},
    {"", "let the producer send events as in schemas/event.avsc"},
};
enum { ADVICE_COUNT = sizeof advices / sizeof *advices };

static void note(bool *seen, struct eddy_str code) {
  int at = 0;
  while (at < ADVICE_COUNT - 1 && (strlen(advices[at].code) != code.len || memcmp(advices[at].code, code.data, code.len) != 0))
    at++;
  seen[at] = true;
}

static void advise(const bool *seen) {
  fflush(stdout);
  for (int i = 0; i < ADVICE_COUNT; i++) {
    if (seen[i]) fprintf(stderr, "eddy dlq: %s: %s\n", advices[i].code[0] ? advices[i].code : "others", advices[i].advice);
  }
}

int eddy_dlq_list(struct eddy_dlq *dlq) {
  bool seen[ADVICE_COUNT] = {false};
  struct eddy_dead_letter letter;
  struct eddy_buffer line;
  uint64_t skipped = 0, printed = 0, count = dlq->request->count;
  int code = 0;
  eddy_buffer_init(&line, NULL);
  while (code == 0 && !ferror(stdout) && !eddy_cmd_topic_reader_is_done(&dlq->reader) && (count == 0 || printed < count)) {
    rd_kafka_message_t *message = eddy_dlq_next(dlq, POLL_MS, &letter, &skipped, &code);
    if (!message) {
      if (dlq->request->follow) fflush(stdout);
      continue;
    }
    code = put_letter(dlq, message, &letter, &line);
    if (!dlq->request->json) note(seen, letter.code);
    printed++;
    rd_kafka_message_destroy(message);
  }
  eddy_buffer_fini(&line);
  advise(seen);
  return code;
}
