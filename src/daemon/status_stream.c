/* /api/triggers: each trigger as it is decided, as server-sent events (WHATWG HTML, "Server-sent events"). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/status_parts.h"
#include "daemon/user_json.h"

enum { BEGIN_MAX = EDDY_BOARD_RING, STILL_HERE_MS = 10000 };

struct stream {
  struct eddy_status *status;
  struct eddy_trigger_cursor cursor;
  bool begun;               /* whoever begins has missed nothing */
  uint64_t number, skipped; /* skipped: said so */
  int64_t said_at;          /* monotonic */
  size_t room;              /* for the rings of all workers */
  struct eddy_board_trigger triggers[];
};

static void put_text(struct eddy_buffer *out, const char *text) {
  /* No memory: the event is cut, and a reader of JSON passes it over. */
  (void)eddy_buffer_append(out, text, strlen(text));
}

/* Gives the document up. JSON has no line breaks of its own, so it is one `data` line. */
static void put_event(struct eddy_buffer *out, const char *event, json_t *data) {
  char *text = data ? json_dumps(data, JSON_COMPACT) : NULL;
  if (text) {
    put_text(out, "event: ");
    put_text(out, event);
    put_text(out, "\ndata: ");
    put_text(out, text);
    put_text(out, "\n\n");
  }
  free(text);
  json_decref(data);
}

/* The board's texts are cut at a number of bytes. */
static json_t *text_of(const char *text) {
  return eddy_json_text((struct eddy_str){text, (uint32_t)strlen(text)});
}

static json_t *trigger_of(const struct eddy_board_trigger *trigger) {
  char id[33];
  snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, trigger->trigger_id[0], trigger->trigger_id[1]);
  return json_pack("{s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "trigger_id", id, "trigger",
                   text_of(trigger->trigger), "user_id", text_of(trigger->user), "subject", text_of(trigger->subject), "due_at",
                   (json_int_t)trigger->due_at, "fired_at", (json_int_t)trigger->fired_at, "published_at",
                   (json_int_t)trigger->published_at, "value", (json_int_t)trigger->value, "currency",
                   text_of(trigger->currency), "cart", text_of(trigger->cart), "reason", text_of(trigger->reason));
}

/* One batch of a worker has one time: by due time within it. */
static int by_time(const void *left, const void *right) {
  const struct eddy_board_trigger *a = left, *b = right;
  if (a->published_at != b->published_at) return a->published_at < b->published_at ? -1 : 1;
  if (a->due_at != b->due_at) return a->due_at < b->due_at ? -1 : 1;
  return memcmp(a->trigger_id, b->trigger_id, sizeof(a->trigger_id));
}

/* All that there are, so that no worker waits for another; of the past, the newest. */
static void put_triggers(struct stream *stream, struct eddy_buffer *out) {
  size_t count = eddy_pipeline_triggers(stream->status->pipeline, &stream->cursor, stream->triggers, stream->room);
  qsort(stream->triggers, count, sizeof(stream->triggers[0]), by_time);
  for (size_t i = !stream->begun && count > BEGIN_MAX ? count - BEGIN_MAX : 0; i < count; i++) {
    char line[32];
    snprintf(line, sizeof(line), "id: %" PRIu64 "\n", ++stream->number);
    put_text(out, line);
    put_event(out, "trigger", trigger_of(&stream->triggers[i]));
  }
}

static void put_skipped(struct stream *stream, struct eddy_buffer *out) {
  if (!stream->begun) stream->skipped = stream->cursor.skipped;
  stream->begun = true;
  if (stream->cursor.skipped == stream->skipped) return;
  put_event(out, "skipped", json_pack("{s:I}", "count", (json_int_t)(stream->cursor.skipped - stream->skipped)));
  stream->skipped = stream->cursor.skipped;
}

static enum eddy_http_more more(void *ctx, struct eddy_http_reply *reply) {
  struct stream *stream = ctx;
  int64_t mono = eddy_clock_mono();
  put_triggers(stream, &reply->body);
  put_skipped(stream, &reply->body);
  if (reply->body.size == 0 && mono - stream->said_at >= STILL_HERE_MS) put_text(&reply->body, ": still here\n\n");
  if (reply->body.size > 0) stream->said_at = mono;
  return EDDY_HTTP_WAIT;
}

void eddy_status_stream(struct eddy_status *status, struct eddy_http_reply *reply) {
  size_t room = (size_t)EDDY_BOARD_RING * eddy_pipeline_workers(status->pipeline);
  struct stream *stream = calloc(1, sizeof(*stream) + room * sizeof(stream->triggers[0]));
  if (!stream) {
    reply->status = 500;
    return;
  }
  stream->status = status;
  stream->room = room;
  reply->type = "text/event-stream";
  reply->stream = true;
  reply->more = more;
  reply->gone = free;
  reply->ctx = stream;
}
