/* A worker answers what people ask about one user (daemon/question.h): in JSON, from its engines, on its own thread. */
#ifndef EDDY_DAEMON_ANSWER_H
#define EDDY_DAEMON_ANSWER_H

#include "daemon/worker_state.h"

/* Answers some questions of the mailbox, about a millisecond each, so that whoever asks much holds up nobody else; a moment if
 * there are none. */
void eddy_answer_questions(struct eddy_worker *worker);

#endif
