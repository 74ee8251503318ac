/* What differs between the configuration that runs and one that was read anew: every key of the table, item by item in the two
 * lists. Texts are those of `eddy config show`: secrets are never shown.
 *
 * A difference is live if its key's row says so and nothing that it depends on differs: a trigger's mode only while the trigger
 * is the same in all that is not live, and the list in names and order (positions stand in profiles and outputs). Then `at` is
 * where the value is in struct eddy_config, a plain value without pointers.
 *
 * Memory: a few texts per key. Any thread, as long as nobody changes the two.
 */
#ifndef EDDY_DAEMON_CONFIG_DIFF_H
#define EDDY_DAEMON_CONFIG_DIFF_H

#include "daemon/config_table.h"

struct eddy_config_change {
  char key[200]; /* "kafka.commit_interval", "triggers.cart_abandonment.mode" */
  const char *from, *to;
  bool live;
  size_t at, size; /* live: of the value, in both */
};

typedef void (*eddy_config_change_fn)(void *ctx, const struct eddy_config_change *change);

/* Calls back for each difference, in the order of the table; `change` is valid during the call. */
void eddy_config_diff(const struct eddy_config *running, const struct eddy_config *fresh, eddy_config_change_fn call,
                      void *ctx);

/* Takes the value of one live difference over. */
void eddy_config_take(struct eddy_config *to, const struct eddy_config *fresh, const struct eddy_config_change *change);
/* Takes over whatever is live, and touches nothing else: other threads may read the rest meanwhile. Both have the same lists.
 */
void eddy_config_take_live(struct eddy_config *to, const struct eddy_config *from);

#endif
