#include "daemon/question.h"

#include <stdlib.h>
#include <string.h>

struct eddy_question {
  pthread_mutex_t lock;
  uint32_t holders, waiting; /* waiting: workers that have not answered */
  char user[EDDY_QUESTION_USER_MAX];
  uint32_t user_size;
  bool found;
  struct eddy_buffer text;
  struct eddy_buffer partitions; /* int32_t */
  size_t restoring;
  int32_t input_partitions;
  void (*settled)(void *ctx);
  void *ctx;
  bool left; /* by its asker */
};

struct eddy_question *eddy_question_new(struct eddy_str user_id, uint32_t workers, void (*settled)(void *ctx), void *ctx) {
  struct eddy_question *question = user_id.len <= EDDY_QUESTION_USER_MAX ? calloc(1, sizeof(*question)) : NULL;
  if (!question) return NULL;
  pthread_mutex_init(&question->lock, NULL);
  eddy_buffer_init(&question->text, NULL);
  eddy_buffer_init(&question->partitions, NULL);
  memcpy(question->user, user_id.data, user_id.len);
  question->user_size = user_id.len;
  question->holders = 1;
  question->waiting = workers;
  question->settled = settled;
  question->ctx = ctx;
  return question;
}

static void hold(struct eddy_question *question) {
  pthread_mutex_lock(&question->lock);
  question->holders++;
  pthread_mutex_unlock(&question->lock);
}

void eddy_question_drop(struct eddy_question *question) {
  if (!question) return;
  pthread_mutex_lock(&question->lock);
  bool last = --question->holders == 0;
  pthread_mutex_unlock(&question->lock);
  if (!last) return;
  eddy_buffer_fini(&question->text);
  eddy_buffer_fini(&question->partitions);
  pthread_mutex_destroy(&question->lock);
  free(question);
}

void eddy_question_leave(struct eddy_question *question) {
  pthread_mutex_lock(&question->lock);
  question->settled = NULL;
  question->left = true;
  pthread_mutex_unlock(&question->lock);
  eddy_question_drop(question);
}

/* Under the lock, after an answer. */
static void tell(struct eddy_question *question) {
  if (!question->settled || (!question->found && question->waiting > 0)) return;
  question->settled(question->ctx);
  question->settled = NULL;
}

struct eddy_str eddy_question_user(const struct eddy_question *question) {
  return (struct eddy_str){question->user, question->user_size};
}

/* The first one counts: while a partition moves, two workers may have the user for a moment. */
void eddy_question_found(struct eddy_question *question, struct eddy_buffer *text) {
  pthread_mutex_lock(&question->lock);
  if (!question->found) {
    question->text = *text;
    eddy_buffer_init(text, NULL);
  }
  question->found = true;
  question->waiting--;
  tell(question);
  pthread_mutex_unlock(&question->lock);
}

void eddy_question_not_here(struct eddy_question *question, const int32_t *partitions, size_t count, size_t restoring,
                            int32_t partition_count) {
  pthread_mutex_lock(&question->lock);
  /* A list that is cut short for want of memory is still an answer. */
  if (!question->found && count > 0) (void)eddy_buffer_append(&question->partitions, partitions, count * sizeof(*partitions));
  question->restoring += restoring;
  if (partition_count > 0) question->input_partitions = partition_count;
  question->waiting--;
  tell(question);
  pthread_mutex_unlock(&question->lock);
}

struct eddy_question_result eddy_question_result(struct eddy_question *question) {
  struct eddy_question_result result = {.state = EDDY_QUESTION_OPEN};
  pthread_mutex_lock(&question->lock);
  if (question->found) {
    result = (struct eddy_question_result){.state = EDDY_QUESTION_FOUND, .text = &question->text};
  } else if (question->waiting == 0) {
    result = (struct eddy_question_result){.state = EDDY_QUESTION_NOWHERE,
                                           .partitions = (const int32_t *)(const void *)question->partitions.data,
                                           .partition_count = question->partitions.size / sizeof(int32_t),
                                           .restoring = question->restoring,
                                           .input_partitions = question->input_partitions};
  }
  pthread_mutex_unlock(&question->lock);
  return result;
}

/* Mailbox ------------------------------------------------------------------------------------------------------------------ */

void eddy_mailbox_init(struct eddy_mailbox *mailbox) {
  mailbox->count = 0;
  pthread_mutex_init(&mailbox->lock, NULL);
}

void eddy_mailbox_fini(struct eddy_mailbox *mailbox) {
  for (size_t i = 0; i < mailbox->count; i++) eddy_question_drop(mailbox->questions[i]);
  mailbox->count = 0;
  pthread_mutex_destroy(&mailbox->lock);
}

static bool is_left(struct eddy_question *question) {
  pthread_mutex_lock(&question->lock);
  bool left = question->left;
  pthread_mutex_unlock(&question->lock);
  return left;
}

/* A worker that waits for a broker takes nothing: those who asked have their own patience. */
static void drop_left(struct eddy_mailbox *mailbox) {
  size_t kept = 0;
  for (size_t i = 0; i < mailbox->count; i++) {
    if (is_left(mailbox->questions[i]))
      eddy_question_drop(mailbox->questions[i]);
    else
      mailbox->questions[kept++] = mailbox->questions[i];
  }
  mailbox->count = kept;
}

void eddy_mailbox_put(struct eddy_mailbox *mailbox, struct eddy_question *question) {
  pthread_mutex_lock(&mailbox->lock);
  drop_left(mailbox);
  if (mailbox->count < EDDY_MAILBOX_MAX) {
    hold(question);
    mailbox->questions[mailbox->count++] = question;
  }
  pthread_mutex_unlock(&mailbox->lock);
}

struct eddy_question *eddy_mailbox_take(struct eddy_mailbox *mailbox) {
  pthread_mutex_lock(&mailbox->lock);
  struct eddy_question *question = mailbox->count > 0 ? mailbox->questions[0] : NULL;
  if (question) memmove(mailbox->questions, mailbox->questions + 1, --mailbox->count * sizeof(mailbox->questions[0]));
  pthread_mutex_unlock(&mailbox->lock);
  return question;
}
