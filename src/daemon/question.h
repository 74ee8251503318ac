/* A question about one user, put to all workers at once by somebody who must not wait for them, and answered by the one that
 * has the user. Asker and workers share it: it is counted, and goes with the last of them.
 *
 * A worker looks into its mailbox every 50 ms; while it waits for a broker it does not. Any thread.
 */
#ifndef EDDY_DAEMON_QUESTION_H
#define EDDY_DAEMON_QUESTION_H

#include <pthread.h>

#include "base/memory.h"

enum { EDDY_QUESTION_USER_MAX = 255, EDDY_MAILBOX_MAX = 64 };

struct eddy_question;

/* The asker's; `user_id` of 1 to 255 bytes is copied. `settled` (may be NULL) is called once the question is no longer OPEN,
 * from the thread that answered, which holds a lock: it must only pass the word on. NULL if memory is short. */
struct eddy_question *eddy_question_new(struct eddy_str user_id, uint32_t workers, void (*settled)(void *ctx), void *ctx);
/* The asker does not want to be told any more, and gives the question up. */
void eddy_question_leave(struct eddy_question *question);
/* A worker gives it up. NULL is fine. */
void eddy_question_drop(struct eddy_question *question);
struct eddy_str eddy_question_user(const struct eddy_question *question);

/* A worker's answers, once each. found: takes the text's bytes over. */
void eddy_question_found(struct eddy_question *question, struct eddy_buffer *text);
/* Not here: `partitions` are ours and `restoring` of them not there yet, of `partition_count` of the input (0: not known). */
void eddy_question_not_here(struct eddy_question *question, const int32_t *partitions, size_t count, size_t restoring,
                            int32_t partition_count);

enum eddy_question_state { EDDY_QUESTION_OPEN, EDDY_QUESTION_FOUND, EDDY_QUESTION_NOWHERE };
/* The asker's view; what it points at stays as it is once the state is not OPEN. */
struct eddy_question_result {
  enum eddy_question_state state;
  const struct eddy_buffer *text; /* FOUND */
  const int32_t *partitions;      /* NOWHERE: of all workers */
  size_t partition_count, restoring;
  int32_t input_partitions;
};
struct eddy_question_result eddy_question_result(struct eddy_question *question);

/* A worker's unanswered questions. */
struct eddy_mailbox {
  pthread_mutex_t lock;
  size_t count;
  struct eddy_question *questions[EDDY_MAILBOX_MAX];
};
void eddy_mailbox_init(struct eddy_mailbox *mailbox);
/* Drops what nobody took. */
void eddy_mailbox_fini(struct eddy_mailbox *mailbox);
/* Left out if the box is full of questions that somebody waits for: then it stays open. */
void eddy_mailbox_put(struct eddy_mailbox *mailbox, struct eddy_question *question);
/* The next one, to be dropped by the caller, or NULL. */
struct eddy_question *eddy_mailbox_take(struct eddy_mailbox *mailbox);

#endif
