/* The configuration: one YAML file, every section and key optional. One table (daemon/config_table.h) drives parsing, range
 * checks, `eddy config reference` and the hints for typos; cross-field rules are rows, too.
 */
#ifndef EDDY_DAEMON_CONFIG_H
#define EDDY_DAEMON_CONFIG_H

#include <stdio.h>

#include "daemon/config_report.h"
#include "eddy/spec.h"

enum eddy_at_end { EDDY_AT_END_WALL, EDDY_AT_END_NEWEST, EDDY_AT_END_HOLD, EDDY_AT_END_SCALED };
enum eddy_start { EDDY_START_EARLIEST, EDDY_START_LATEST, EDDY_START_TIME };

/* One librdkafka property, passed through under its own name. */
struct eddy_property_setting {
  char *name, *value;
  int line; /* in the configuration file, for messages when librdkafka refuses it */
};

struct eddy_config {
  char *path;       /* of the file, or NULL: built-in defaults */
  char *app;        /* [a-z0-9._-]{1,64}, default "eddy": prefix of topics, keys and the group */
  uint32_t workers; /* 1..64, default 1 */
  char *instance;   /* default the host name; transactional.id and group.instance.id derive from it */

  struct {
    char *brokers;              /* default "localhost:9092" */
    char *input;                /* input topic, default "<app>.events" */
    char *group;                /* default app */
    char *schemas;              /* folder of writer schemas, or NULL; relative ones are joined to the file's folder */
    enum eddy_start start;      /* where a first run begins, default earliest */
    int64_t start_time;         /* EDDY_START_TIME */
    int64_t commit_interval_ms; /* 20 ms .. 10 s, default 100 ms */
    bool create_topics;         /* create missing output topics at start, default true */
    struct eddy_property_setting *properties; /* both clients; `consumer.` / `producer.` prefix = that client only */
    size_t property_count;
  } kafka;

  struct {
    char *url;                  /* redis://[user:password@]host:port[/db], unix:///path; NULL = no Redis */
    uint32_t stream_max_length; /* MAXLEN ~ of the trigger streams, default 100,000 */
    uint64_t buffer_max;        /* bytes of changes kept while Redis is away, default 64 MiB */
  } redis;

  struct {
    char *url;             /* of a schema registry, or several separated by commas; NULL = none */
    char *user, *password; /* for addresses without their own, or NULL */
    char *ca_file;         /* PEM, or NULL: the system's; relative ones are joined to the file's folder */
    bool add;              /* registry.register: schemas of the outputs that are not there yet, default true */
  } registry;

  struct {
    enum eddy_at_end at_end; /* default wall (run), newest (replay) */
    bool at_end_set;
    double scale;           /* EDDY_AT_END_SCALED: event time runs this much faster than the wall clock */
    bool publish_after_set; /* else: the application's first start (run), none (replay, demo) */
    int64_t publish_after;
  } time; /* allowed_lateness is in the spec */

  struct {
    bool keep; /* profile.durable, default true: state is kept in topic <app>.profiles and found again */
    int64_t flush_interval_ms, flush_events; /* of one lap over the profiles; events per worker */
    char *erasure_key; /* secret under which erased users are remembered, NULL = derived from the app's name */
    bool offsets_from_profiles, accept_loss; /* run's options: what a recovery may do without */
  } state;

  uint64_t memory_max; /* profile.memory_max, bytes over all partitions of the process; 0 = none */
  uint64_t seed;       /* of hashing and sampling; default from the app's name, so that instances agree */

  struct {
    uint16_t segments;    /* k, 2..256, default 16 */
    int64_t half_life_ms; /* default 7 d */
    uint32_t epoch;       /* contributions per version, default 2000 */
    uint32_t buffer_min;  /* distinct users before the first model; 0 = max(4096, 64 k) */
    bool train;           /* default true */
  } model;

  struct {
    char *listen;    /* ADDRESS:PORT, default 127.0.0.1:8377; NULL = none */
    bool listen_set; /* else: a port that is taken is a warning, not an end */
    char *token;     /* what personal data is told to (Authorization: Bearer); NULL = none: on loopback only */
  } http;

  struct {
    int level; /* enum eddy_log_level, default info */
    bool json; /* default logfmt */
  } log;

  struct eddy_spec spec; /* features, triggers, limits, lateness ... */
};

/* Loads and checks a file (NULL: defaults only). Every error found is written to `errors` (may be NULL) as
 *   FILE:LINE:COLUMN: error: what is wrong
 *     the line
 *        ^ hint
 * Returns the number of errors; 0 = the configuration may be used. Free it in both cases. */
int eddy_config_load(struct eddy_config *config, const char *path, FILE *errors);
/* The same from memory; `name` stands in messages. */
int eddy_config_parse(struct eddy_config *config, const char *name, const char *text, size_t size, FILE *errors);
/* The same for a file, with the errors left in the report, which the caller initialises before and frees. */
int eddy_config_read(struct eddy_config *config, const char *path, struct eddy_config_report *report);
void eddy_config_free(struct eddy_config *config);

/* `eddy config show`: every key of the table with its value, as a file that means the same; passwords and keys are replaced. */
void eddy_config_show(const struct eddy_config *config, FILE *out);

/* `eddy config reference`: every key with type, default, range and meaning, as Markdown. */
void eddy_config_reference(FILE *out);

#endif
