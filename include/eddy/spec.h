/* What an engine computes: features, clustering parameters, segments and triggers, limits. A plain value, filled from the
 * configuration file by the shell or by hand by an embedding program, compiled and checked by eddy_spec_check().
 * Immutable while an engine uses it; several engines may share one. Exceptions, between two calls of the engine: a trigger's
 * mode among live and shadow, cooldown_ms, max_lateness_ms, expires_ms and priority; publish_after_ms, switch_margin,
 * evidence_min and sweep. They are looked at when something is decided and nowhere else: what was decided stays, what was folded
 * is the same, armed times and the fingerprint do not depend on them.
 */
#ifndef EDDY_SPEC_H
#define EDDY_SPEC_H

#include "eddy/event.h"

enum {
  EDDY_FEATURES_MAX = 64,
  EDDY_HALF_LIVES_MAX = 8,
  EDDY_TRIGGERS_MAX = 32,
  EDDY_STEPS_MAX = 4,
  EDDY_NAME_MAX = 63,  /* bytes of a feature, segment or trigger name: [a-z][a-z0-9_]* */
  EDDY_CLUSTERS_MAX = 256,
};

/* Set of event types, one bit each. */
typedef uint64_t eddy_event_mask;
#define EDDY_EVENT_BIT(type) (UINT64_C(1) << (type))

/* How a feature folds events into a number.
 *   COUNT  decayed number of events          (forward decay, Cormode et al., ICDE 2009)
 *   SUM    decayed sum of a value
 *   AGE    days since the newest event of the set; read-out at time t, +inf-free: `absent` days if there was none
 *   RATIO  read-out of `of` / read-out of `to`, 0 if the divisor is 0
 *   SHARE  of / (of + to), 0 if both are 0
 * Only COUNT and SUM own a decayed lane, AGE owns a time, the other two are computed at read-out. */
enum eddy_fold { EDDY_FOLD_COUNT, EDDY_FOLD_SUM, EDDY_FOLD_AGE, EDDY_FOLD_RATIO, EDDY_FOLD_SHARE };

/* What SUM adds up: money in the spec's currency (others are counted and skipped), or pieces of all items. */
enum eddy_value { EDDY_VALUE_MONEY, EDDY_VALUE_QUANTITY };

enum eddy_transform { EDDY_TRANSFORM_LOG1P, EDDY_TRANSFORM_NONE };

struct eddy_feature_spec {
  char name[EDDY_NAME_MAX + 1];
  enum eddy_fold fold;
  enum eddy_value value;       /* SUM only */
  enum eddy_transform transform; /* applied for the clustering vector */
  eddy_event_mask on;          /* COUNT, SUM, AGE */
  int64_t half_life_ms;        /* COUNT, SUM: 1 minute .. 10 years */
  uint16_t of, to;             /* RATIO, SHARE: positions of COUNT or SUM features */
  bool cluster;                /* part of the clustering vector */
};

enum eddy_trigger_kind { EDDY_TRIGGER_ABSENCE };
enum eddy_subject { EDDY_SUBJECT_USER, EDDY_SUBJECT_CART };
enum eddy_mode { EDDY_MODE_LIVE, EDDY_MODE_SHADOW, EDDY_MODE_OFF };
enum eddy_payload { EDDY_PAYLOAD_NONE, EDDY_PAYLOAD_CART };

/* An instance of a trigger kind. ABSENCE: an event of `after` at time a, then none of `after` or `without` of the same
 * subject in the open interval (a, a + wait_ms[step]), fires step at a + wait_ms[step]. */
struct eddy_trigger_spec {
  char name[EDDY_NAME_MAX + 1];
  enum eddy_trigger_kind kind;
  enum eddy_subject subject;
  enum eddy_mode mode;
  enum eddy_payload payload;
  eddy_event_mask after, without;
  int64_t wait_ms[EDDY_STEPS_MAX]; /* strictly ascending, step_count of them */
  uint8_t step_count;
  int64_t cooldown_ms;    /* 0 = none: least time between two fires of this trigger for one user */
  int64_t max_lateness_ms; /* INT64_MAX = none: published_at - due_at beyond it is suppressed as `too_late` */
  int64_t expires_ms;     /* 0 = none: carried as due + this */
  int32_t priority;
};

/* Limits of one profile. Each is counted in eddy_counters when it is hit. */
struct eddy_limits {
  uint16_t recent_ids;     /* event ids kept for deduplication, 0..64, default 8 */
  uint16_t cart_lines;     /* lines over all carts of a user, default 64 */
  uint16_t carts;          /* carts per user, default 8 */
  uint16_t viewed_items;   /* most recently viewed products kept, default 0 (off) .. 32 */
  uint16_t attributes;     /* attributes from profile_updated properties kept, default 16 */
  uint16_t armed_times;    /* event times kept per armed deadline, default 32 */
  uint16_t fired_marks;    /* fired marks kept per user, default 32 */
  uint32_t tail_bytes;     /* encoded variable part of a profile, default 16 KiB */
};

struct eddy_spec {
  struct eddy_feature_spec features[EDDY_FEATURES_MAX];
  uint16_t feature_count;
  struct eddy_trigger_spec triggers[EDDY_TRIGGERS_MAX];
  uint16_t trigger_count;
  struct eddy_limits limits;
  char currency[4];            /* ISO 4217, default "USD" */
  int64_t allowed_lateness_ms; /* default 10 s */
  int64_t idle_ttl_ms;         /* default 400 d; an event later than the user's last one + this starts afresh */
  int64_t cart_ttl_ms;         /* default 10 d */
  int64_t publish_after_ms;    /* deadlines before it are suppressed as `backfill`; EDDY_TIME_NONE = publish all */
  float switch_margin;         /* default 0.10: change cluster only past this share of the distance */
  float evidence_min;          /* default 3: weighted events before the first segment */
  bool sweep;                  /* idle sweep: every profile visited once per day of partition time; default true */
};

/* The specification that eddy uses when the configuration says nothing: the 32 default features, one trigger
 * cart_abandonment (1 h, subject cart, exits on order_completed and checkout_started, cooldown 24 h). */
void eddy_spec_default(struct eddy_spec *spec);

/* Checks every range and cross reference. 0, or EDDY_E_INVALID with a sentence in `why` (size bytes, may be NULL). */
int eddy_spec_check(const struct eddy_spec *spec, char *why, size_t size);

/* Whether the feature is an amount of money, in minor units of the spec's currency. */
static inline bool eddy_feature_is_money(const struct eddy_feature_spec *feature) {
  return feature->fold == EDDY_FOLD_SUM && feature->value == EDDY_VALUE_MONEY;
}

/* Number of dimensions of the clustering vector (features with cluster == true). */
uint16_t eddy_spec_dimensions(const struct eddy_spec *spec);

/* Position of the i-th clustering dimension among the features. */
uint16_t eddy_spec_dimension_feature(const struct eddy_spec *spec, uint16_t dimension);

/* Fingerprint of what a profile's bytes depend on (features, triggers, limits); snapshots carry it. */
uint64_t eddy_spec_fingerprint(const struct eddy_spec *spec);

#endif
