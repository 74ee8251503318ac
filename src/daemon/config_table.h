/* The table behind the configuration: one row per key. It drives parsing, range checks, the hints for typos, `eddy config
 * reference` and `eddy config show`. To add a key: a member of struct eddy_config and a row in config_table.c.
 */
#ifndef EDDY_DAEMON_CONFIG_TABLE_H
#define EDDY_DAEMON_CONFIG_TABLE_H

#include "daemon/config.h"
#include "daemon/config_doc.h"

enum eddy_config_type {
  EDDY_CONFIG_TEXT,     /* char *, checked by `check` */
  EDDY_CONFIG_NAME,     /* char[EDDY_NAME_MAX + 1]: [a-z][a-z0-9_]* */
  EDDY_CONFIG_COUNT,    /* whole number of `size` bytes */
  EDDY_CONFIG_BYTES,    /* unsigned of `size` bytes */
  EDDY_CONFIG_DURATION, /* int64_t, ms */
  EDDY_CONFIG_DECIMAL,  /* float or double */
  EDDY_CONFIG_BOOL,
  EDDY_CONFIG_ENUM,    /* position in `choices`, stored in `size` bytes */
  EDDY_CONFIG_EVENTS,  /* eddy_event_mask: an event type or a list of them */
  EDDY_CONFIG_SPECIAL, /* `set` and `put` do everything */
  EDDY_CONFIG_TYPE_COUNT,
};

struct eddy_config_scope;
struct eddy_config_binder;
struct eddy_config_key;

/* Takes the value of a key whose form is its own; reports what is wrong itself. */
typedef void (*eddy_config_set_fn)(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                                   const struct eddy_config_key *key, const struct eddy_config_node *node);
/* Writes the value that the struct at `base` holds in the syntax of the file. False, and nothing written, if it has none. */
typedef bool (*eddy_config_put_fn)(const struct eddy_config_key *key, const void *base, FILE *out);
/* Whether two structs hold the same value. */
typedef bool (*eddy_config_same_fn)(const struct eddy_config_key *key, const void *one, const void *other);
/* NULL, or what was expected. */
typedef const char *(*eddy_config_check_fn)(const char *text);

struct eddy_config_key {
  const char *name;
  enum eddy_config_type type;
  uint16_t offset, size;      /* of the member in the section's base struct */
  double min, max;            /* both 0: any */
  const char *none;           /* a word that may stand instead of a value, NULL: no such word */
  int64_t none_value;         /* what it stores */
  const char *const *choices; /* ENUM: names in the order of the values, NULL at the end */
  eddy_config_check_fn check;
  eddy_config_set_fn set;
  eddy_config_put_fn put;   /* SPECIAL, and what else is not written as its type is */
  eddy_config_same_fn same; /* where `put` hides a part of the value; NULL: values are the same if their texts are */
  bool secret;              /* TEXT: never shown */
  bool live;            /* may change while eddy runs (daemon/reload.h): a plain value that workers take over between batches */
  const char *live_but; /* ENUM: ... but not from or to this choice */
  const char *live_with; /* ... as long as this key of the section stays as it is: a rule ties the two */
  const char *unit;      /* DURATION, BYTES: what a bare number probably meant */
  const char *form;      /* SPECIAL: its form, for the reference */
  const char *fallback;  /* default as text where the default configuration does not hold it */
  const char *meaning;
};

/* A section: a mapping at the top level, the top level itself (name ""), or the items of a list. */
struct eddy_config_section {
  const char *name, *meaning;
  const struct eddy_config_key *keys;
  size_t count;
  bool list; /* the keys are those of its items; offsets count from the item */
};

enum { EDDY_CONFIG_KEYS_MAX = 24 };

enum eddy_config_section_number {
  EDDY_SECTION_TOP,
  EDDY_SECTION_KAFKA,
  EDDY_SECTION_REGISTRY,
  EDDY_SECTION_REDIS,
  EDDY_SECTION_TIME,
  EDDY_SECTION_PROFILE,
  EDDY_SECTION_FEATURES,
  EDDY_SECTION_MODEL,
  EDDY_SECTION_TRIGGERS,
  EDDY_SECTION_HTTP,
  EDDY_SECTION_LOG,
  EDDY_SECTION_COUNT,
};
extern const struct eddy_config_section eddy_config_sections[EDDY_SECTION_COUNT];

/* One item of `features` while it is read: what the spec's form cannot hold yet. */
struct eddy_feature_draft {
  struct eddy_feature_spec spec;
  char of[EDDY_NAME_MAX + 1], to[EDDY_NAME_MAX + 1]; /* names; positions are known when all are read */
};

/* The built-in defaults, without what derives from other keys (NULL texts). 0, or -1 if memory is short. */
int eddy_config_defaults(struct eddy_config *config);

#endif
