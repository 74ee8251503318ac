/* Consent of a user by e-mail events: email_unsubscribed, email_complained and a hard email_bounced end it, email_subscribed
 * brings it back. The newest of each is kept for good; what came before it only as long as a deadline may rest on it, so that
 * every question is answered as of its own time, whatever arrived since.
 *
 * Pure; O(EDDY_TAIL_CONSENT_MAX). Thread: whoever owns the engine.
 */
#ifndef EDDY_CORE_CONSENT_H
#define EDDY_CORE_CONSENT_H

#include "core/tail.h"

/* The types that may change consent. */
eddy_event_mask eddy_consent_mask(void);
/* Whether the event says that a person consents anew: the one thing that counts from an erased user. */
bool eddy_consent_given(const struct eddy_event *event);
/* Takes the event in, if it changes consent. */
void eddy_consent_fold(struct eddy_tail *tail, const struct eddy_event *event);
/* Drops what lies below the floor; call after everything that rests on it was updated. */
void eddy_consent_tidy(struct eddy_tail *tail);

/* Earliest end of consent later than `time`, INT64_MAX if none is known. */
int64_t eddy_consent_exit_after(const struct eddy_tail *tail, int64_t time);
/* Whether the user is without consent just before `time` > floor. At one instant the end of consent wins. */
bool eddy_consent_withdrawn(const struct eddy_tail *tail, int64_t time);

#endif
