#include "daemon/answer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/user_json.h"
#include "daemon/user_text.h"

enum { ANSWERS_PER_TICK = 4, RECENT_SHOWN_MAX = 32, TEXT_ROOM = 2 * EDDY_SEGMENT_LABEL_MAX + 64 };

/* What happened lately -------------------------------------------------------------------------------------------------- */

static void describe_change(const struct eddy_model *model, const struct eddy_recent_entry *entry, char text[TEXT_ROOM]) {
  char from[EDDY_SEGMENT_LABEL_MAX] = "", to[EDDY_SEGMENT_LABEL_MAX] = "";
  if (entry->has_from) eddy_segment_label(model, entry->from, from);
  if (entry->has_to) eddy_segment_label(model, entry->to, to);
  if (entry->has_from && entry->has_to)
    snprintf(text, TEXT_ROOM, "moved from %s to %s", from, to);
  else if (entry->has_to)
    snprintf(text, TEXT_ROOM, "came into %s, the first segment", to);
  else
    snprintf(text, TEXT_ROOM, "left %s", from);
}

static json_t *recent_entry(const struct eddy_worker *worker, const struct eddy_recent_entry *entry) {
  const char *kind = "segment_changed";
  char text[TEXT_ROOM];
  const char *trigger = worker->config->spec.triggers[entry->trigger].name;
  if (entry->kind == EDDY_SEGMENT_CHANGED) {
    describe_change(worker->model, entry, text);
  } else if (entry->kind == EDDY_TRIGGER_FIRED) {
    kind = "trigger_fired";
    snprintf(text, sizeof(text), "%s fired", trigger);
  } else {
    kind = "trigger_suppressed";
    snprintf(text, sizeof(text), "%s was held back: %s", trigger,
             eddy_suppression_name((enum eddy_suppression)entry->suppression));
  }
  return json_pack("{s:I, s:s, s:s}", "at", (json_int_t)entry->at, "kind", kind, "text", text);
}

static json_t *recent_of(const struct eddy_worker *worker, struct eddy_str user) {
  struct eddy_recent_entry entries[RECENT_SHOWN_MAX];
  size_t count = eddy_recent_of_user(worker->recent, user, entries, RECENT_SHOWN_MAX);
  json_t *recent = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(recent, recent_entry(worker, &entries[i]));
  return recent;
}

/* Answers ----------------------------------------------------------------------------------------------------------------- */

/* The partition that has the user, if it is here. */
static struct eddy_partition *home_of(const struct eddy_worker *worker, struct eddy_str user,
                                      struct eddy_explanation *explanation) {
  for (int32_t i = 0; i < worker->partition_count; i++) {
    struct eddy_partition *partition = eddy_worker_live(worker, i);
    if (partition && eddy_engine_explain(partition->engine, user, eddy_clock_wall(), explanation) == 0) return partition;
  }
  return NULL;
}

static void answer_not_here(const struct eddy_worker *worker, struct eddy_question *question) {
  int32_t partitions[EDDY_BOARD_PARTITIONS];
  size_t count = 0, restoring = 0;
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (!worker->partitions[i]) continue;
    if (count < EDDY_BOARD_PARTITIONS) partitions[count++] = i;
    if (worker->partitions[i]->state != EDDY_PARTITION_LIVE) restoring++;
  }
  eddy_question_not_here(question, partitions, count, restoring, worker->partition_count);
}

/* 0, or -1 if memory is short. */
static int write_answer(const struct eddy_worker *worker, const struct eddy_partition *partition,
                        const struct eddy_explanation *explanation, struct eddy_buffer *text) {
  json_t *document = eddy_user_json(explanation, &partition->spec, partition->id);
  if (!document) return -1;
  json_object_set_new(document, "recent", recent_of(worker, explanation->user_id));
  char *bytes = json_dumps(document, EDDY_USER_JSON_FLAGS);
  int error = bytes ? eddy_buffer_append(text, bytes, strlen(bytes)) : -1;
  if (!error) error = eddy_buffer_append(text, "\n", 1);
  free(bytes);
  json_decref(document);
  return error;
}

static void answer(const struct eddy_worker *worker, struct eddy_question *question, struct eddy_explanation *explanation) {
  struct eddy_partition *partition = home_of(worker, eddy_question_user(question), explanation);
  if (!partition) {
    answer_not_here(worker, question);
    return;
  }
  struct eddy_buffer text;
  eddy_buffer_init(&text, NULL);
  /* Without memory the question stays open: the asker has its own patience. */
  if (write_answer(worker, partition, explanation, &text) == 0) eddy_question_found(question, &text);
  eddy_buffer_fini(&text);
}

void eddy_answer_questions(struct eddy_worker *worker) {
  struct eddy_question *question = eddy_mailbox_take(&worker->mailbox);
  struct eddy_explanation *explanation = question ? malloc(sizeof(*explanation)) : NULL;
  for (int i = 0; question; question = ++i < ANSWERS_PER_TICK ? eddy_mailbox_take(&worker->mailbox) : NULL) {
    if (explanation) answer(worker, question, explanation);
    eddy_question_drop(question);
  }
  free(explanation);
}
