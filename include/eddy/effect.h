/* Effects: what an engine decided, as plain values in a list that the caller owns. The shell decides where they go.
 *
 * Everything an effect points at lives in the list's own arena and stays valid until eddy_effects_clear(); the engine's
 * state may change or vanish meanwhile.
 */
#ifndef EDDY_EFFECT_H
#define EDDY_EFFECT_H

#include "eddy/spec.h"

enum eddy_effect_kind {
  EDDY_SEGMENT_CHANGED,    /* -> topic segment-changes, Redis */
  EDDY_TRIGGER_FIRED,      /* -> topic triggers, Redis */
  EDDY_TRIGGER_SUPPRESSED, /* -> topic suppressed */
  EDDY_PROFILE_ERASED,     /* -> receipts, Redis */
  EDDY_MODEL_DELTA,        /* -> topic model-delta; only from eddy_engine_take_delta() */
};

enum { EDDY_REASONS_MAX = 3, EDDY_CAUSES_MAX = 4, EDDY_SUBJECT_TEXT_MAX = 255 };

/* Why a user changed its cluster: the features that speak most for the new centroid against the old one.
 * contribution = (new - old) * (2 z - new - old) summed over all features = d2(old) - d2(new), exactly. */
struct eddy_segment_reason {
  uint16_t feature;   /* position in the spec */
  float value;        /* read-out in natural units (decayed count, money in minor units, days) */
  float z;            /* standardised */
  float contribution;
};

struct eddy_segment_changed {
  bool has_from, has_to; /* false = no segment: before the first one; after the idle TTL (eviction, or a new life) */
  uint32_t from, to;     /* segment ids */
  uint64_t model_version;
  int64_t event_time;    /* of the event, or of the sweep */
  float distance, runner_up; /* squared distances to `to` and to the second nearest centroid, standardised units */
  struct eddy_segment_reason reasons[EDDY_REASONS_MAX];
  uint8_t reason_count;
};

/* A cart line as it stood at the due time. */
struct eddy_cart_line {
  struct eddy_str product_id, name, category;
  int64_t price; /* minor units */
  int32_t quantity;
  bool has_price;
  int64_t added_at; /* newest addition, ms */
};

/* Why a trigger was held back; appears on the wire by its name. */
#define EDDY_SUPPRESSIONS(X)                                                             \
  X(NONE, "none", "not suppressed")                                                      \
  X(COOLDOWN, "cooldown", "the same trigger fired for this user within its cooldown")    \
  X(SHADOW, "shadow", "the trigger runs in shadow mode")                                 \
  X(BACKFILL, "backfill", "due before time.publish_after")                               \
  X(TOO_LATE, "too_late", "due longer ago than max_lateness")                            \
  X(UNSUBSCRIBED, "unsubscribed", "the user unsubscribed, complained or bounced hard")

enum eddy_suppression {
#define X(constant, name, sentence) EDDY_SUPPRESS_##constant,
  EDDY_SUPPRESSIONS(X)
#undef X
  EDDY_SUPPRESSION_COUNT
};
const char *eddy_suppression_name(enum eddy_suppression suppression);

/* A trigger that fired or was suppressed. */
struct eddy_trigger_fired {
  uint16_t trigger;          /* position in the spec */
  uint8_t step;              /* from 0 */
  enum eddy_suppression suppression;
  uint64_t trigger_id[2];    /* hash(user, trigger name, subject, step, due): the same for every replay */
  struct eddy_str subject;   /* cart id; empty for the default cart and for subject user */
  int64_t armed_at;          /* event time of the event that set the deadline */
  enum eddy_event_type armed_by;
  int64_t due_at;            /* armed_at + wait */
  int64_t fired_at;          /* partition time, >= due_at */
  int64_t published_at;      /* the argument `now` of the call, wall clock in the daemon */
  int64_t expires_at;        /* or EDDY_TIME_NONE */
  bool late;                 /* fired more than a minute after due + allowed lateness of partition time */
  struct eddy_str cause_event_ids[EDDY_CAUSES_MAX];
  uint8_t cause_count;
  /* payload: the cart of the subject (all carts for subject user) as of due_at */
  const struct eddy_cart_line *lines;
  uint16_t line_count;
  int64_t cart_value;        /* sum of price * quantity of priced lines, minor units */
  struct eddy_str currency;  /* of the newest priced line; absent if none */
};

/* Contributions to the trainer since the last take: raw (transformed, not standardised) vectors with weights. */
struct eddy_model_delta {
  int64_t newest_time;     /* newest contribution, ms */
  uint64_t offered;        /* contributions offered; count of them kept by a weighted reservoir */
  double offered_weight;   /* their total weight */
  uint16_t count;          /* <= EDDY_DELTA_VECTORS_MAX */
  uint16_t dimensions;
  const float *vectors;    /* [count][dimensions] */
  const float *weights;    /* [count]; if offered > count they are scaled so that they sum to offered_weight */
  const uint64_t *users;   /* [count] key hashes, so that a trainer can tell distinct users */
};
enum { EDDY_DELTA_VECTORS_MAX = 256 };

/* A user was erased on request: whatever was known of it is gone, and a marker keeps it away until consent is given anew. */
struct eddy_profile_erased {
  int64_t erased_at;        /* event time of the erasure; the newest one if there were several */
  bool had_profile;         /* false: there was nothing to drop */
  struct eddy_str event_id; /* of the erasure; absent if it has none */
};

struct eddy_effect {
  enum eddy_effect_kind kind;
  uint64_t number;          /* effect number of the engine, without gaps; deltas have one, too */
  struct eddy_str user_id;  /* absent for a delta */
  union {
    struct eddy_segment_changed segment;
    struct eddy_trigger_fired trigger;
    struct eddy_model_delta delta;
    struct eddy_profile_erased erased;
  } as;
};

/* The list. items[0..count) may be read directly; everything else through the functions. */
struct eddy_effects {
  struct eddy_effect *items;
  size_t count;
  /* private */
  size_t capacity;
  struct eddy_allocator allocator;
  struct eddy_arena_block *arena;
};

void eddy_effects_init(struct eddy_effects *effects, const struct eddy_allocator *allocator);
void eddy_effects_fini(struct eddy_effects *effects);
/* Forgets all effects, keeps the memory. */
void eddy_effects_clear(struct eddy_effects *effects);

#endif
