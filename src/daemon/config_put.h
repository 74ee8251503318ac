/* A value of the configuration back in the syntax of the file: what `eddy config show` and the reference print. The counterpart
 * of config_bind.h, from the same table. Writes to a stream and nothing else; any thread.
 */
#ifndef EDDY_DAEMON_CONFIG_PUT_H
#define EDDY_DAEMON_CONFIG_PUT_H

#include "daemon/config_table.h"

/* Stands for passwords and keys. */
#define EDDY_CONFIG_SECRET "(secret)"

/* The number that a COUNT, BYTES, DURATION, BOOL or ENUM stores in the struct at `base`. */
int64_t eddy_config_stored(const struct eddy_config_key *key, const void *base);
/* A number with the unit of its row. */
void eddy_config_put_number(const struct eddy_config_key *key, double value, FILE *out);
/* A text as a scalar: plain where that cannot be misread, else in double quotes; `${` comes out as `$${`. */
void eddy_config_put_text(const char *text, FILE *out);

/* The value of a key in the struct at `base`. False, and nothing written, if it has none or one that no file can say: then the
 * row's `fallback` describes it. */
bool eddy_config_put_value(const struct eddy_config_key *key, const void *base, FILE *out);
/* The same as a text of its own, NULL if there is none. Free it. */
char *eddy_config_text_of(const struct eddy_config_key *key, const void *base);
/* A feature of a specification in the form in which the file has it. */
struct eddy_feature_draft eddy_config_draft_of(const struct eddy_spec *spec, uint16_t position);

#endif
