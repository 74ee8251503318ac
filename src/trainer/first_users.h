/* The contributions before the first model: one vector per distinct user, the newest, with the sum of the user's weights. */
#ifndef EDDY_TRAINER_FIRST_USERS_H
#define EDDY_TRAINER_FIRST_USERS_H

#include "eddy/effect.h"

struct eddy_first_users {
  uint16_t dimensions;
  uint32_t count, capacity;
  uint64_t *users; /* [count] */
  double *weights; /* [count] */
  float *vectors;  /* [count][dimensions] */
  uint32_t *index; /* [2 * capacity] open addressing: row + 1, 0 = free */
};

void eddy_first_users_init(struct eddy_first_users *first, uint16_t dimensions);
void eddy_first_users_fini(struct eddy_first_users *first);
/* Room for `more` users; 0 or EDDY_E_NOMEM, then nothing has changed. */
int eddy_first_users_reserve(struct eddy_first_users *first, uint32_t more);
/* Takes in a delta for which there is room. */
void eddy_first_users_add(struct eddy_first_users *first, const struct eddy_model_delta *delta);

#endif
