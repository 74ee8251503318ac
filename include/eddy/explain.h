/* What an engine knows about one user, and why it decided as it did: for people who ask, not for the path of events.
 *
 * Everything is read out at one time, `now` = partition time, or the user's newest event if that is later. Distances, verdict
 * and what is pending come out of the same functions that decide, so that nothing is explained that would not happen.
 */
#ifndef EDDY_EXPLAIN_H
#define EDDY_EXPLAIN_H

#include "eddy/engine.h"

enum {
  EDDY_EXPLAINED_TIMES = 7,
  EDDY_EXPLAINED_CARTS_MAX = 16,
  EDDY_EXPLAINED_LINES_MAX = 256,
  EDDY_EXPLAINED_PENDING_MAX = 192, /* one per step, trigger and subject; more only while late events may still come */
  EDDY_EXPLAINED_DECIDED_MAX = 384,
};

/* Days after now for which features are projected, ascending, the first is 0. */
extern const uint16_t eddy_explained_days[EDDY_EXPLAINED_TIMES];

/* Why the user is in its segment, or in none. */
enum eddy_verdict {
  EDDY_VERDICT_FORGOTTEN, /* nothing but consent is kept: the user was away for longer than the idle TTL */
  EDDY_VERDICT_NO_MODEL,  /* nothing was trained yet; a segment of before stays */
  EDDY_VERDICT_EVIDENCE,  /* no segment: too few events */
  EDDY_VERDICT_NEAREST,   /* in the nearest segment */
  EDDY_VERDICT_MARGIN,    /* another one is nearer, but not by the margin */
  EDDY_VERDICT_WAITS,     /* the next event or the idle sweep brings a change, if nothing else does before */
};

struct eddy_explained_distance {
  uint32_t id;
  uint16_t slot;  /* of the model */
  bool current;   /* the user's segment */
  float distance; /* not squared, standardised units */
};

struct eddy_explained_feature {
  float values[EDDY_EXPLAINED_TIMES]; /* natural units at now + eddy_explained_days[i], if nothing more happens */
  bool has_z;                         /* clustered, and there is a model */
  float z;                            /* deviations from the average user at now, without the dimension's weight */
};

struct eddy_explained_cart {
  struct eddy_str cart_id; /* empty: the default cart */
  int64_t value;           /* minor units */
  struct eddy_str currency;
  uint16_t first_line, line_count;
};

/* A deadline that will be decided if nothing more happens. */
struct eddy_explained_pending {
  uint16_t trigger; /* position in the spec */
  uint8_t step;
  struct eddy_str subject; /* cart id; empty for the default cart and for subject user */
  int64_t armed_at, due_at;
  enum eddy_event_type armed_by;
  enum eddy_suppression outcome; /* EDDY_SUPPRESS_NONE: it fires */
};

/* A mark of what was decided. */
struct eddy_explained_decided {
  uint16_t trigger;
  uint8_t step;
  bool fired;              /* or would have, but for shadow mode; false: suppressed */
  struct eddy_str subject; /* absent: of a cart that nothing else is known of */
  int64_t due_at;
};

enum eddy_standing {
  EDDY_STANDING_OFF,     /* switched off */
  EDDY_STANDING_PENDING, /* a deadline waits */
  EDDY_STANDING_EMPTIED, /* one would, but the cart it is about is empty */
  EDDY_STANDING_ONCE,    /* begun again, but by a cart that has had its trigger; it counts anew cart_ttl after that */
  EDDY_STANDING_ENDED,   /* begun, and ended by something else before it was due */
  EDDY_STANDING_DECIDED, /* nothing that would begin it since the last decision */
  EDDY_STANDING_UNSEEN,  /* nothing that would begin it is on record */
};

/* How a trigger stands. What is long past is known only as far as features and carts tell: times may be too old, not wrong. */
struct eddy_explained_trigger {
  enum eddy_standing standing;
  int64_t due_at;           /* PENDING, EMPTIED, ONCE: the earliest such deadline; else EDDY_TIME_NONE */
  struct eddy_str subject;  /* of that deadline */
  int64_t decided_due;      /* due time of the newest decision, or EDDY_TIME_NONE */
  bool decided_fired;       /* and what came of it */
  int64_t cooldown_until;   /* later than now, or EDDY_TIME_NONE */
  int64_t seen_at;          /* newest event of `after`, or EDDY_TIME_NONE: none, or not known when */
  int64_t ended_at;         /* newest end not before it, or EDDY_TIME_NONE */
  eddy_event_mask ended_by; /* one of these; 0: consent was withdrawn */
};

/* About 60 KB, the caller's. Strings are views into the engine, valid until it is called again. */
struct eddy_explanation {
  struct eddy_str user_id;
  int64_t now;                   /* EDDY_TIME_NONE: no event was ever seen by an engine that knows a consent */
  int64_t first_seen, last_seen; /* EDDY_TIME_NONE if FORGOTTEN */
  bool has_segment;
  uint32_t segment;
  int64_t segment_since;
  float evidence; /* weight of all events, against spec.evidence_min */
  enum eddy_verdict verdict;
  const struct eddy_model *model;                                    /* the engine's, or NULL */
  struct eddy_explained_distance distances[EDDY_CLUSTERS_MAX];       /* ascending, ties in the order of slots */
  struct eddy_explained_feature features[EDDY_FEATURES_MAX];         /* in the spec's order */
  struct eddy_explained_cart carts[EDDY_EXPLAINED_CARTS_MAX];        /* those with something in them, ascending by id */
  struct eddy_cart_line lines[EDDY_EXPLAINED_LINES_MAX];             /* cart by cart, newest addition first */
  struct eddy_explained_pending pending[EDDY_EXPLAINED_PENDING_MAX]; /* in the order in which they will be decided */
  struct eddy_explained_decided decided[EDDY_EXPLAINED_DECIDED_MAX]; /* newest due time first */
  struct eddy_explained_trigger triggers[EDDY_TRIGGERS_MAX];         /* in the spec's order */
  uint16_t distance_count, cart_count, line_count, pending_count, decided_count;
  uint16_t pending_left_out;              /* beyond EDDY_EXPLAINED_PENDING_MAX */
  int64_t unsubscribed_at, subscribed_at; /* newest of each, or EDDY_TIME_NONE */
  bool consent_withdrawn;                 /* as of now */
};

/* 0 or EDDY_E_NOT_FOUND. `published_at`: when something that is due would be published, as the argument `now` of the engine's
 * other calls (EDDY_TIME_NONE = partition time). Changes nothing but the engine's working memory, allocates nothing. Cost: that
 * of some events. */
int eddy_engine_explain(const struct eddy_engine *engine, struct eddy_str user_id, int64_t published_at,
                        struct eddy_explanation *explanation);

#endif
