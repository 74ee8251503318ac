/* eddy dlq retry: letters become records of the input again. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/dlq.h"
#include "cmd/input.h"
#include "cmd/json_line.h"
#include "source/kafka_message.h"

enum { POLL_MS = 200, BATCH = 500 };

struct sent {
  int32_t partition; /* of the letter */
  int64_t offset;
  struct eddy_cmd_delivery delivery;
};

struct retry {
  struct eddy_dlq *dlq;
  struct eddy_cmd_input input; /* not opened in a dry run */
  struct sent batch[BATCH];
  size_t pending;
  uint64_t sent, refused, skipped;
};

/* For programs --------------------------------------------------------------------------------------------------------------*/

/* One line about a letter. `record` NULL = it has not become one, `why` NULL = nothing is wrong. */
static void say_json(const struct retry *retry, const char *status, const struct sent *letter,
                     const struct eddy_cmd_delivery *record, const char *why) {
  struct eddy_cmd_json line;
  eddy_cmd_json_begin(&line);
  eddy_cmd_json_text(&line, "status", status);
  eddy_cmd_json_place(&line, "letter", retry->dlq->reader.name, letter->partition, letter->offset);
  if (record)
    eddy_cmd_json_place(&line, "record", retry->input.topic, record->partition, record->offset);
  else
    eddy_cmd_json_text(&line, "record", NULL);
  eddy_cmd_json_text(&line, "error", why);
  eddy_cmd_json_end(&line);
}

/* What becomes of a letter -------------------------------------------------------------------------------------------------*/

static void refuse(struct retry *retry, const rd_kafka_message_t *message, const char *why) {
  const struct sent letter = {.partition = message->partition, .offset = message->offset};
  retry->refused++;
  if (retry->dlq->request->json) say_json(retry, "refused", &letter, NULL, why);
  fprintf(stderr, "%s/%d/%" PRId64 ": refused: %s\n", retry->dlq->reader.name, message->partition, message->offset, why);
}

/* Whoever goes on later begins with the first that did not arrive. */
static void step_back(struct retry *retry, const struct sent *sent) {
  struct eddy_cmd_span *span = &retry->dlq->reader.spans[sent->partition];
  if (sent->offset < span->next) span->next = sent->offset;
}

static void say_sent(const struct retry *retry, const struct sent *sent) {
  if (retry->dlq->request->json)
    say_json(retry, "sent", sent, &sent->delivery, NULL);
  else
    printf("%s/%d/%" PRId64 " -> %s/%d/%" PRId64 "\n", retry->dlq->reader.name, sent->partition, sent->offset,
           retry->input.topic, sent->delivery.partition, sent->delivery.offset);
}

/* Waits for what was sent, and says where it is now. 0, or 69 after a message. */
static int settle(struct retry *retry) {
  int code = retry->pending > 0 ? eddy_cmd_input_flush(&retry->input) : 0;
  for (size_t i = 0; i < retry->pending; i++) {
    const struct sent *sent = &retry->batch[i];
    if (!sent->delivery.arrived) {
      step_back(retry, sent);
      continue;
    }
    retry->sent++;
    say_sent(retry, sent);
  }
  retry->pending = 0;
  return code;
}

static int send_letter(struct retry *retry, const rd_kafka_message_t *message, rd_kafka_headers_t *headers) {
  struct sent *sent = &retry->batch[retry->pending++];
  const struct eddy_cmd_record record = {.key = message->key,
                                         .key_size = message->key_len,
                                         .value = message->payload,
                                         .value_size = message->len,
                                         .headers = headers,
                                         .partition = RD_KAFKA_PARTITION_UA};
  *sent = (struct sent){.partition = message->partition, .offset = message->offset};
  rd_kafka_resp_err_t error = eddy_cmd_input_send_record(&retry->input, &record, &sent->delivery);
  if (error) {
    retry->pending--;
    refuse(retry, message, rd_kafka_err2str(error));
  }
  return retry->pending == BATCH ? settle(retry) : 0;
}

static void say_would_send(struct retry *retry, const rd_kafka_message_t *message) {
  const struct sent letter = {.partition = message->partition, .offset = message->offset};
  retry->sent++;
  if (retry->dlq->request->json)
    say_json(retry, "would be sent", &letter, NULL, NULL);
  else
    printf("%s/%d/%" PRId64 " -> %s\n", retry->dlq->reader.name, message->partition, message->offset, retry->input.topic);
}

static int take(struct retry *retry, const rd_kafka_message_t *message, const struct eddy_dead_letter *letter) {
  const char *flaw = eddy_dead_letter_flaw(letter);
  if (flaw) {
    refuse(retry, message, flaw);
    return 0;
  }
  if (retry->dlq->request->dry_run) {
    say_would_send(retry, message);
    return 0;
  }
  rd_kafka_headers_t *headers = eddy_dead_letter_retry_headers(eddy_kafka_message_headers(message), letter);
  return headers ? send_letter(retry, message, headers) : EX_OSERR;
}

static int take_all(struct retry *retry) {
  const struct eddy_dlq_request *request = retry->dlq->request;
  struct eddy_dead_letter letter;
  int code = 0;
  while (code == 0 && !ferror(stdout) && !eddy_cmd_topic_reader_is_done(&retry->dlq->reader) &&
         (request->count == 0 || retry->sent + retry->pending < request->count)) {
    rd_kafka_message_t *message = eddy_dlq_next(retry->dlq, POLL_MS, &letter, &retry->skipped, &code);
    if (!message) continue;
    code = take(retry, message, &letter);
    rd_kafka_message_destroy(message);
  }
  int settled = settle(retry);
  return code ? code : settled;
}

/* The end ------------------------------------------------------------------------------------------------------------------ */

/* So that a shell reads one word. */
static void put_word(const char *text) {
  bool plain = !text[strcspn(text, " \t\n\"'\\$`;&|<>()*?[]{}#~!")];
  if (!plain) fputc('\'', stderr);
  for (const char *at = text; *at; at++) fputs(*at == '\'' ? "'\\''" : (char[]){*at, '\0'}, stderr);
  if (!plain) fputc('\'', stderr);
}

static void say_how_to_go_on(const struct retry *retry) {
  const struct eddy_dlq_request *request = retry->dlq->request;
  const struct eddy_cmd_topic_reader *reader = &retry->dlq->reader;
  fputs("Letters behind these, and what is not sent yet:\n", stderr);
  for (int32_t i = 0; i < reader->partition_count; i++) {
    if (request->partition >= 0 && request->partition != i) continue;
    fputs("  eddy dlq retry", stderr);
    if (request->config) fputs(" -c ", stderr), put_word(request->config);
    if (request->code) fprintf(stderr, " --code %s", request->code);
    fprintf(stderr, " -p %d -o %" PRId64 "\n", i, reader->spans[i].next);
  }
}

static void say_what_was_done(const struct retry *retry) {
  const char *verb = retry->dlq->request->dry_run ? "would be sent" : "sent";
  fprintf(stderr, "%" PRIu64 " %s to %s", retry->sent, verb, retry->input.topic);
  if (retry->refused) fprintf(stderr, ", %" PRIu64 " refused", retry->refused);
  if (retry->skipped) fprintf(stderr, ", %" PRIu64 " of another code left out", retry->skipped);
  fputc('\n', stderr);
}

int eddy_dlq_retry(struct eddy_dlq *dlq) {
  static const char command[] = "dlq";
  struct retry retry = {.dlq = dlq, .input = {.command = command, .topic = dlq->config->kafka.input}};
  int code = dlq->request->dry_run ? 0 : eddy_cmd_input_open(&retry.input, dlq->config);
  if (code == 0) {
    code = take_all(&retry);
    fflush(stdout);
    say_what_was_done(&retry);
    if (retry.sent > 0 && !dlq->request->dry_run) say_how_to_go_on(&retry);
  }
  eddy_cmd_input_close(&retry.input);
  return code ? code : retry.refused ? EX_DATAERR : EX_OK;
}
