#include "daemon/end_clock.h"

void eddy_end_clock_reached(struct eddy_end_clock *clock, int64_t mono, int64_t wall, int64_t newest) {
  if (clock->state != EDDY_END_REACHED) {
    clock->anchor_event = newest;
    clock->anchor_wall = wall;
  }
  clock->state = EDDY_END_REACHED;
  clock->told = mono;
}

void eddy_end_clock_moved(struct eddy_end_clock *clock) { clock->state = EDDY_END_READING; }

void eddy_end_clock_doubt(struct eddy_end_clock *clock) {
  if (clock->state == EDDY_END_REACHED) clock->state = EDDY_END_UNSURE;
}

bool eddy_end_clock_probe_due(struct eddy_end_clock *clock, int64_t mono) {
  if (clock->state == EDDY_END_READING) return false;
  int64_t last = clock->asked > clock->told ? clock->asked : clock->told;
  if (mono - last < EDDY_END_PROBE_MS) return false;
  clock->asked = mono;
  return true;
}

int64_t eddy_end_clock_time(struct eddy_end_clock *clock, const struct eddy_end_rule *rule, int64_t mono, int64_t wall,
                            int64_t newest) {
  if (mono - clock->told > EDDY_END_LEASE_MS) eddy_end_clock_doubt(clock);
  if (clock->state != EDDY_END_REACHED) return EDDY_TIME_NONE;
  switch (rule->at_end) {
    case EDDY_AT_END_WALL:
      return wall - rule->lateness_ms;
    case EDDY_AT_END_NEWEST:
      return newest;
    case EDDY_AT_END_SCALED:
      if (clock->anchor_event == EDDY_TIME_NONE) return EDDY_TIME_NONE;
      return clock->anchor_event + (int64_t)((double)(wall - clock->anchor_wall) * rule->scale) - rule->lateness_ms;
    case EDDY_AT_END_HOLD:
      break;
  }
  return EDDY_TIME_NONE;
}
