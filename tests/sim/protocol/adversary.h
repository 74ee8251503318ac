/* Who acts next, what goes wrong, and how all comes to rest at the end. */
#ifndef EDDY_SIM_PROTOCOL_ADVERSARY_H
#define EDDY_SIM_PROTOCOL_ADVERSARY_H

struct sim;

void adversary_run(struct sim *sim);
/* Nothing goes wrong any more (but for one more crash of everybody, perhaps) until everything is read, committed and written.
 */
void adversary_drain(struct sim *sim);
/* Ends all processes. */
void adversary_end(struct sim *sim);

#endif
