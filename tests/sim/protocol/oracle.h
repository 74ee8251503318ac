/* The engine that never crashes, and everything that must hold when all has come to rest. */
#ifndef EDDY_SIM_PROTOCOL_ORACLE_H
#define EDDY_SIM_PROTOCOL_ORACLE_H

#include <stdint.h>

struct sim;
struct eddy_partition;

/* The partition as its owner has it; NULL = nobody has. */
const struct eddy_partition *live_partition(const struct sim *sim, int partition);

/* The reference of one partition, fed with the whole input and the committed moves of time. */
struct oracle;
struct oracle *oracle_new(struct sim *sim, int partition);
void oracle_free(struct oracle *oracle);

/* From now on no write to Redis may go back. */
void watch_redis(struct sim *sim);
/* Compares; what is wrong goes to sim_violation(). */
void check_outputs(struct sim *sim, int partition, struct oracle *oracle);
void check_weights(struct sim *sim, int partition, struct oracle *oracle);
void check_state(struct sim *sim, int partition, struct oracle *oracle);
void check_redis(struct sim *sim, int partition);

#endif
