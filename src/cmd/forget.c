/* eddy forget: a user_erased event per user onto the input topic, which is the only way to erase somebody. */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "cmd/input.h"
#include "cmd/json_line.h"
#include "codec/event_check.h"
#include "codec/event_error.h"
#include "codec/output_read.h"
#include "daemon/clock.h"
#include "daemon/topics.h"
#include "source/kafka_offsets.h"

static const char usage[] =
    "usage: eddy forget [-c FILE] [--wait] [-J] USER...\n\n"
    "Writes an event user_erased for each user to every partition of the input topic, for where a user's\n"
    "events are is up to those who produce them: eddy then drops the profile and what waits for the user,\n"
    "deletes its keys in Redis, ignores its later events until it consents anew, and leaves a receipt per\n"
    "partition on <app>.receipts. Prints per user one JSON line with user_id, event_id and the event's\n"
    "offset in each partition. What is on Kafka already goes by the retention of its topic.\n\n"
    "  -c, --config FILE   the configuration (default: built-in)\n"
    "      --wait          wait for the receipts, for 30 s, and say of whom nothing was known\n"
    "  -J, --json          with --wait: the lines come after it, and have receipt (true or false) and\n"
    "                      had_profile\n\n"
    "Exit codes: 0 all events arrived, 69 no broker or topic, or an event did not arrive, 75 a receipt\n"
    "has not come (yet), 78 the configuration.\n";

enum { UUID_TEXT = 36, RECEIPT_WAIT_MS = 30000, POLL_MS = 100 };

/* The event of one user in one partition. */
struct sent {
  struct eddy_cmd_delivery delivery;
  bool done; /* the receipt has come */
};

struct erasure {
  struct eddy_str user_id;
  char event_id[UUID_TEXT + 1]; /* the same in all partitions */
  struct sent *sent;            /* by partition */
  bool known;                   /* a receipt says that there was something to forget */
};

struct forget {
  const char *config_path;
  bool wait, json;
  struct eddy_cmd_input input;
  struct erasure *erasures;
  size_t count;
  struct sent *sent; /* of all of them */
  struct eddy_cmd_client reader;
  struct eddy_cmd_reading reading;
  struct eddy_topics topics;
  struct eddy_output_reader *receipts;
  struct eddy_buffer line;
};

/* Users ---------------------------------------------------------------------------------------------------------------------*/

/* RFC 9562, version 4. */
static int make_uuid(char text[UUID_TEXT + 1]) {
  uint8_t bytes[16];
  if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) return -1;
  bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40);
  bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
  size_t length = 0;
  for (size_t i = 0; i < sizeof(bytes); i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text[length++] = '-';
    snprintf(text + length, 3, "%02x", bytes[i]);
    length += 2;
  }
  return 0;
}

static struct eddy_event event_of(const struct erasure *erasure) {
  struct eddy_event event = eddy_event_empty;
  event.type = EDDY_USER_ERASED;
  event.user_id = erasure->user_id;
  event.event_time = eddy_clock_wall();
  event.event_id = (struct eddy_str){erasure->event_id, UUID_TEXT};
  event.source = EDDY_STR("eddy forget");
  return event;
}

static int read_users(struct forget *forget, char **argv, int count) {
  if (count == 0) return eddy_cmd_misuse(argv[0], "whom?");
  forget->erasures = calloc((size_t)count, sizeof(*forget->erasures));
  if (!forget->erasures) return EX_OSERR;
  for (; forget->count < (size_t)count; forget->count++) {
    struct erasure *erasure = &forget->erasures[forget->count];
    const char *user = argv[optind + (int)forget->count];
    size_t length = strlen(user);
    erasure->user_id = (struct eddy_str){user, (uint32_t)(length > UINT32_MAX ? UINT32_MAX : length)};
    if (make_uuid(erasure->event_id) != 0) return EX_OSERR;
    struct eddy_event event = event_of(erasure);
    int error = eddy_event_check(&event);
    if (error) return eddy_cmd_misuse(argv[0], "`%s` is no user: %s", user, eddy_event_error_text(error));
  }
  return 0;
}

static int read_options(int argc, char **argv, struct forget *forget) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                          {"wait", no_argument, NULL, 'w'},
                                          {"json", no_argument, NULL, 'J'},
                                          {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:J", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    if (option == 'c') forget->config_path = optarg;
    if (option == 'w') forget->wait = true;
    if (option == 'J') forget->json = true;
  }
  return read_users(forget, argv, argc - optind);
}

/* Receipts ------------------------------------------------------------------------------------------------------------------*/

static int refuse(const char *what, const char *why) {
  fprintf(stderr, "eddy forget: %s: %s\n", what, why);
  return EX_UNAVAILABLE;
}

/* From where each partition ends now, so that no receipt is missed. */
static int start_reading(struct forget *forget, const char *topic, int32_t partitions) {
  rd_kafka_resp_err_t error = eddy_cmd_reading_open(&forget->reading, forget->reader.kafka, topic);
  for (int32_t i = 0; i < partitions && !error; i++) {
    int64_t end;
    error = eddy_kafka_offset_ask(forget->reader.kafka, topic, i, RD_KAFKA_OFFSET_END, &end, EDDY_CMD_REACH_MS);
    if (!error) error = eddy_cmd_reading_start(&forget->reading, i, end);
  }
  return error ? refuse(topic, eddy_cmd_client_why(&forget->reader, error)) : 0;
}

static int open_receipts(struct forget *forget, const struct eddy_config *config) {
  char why[512] = "out of memory";
  int32_t found[EDDY_TOPIC_ALL];
  if (eddy_topics_init(&forget->topics, config) != 0 || eddy_output_reader_new(&forget->receipts, EDDY_OUTPUT_RECEIPT) != 0 ||
      eddy_cmd_client_open(&forget->reader, config, EDDY_KAFKA_READER, why, sizeof(why)) != 0) {
    refuse("receipts", why);
    return EX_CONFIG;
  }
  const char *topic = forget->topics.names[EDDY_OUTPUT_RECEIPT];
  rd_kafka_resp_err_t error = eddy_topics_survey(&forget->topics, forget->reader.kafka, EDDY_CMD_REACH_MS, found);
  if (error) return refuse(config->kafka.brokers, eddy_cmd_client_why(&forget->reader, error));
  if (found[EDDY_OUTPUT_RECEIPT] == 0) return refuse(topic, "does not exist; `eddy topics create` makes it");
  return start_reading(forget, topic, found[EDDY_OUTPUT_RECEIPT]);
}

static struct erasure *erasure_of(struct forget *forget, const char *event_id) {
  for (size_t i = 0; event_id && i < forget->count; i++) {
    if (strcmp(forget->erasures[i].event_id, event_id) == 0) return &forget->erasures[i];
  }
  return NULL;
}

/* True if the record is a receipt that was waited for. Outputs of an input partition are in the partition of the same number.
 */
static bool take_receipt(struct forget *forget, const rd_kafka_message_t *message) {
  forget->line.size = 0;
  if (message->err || eddy_output_reader_json(forget->receipts, message->payload, message->len, &forget->line) != 0)
    return false;
  json_t *json = json_loadb((const char *)forget->line.data, forget->line.size, 0, NULL);
  struct erasure *erasure = erasure_of(forget, json_string_value(json_object_get(json, "event_id")));
  bool ours = erasure && message->partition < forget->input.partitions && !erasure->sent[message->partition].done;
  if (ours) {
    erasure->sent[message->partition].done = true;
    erasure->known = erasure->known || json_is_true(json_object_get(json, "had_profile"));
  }
  json_decref(json);
  return ours;
}

static bool is_done(const struct forget *forget, const struct erasure *erasure) {
  bool done = true;
  for (int32_t i = 0; i < forget->input.partitions; i++) done = done && erasure->sent[i].done;
  return done;
}

static void say_unknown(const struct forget *forget) {
  for (size_t i = 0; i < forget->count; i++) {
    const struct erasure *erasure = &forget->erasures[i];
    if (is_done(forget, erasure) && !erasure->known)
      fprintf(stderr, "eddy forget: nothing was known of %s in any partition\n", erasure->user_id.data);
  }
}

static int await_receipts(struct forget *forget) {
  size_t events = forget->count * (size_t)forget->input.partitions, missing = events;
  int64_t until = eddy_clock_mono() + RECEIPT_WAIT_MS;
  while (missing > 0 && eddy_clock_mono() < until) {
    rd_kafka_message_t *message = eddy_cmd_reading_next(&forget->reading, POLL_MS);
    rd_kafka_poll(forget->reader.kafka, 0);
    if (!message) continue;
    if (take_receipt(forget, message)) missing--;
    rd_kafka_message_destroy(message);
  }
  say_unknown(forget);
  if (missing == 0) return EX_OK;
  fprintf(stderr,
          "eddy forget: no receipt of %zu of %zu within 30 s; the events stand on %s and will be carried out once `eddy run` "
          "reads them\n",
          missing, events, forget->input.topic);
  return EX_TEMPFAIL;
}

/* The work ------------------------------------------------------------------------------------------------------------------*/

/* `waited`: with what the receipts say. */
static void print_erasure(const struct forget *forget, const struct erasure *erasure, bool waited) {
  struct eddy_cmd_json line;
  bool done = is_done(forget, erasure);
  eddy_cmd_json_begin(&line);
  eddy_json_key(&line.out, "user_id");
  eddy_json_string(&line.out, erasure->user_id);
  eddy_cmd_json_text(&line, "event_id", erasure->event_id);
  eddy_json_key(&line.out, "offsets");
  eddy_json_open(&line.out, '[');
  for (int32_t i = 0; i < forget->input.partitions; i++) eddy_json_integer(&line.out, erasure->sent[i].delivery.offset);
  eddy_json_close(&line.out, ']');
  if (waited) eddy_cmd_json_bool(&line, "receipt", done);
  if (waited && (done || erasure->known)) eddy_cmd_json_bool(&line, "had_profile", erasure->known);
  if (waited && !done && !erasure->known) eddy_cmd_json_text(&line, "had_profile", NULL);
  eddy_cmd_json_end(&line);
}

/* Of whom all events have arrived. */
static void print_all(const struct forget *forget, bool waited) {
  for (size_t i = 0; i < forget->count; i++) {
    bool arrived = true;
    for (int32_t p = 0; p < forget->input.partitions; p++) arrived = arrived && forget->erasures[i].sent[p].delivery.arrived;
    if (arrived) print_erasure(forget, &forget->erasures[i], waited);
  }
  fflush(stdout);
}

static int send_all(struct forget *forget) {
  size_t partitions = (size_t)forget->input.partitions;
  int code = 0;
  forget->sent = calloc(forget->count * partitions, sizeof(*forget->sent));
  if (!forget->sent) return EX_OSERR;
  for (size_t i = 0; i < forget->count; i++) forget->erasures[i].sent = &forget->sent[i * partitions];
  for (size_t i = 0; i < forget->count * partitions && code == 0; i++) {
    struct eddy_event event = event_of(&forget->erasures[i / partitions]);
    code = eddy_cmd_input_send(&forget->input, &event, (int32_t)(i % partitions), &forget->sent[i].delivery);
  }
  int flushed = eddy_cmd_input_flush(&forget->input);
  return code ? code : flushed;
}

static int run(struct forget *forget, const struct eddy_config *config) {
  int code = forget->wait ? open_receipts(forget, config) : 0;
  if (code == 0) code = eddy_cmd_input_open(&forget->input, config);
  if (code) return code;
  code = send_all(forget);
  bool wait = forget->wait && code == 0, later = wait && forget->json;
  if (!later) print_all(forget, false);
  if (wait) code = await_receipts(forget);
  if (later) print_all(forget, true);
  return code;
}

int eddy_cmd_forget(int argc, char **argv) {
  struct forget forget = {.input = {.command = "forget"}};
  struct eddy_config config;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &forget);
  if (code == 0) {
    eddy_buffer_init(&forget.line, NULL);
    code = eddy_config_load(&config, forget.config_path, stderr) == 0 ? run(&forget, &config) : EX_CONFIG;
    eddy_cmd_reading_close(&forget.reading);
    eddy_cmd_client_close(&forget.reader);
    eddy_cmd_input_close(&forget.input);
    eddy_output_reader_free(forget.receipts);
    eddy_topics_fini(&forget.topics);
    eddy_buffer_fini(&forget.line);
    eddy_config_free(&config);
  }
  free(forget.sent);
  free(forget.erasures);
  return code;
}
