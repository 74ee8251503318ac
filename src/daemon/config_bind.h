/* From the tree to the struct: walks a mapping by the rows of its section, stores what is right and reports what is not.
 * Shared by the main file, the lists (config_features.c, config_triggers.c) and the keys with a form of their own.
 */
#ifndef EDDY_DAEMON_CONFIG_BIND_H
#define EDDY_DAEMON_CONFIG_BIND_H

#include "daemon/config_table.h"

/* A mapping being read: where its values go and where they stand. */
struct eddy_config_scope {
  const struct eddy_config_section *section;
  void *base;
  char where[40];                                              /* "kafka", "features[2]"; "" at the top level */
  const struct eddy_config_node *node;                         /* the mapping, NULL if the file has none */
  const struct eddy_config_node *values[EDDY_CONFIG_KEYS_MAX]; /* by row; NULL: not given, or not usable */
};

struct eddy_config_binder {
  struct eddy_config *config;
  struct eddy_config_report *report;
  const char *folder;                                  /* of the file, or NULL */
  bool whole;                                          /* the file was read to its end: what is missing is missing */
  struct eddy_config_scope scopes[EDDY_SECTION_COUNT]; /* of the sections that are mappings */
};

/* Reads a mapping (or null: nothing) into scope->base. */
void eddy_config_bind_map(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                          const struct eddy_config_node *node);
/* Reads the whole file's tree. */
void eddy_config_bind_root(struct eddy_config_binder *binder, const struct eddy_config_node *root);

/* True if the node is a list to read; false for null (keep the defaults), and after a report for anything else. */
bool eddy_config_enter_list(struct eddy_config_binder *binder, const char *name, const struct eddy_config_node *node);

/* The value given for a key of the scope's section, NULL if there is none. */
const struct eddy_config_node *eddy_config_given(const struct eddy_config_scope *scope, const char *key);

/* Reports about a key: "`key` in where: ...". The place is the node's, or the mapping's if node is NULL. */
void eddy_config_wrong(struct eddy_config_binder *binder, const struct eddy_config_scope *scope, const char *key,
                       const struct eddy_config_node *node, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The text of a scalar that may be used; NULL after a report (not a scalar, empty), or silently if it is broken. */
const char *eddy_config_scalar(struct eddy_config_binder *binder, const struct eddy_config_scope *scope, const char *key,
                               const struct eddy_config_node *node);
/* What a message may show of a scalar: as the file has it, never what was filled in. */
const char *eddy_config_shown(const struct eddy_config_node *node, char text[64]);

/* One scalar by its row into *value (milliseconds, bytes, number); ranges and `none` included. False after a report. */
bool eddy_config_number(struct eddy_config_binder *binder, const struct eddy_config_scope *scope,
                        const struct eddy_config_key *key, const struct eddy_config_node *node, int64_t *value);

/* Where a name may stand, a list may stand: the first of the values, and how many. */
struct eddy_config_values {
  const struct eddy_config_node *next; /* NULL: no more */
  bool list;
};
struct eddy_config_values eddy_config_values_of(const struct eddy_config_node *node);
const struct eddy_config_node *eddy_config_values_next(struct eddy_config_values *values);

/* Replaces an owned text by a copy; NULL text clears it. Reports when memory is short. */
void eddy_config_replace(struct eddy_config_binder *binder, char **owned, const char *text);

/* Lists and keys with a form of their own. */
void eddy_config_bind_features(struct eddy_config_binder *binder, const struct eddy_config_node *list);
void eddy_config_bind_triggers(struct eddy_config_binder *binder, const struct eddy_config_node *list);
void eddy_config_set_waits(struct eddy_config_binder *, struct eddy_config_scope *, const struct eddy_config_key *,
                           const struct eddy_config_node *);
void eddy_config_set_brokers(struct eddy_config_binder *, struct eddy_config_scope *, const struct eddy_config_key *,
                             const struct eddy_config_node *);
void eddy_config_set_path(struct eddy_config_binder *, struct eddy_config_scope *, const struct eddy_config_key *,
                          const struct eddy_config_node *);
void eddy_config_set_registry(struct eddy_config_binder *, struct eddy_config_scope *, const struct eddy_config_key *,
                              const struct eddy_config_node *);
void eddy_config_set_start(struct eddy_config_binder *, struct eddy_config_scope *, const struct eddy_config_key *,
                           const struct eddy_config_node *);
void eddy_config_set_properties(struct eddy_config_binder *, struct eddy_config_scope *, const struct eddy_config_key *,
                                const struct eddy_config_node *);
void eddy_config_set_redis_url(struct eddy_config_binder *, struct eddy_config_scope *, const struct eddy_config_key *,
                               const struct eddy_config_node *);
void eddy_config_set_at_end(struct eddy_config_binder *, struct eddy_config_scope *, const struct eddy_config_key *,
                            const struct eddy_config_node *);
void eddy_config_set_publish_after(struct eddy_config_binder *, struct eddy_config_scope *, const struct eddy_config_key *,
                                   const struct eddy_config_node *);

void eddy_config_set_listen(struct eddy_config_binder *, struct eddy_config_scope *, const struct eddy_config_key *,
                            const struct eddy_config_node *);

/* The way back of keys with a form of their own (config_put_forms.c). _string: an owned text, whatever its form; _url: the same
 * without its password, _urls: several. */
bool eddy_config_put_string(const struct eddy_config_key *key, const void *base, FILE *out);
bool eddy_config_put_url(const struct eddy_config_key *key, const void *base, FILE *out);
bool eddy_config_put_urls(const struct eddy_config_key *key, const void *base, FILE *out);
bool eddy_config_put_seed(const struct eddy_config_key *key, const void *base, FILE *out);
bool eddy_config_put_start(const struct eddy_config_key *key, const void *base, FILE *out);
bool eddy_config_put_properties(const struct eddy_config_key *key, const void *base, FILE *out);
bool eddy_config_put_at_end(const struct eddy_config_key *key, const void *base, FILE *out);
bool eddy_config_put_publish_after(const struct eddy_config_key *key, const void *base, FILE *out);
bool eddy_config_put_waits(const struct eddy_config_key *key, const void *base, FILE *out);
bool eddy_config_put_listen(const struct eddy_config_key *key, const void *base, FILE *out);
/* Owned texts, one of which may be hidden in part when it is shown. */
bool eddy_config_same_text(const struct eddy_config_key *key, const void *one, const void *other);
/* A librdkafka property whose value is never shown. */
bool eddy_config_property_is_secret(const char *name);
/* Has a meaning for this fold. */
bool eddy_config_feature_takes(enum eddy_fold fold, const char *key);

/* Texts with a form. NULL, or what was expected. */
const char *eddy_config_check_app(const char *text);
const char *eddy_config_check_instance(const char *text);
const char *eddy_config_check_topic(const char *text);
const char *eddy_config_check_currency(const char *text);
const char *eddy_config_check_secret(const char *text);
const char *eddy_config_check_token(const char *text);
const char *eddy_config_check_user(const char *text);
const char *eddy_config_check_password(const char *text);

/* Rules about more than one key. */
void eddy_config_check_rules(struct eddy_config_binder *binder);

#endif
