/* The configuration that a seed runs under. */
#ifndef EDDY_SIM_PROTOCOL_WORLD_H
#define EDDY_SIM_PROTOCOL_WORLD_H

struct sim;

/* Draws rates, partitions, what time does at the end of the input, models. */
void world_draw(struct sim *sim);
/* Frees what all seeds share. */
void world_fini(void);

#endif
