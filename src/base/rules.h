/* Two things that tests need inside the recovery protocol, and that cost nothing elsewhere:
 *
 * EDDY_RULE(name)  true. In a build with EDDY_BREAKABLE a test may switch a rule off, to show that its absence is noticed.
 * EDDY_POINT(name) nothing. In such a build a test may kill the process there, or let another one go on.
 *
 * Numbers are the rules of the recovery protocol, see src/store/README.md.
 */
#ifndef EDDY_BASE_RULES_H
#define EDDY_BASE_RULES_H

#define EDDY_RULES(X)                                                                                  \
  X(REPLAY_ONLY_FOLDS, "24: a replay decides nothing")                                                 \
  X(REPLAY_SKIPS_INCLUDED, "24: an event that its profile's record includes is not folded again")      \
  X(CONTRIBUTION_IN_FOLD, "1: last_contribution is part of the fold")                                  \
  X(WRITE_OUTPUTS_NOW, "3: a profile with an output is written in the same commit")                    \
  X(WRITE_SWEPT_NOW, "3: a profile that changed without an event is written in the same commit")       \
  X(EVICT_AFTER_REPLAY_FROM, "5: eviction waits until replay_from has passed the last event")          \
  X(IDS_IN_RECORD, "6: recent event ids are part of the record")                                       \
  X(ERASED_MARKER, "7: an erased user leaves a marker")                                                \
  X(CONSENT_WRITES, "7: new consent writes the new profile at once")                                   \
  X(TIME_IN_AGGREGATE, "8: partition time is part of the aggregate")                                   \
  X(OFFSETS_ALWAYS, "15: every transaction carries offset and sequence, moved or not")                 \
  X(CLEAN_AFTER_COMMIT, "16: clean only when the commit is known to have succeeded")                   \
  X(ASK_BACK, "18: an unknown outcome is resolved by the committed sequence")                          \
  X(WAIT_FOR_SEQUENCE, "22: the changelog is read until the committed sequence was seen")              \
  X(REPLAYED_IS_DIRTY, "25: after a replay the hand stands at replay_from, not at the position")       \
  X(REDIS_RESENDS, "26: what Redis has not acknowledged is written again")                             \
  X(REDIS_VERSION, "26: versions in Redis are commit sequences, not positions")                        \
  X(STANDBY_BY_SEQUENCE, "27: a standby is reused by sequence, not by position")

enum eddy_rule {
#define X(name, text) EDDY_RULE_##name,
  EDDY_RULES(X)
#undef X
  EDDY_RULE_COUNT
};

#ifdef EDDY_BREAKABLE
extern unsigned eddy_rules_off; /* a bit per rule */
void eddy_point(const char *name);
#define EDDY_RULE(name) ((eddy_rules_off & (1u << EDDY_RULE_##name)) == 0)
#define EDDY_POINT(name) eddy_point(name)
#else
#define EDDY_RULE(name) true
#define EDDY_POINT(name) ((void)0)
#endif

#endif
