/* /api/users/ID: asks all workers, and waits for their answers without holding anybody up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/status_parts.h"
#include "source/kafka_partition.h"

enum { PATIENCE_MS = 3000 };

struct inquiry {
  struct eddy_question *question;
  int64_t asked_at; /* monotonic */
};

/* Which partition a user's events lie in is up to those who produce them; these are the usual two. */
static json_t *likely_partitions(struct eddy_str user, int32_t partitions) {
  return json_pack("{s:i, s:i}", "murmur2", eddy_kafka_partition_java(user, partitions), "crc32",
                   eddy_kafka_partition_librdkafka(user, partitions));
}

static void describe_nowhere(char *text, size_t size, const struct eddy_question_result *result) {
  if (result->restoring > 0) {
    snprintf(text, size, "none of the partitions here knows this user; the state of %zu is still being restored",
             result->restoring);
  } else {
    snprintf(text, size, "none of the %zu partitions here knows this user%s", result->partition_count,
             result->partition_count < (size_t)result->input_partitions ? ": ask the instance that has the others" : "");
  }
}

static void put_nowhere(struct eddy_http_reply *reply, struct eddy_str user, const struct eddy_question_result *result) {
  char text[160];
  json_t *partitions = json_array();
  for (size_t i = 0; i < result->partition_count; i++) json_array_append_new(partitions, json_integer(result->partitions[i]));
  describe_nowhere(text, sizeof(text), result);
  json_t *likely = result->input_partitions > 0 ? likely_partitions(user, result->input_partitions) : json_null();
  eddy_status_put(reply, 404,
                  json_pack("{s:s, s:s, s:I, s:o, s:o}", "error", "unknown_user", "message", text, "restoring",
                            (json_int_t)result->restoring, "partitions", partitions, "likely_partition", likely));
}

static enum eddy_http_more more(void *ctx, struct eddy_http_reply *reply) {
  struct inquiry *inquiry = ctx;
  struct eddy_question_result result = eddy_question_result(inquiry->question);
  if (result.state == EDDY_QUESTION_FOUND) {
    reply->type = "application/json";
    if (eddy_buffer_append(&reply->body, result.text->data, result.text->size) != 0) reply->status = 500;
  } else if (result.state == EDDY_QUESTION_NOWHERE) {
    put_nowhere(reply, eddy_question_user(inquiry->question), &result);
  } else if (eddy_clock_mono() - inquiry->asked_at > PATIENCE_MS) {
    eddy_status_put_error(reply, 504, "busy", "a worker did not answer in time: it may be waiting for a broker, see /readyz");
  } else {
    return EDDY_HTTP_WAIT;
  }
  return EDDY_HTTP_END;
}

static void drop(void *ctx) {
  struct inquiry *inquiry = ctx;
  eddy_question_leave(inquiry->question);
  free(inquiry);
}

static void nudge(void *ctx) {
  eddy_http_nudge(ctx);
}

static struct inquiry *inquire(struct eddy_status *status, struct eddy_str user) {
  struct inquiry *inquiry = calloc(1, sizeof(*inquiry));
  if (!inquiry) return NULL;
  inquiry->asked_at = eddy_clock_mono();
  inquiry->question = eddy_question_new(user, eddy_pipeline_workers(status->pipeline), nudge, status->http);
  if (inquiry->question) return inquiry;
  free(inquiry);
  return NULL;
}

void eddy_status_user(struct eddy_status *status, struct eddy_str name, struct eddy_http_reply *reply) {
  char user[EDDY_QUESTION_USER_MAX];
  int size = eddy_http_percent_decode(name, user, sizeof(user));
  if (size <= 0) {
    eddy_status_put_error(reply, 400, "bad_user",
                          "a user id has 1 to 255 bytes, percent-encoded where they are no letters or digits");
    return;
  }
  struct inquiry *inquiry = inquire(status, (struct eddy_str){user, (uint32_t)size});
  if (!inquiry) {
    reply->status = 500;
    return;
  }
  eddy_pipeline_ask(status->pipeline, inquiry->question);
  reply->more = more;
  reply->gone = drop;
  reply->ctx = inquiry;
}
