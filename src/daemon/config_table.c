#include "daemon/config_table.h"

#include <string.h>

#include "base/logger.h"
#include "daemon/config_bind.h"

#define MEMBER(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define AT(member) MEMBER(struct eddy_config, member)
#define FEATURE(member) MEMBER(struct eddy_feature_draft, member)
#define TRIGGER(member) MEMBER(struct eddy_trigger_spec, member)
#define RANGE(low, high) .min = (double)(low), .max = (double)(high)
#define KEYS(rows) .keys = (rows), .count = sizeof(rows) / sizeof((rows)[0])

#define TEN_YEARS (3653 * EDDY_DAY_MS)
#define GIB (INT64_C(1) << 30)

static const char *const fold_names[] = {"count", "sum", "age", "ratio", "share", NULL};
static const char *const value_names[] = {"value", "quantity", NULL};
static const char *const transform_names[] = {"log1p", "none", NULL};
static const char *const kind_names[] = {"absence", NULL};
static const char *const subject_names[] = {"user", "cart_id", NULL};
static const char *const mode_names[] = {"live", "shadow", "off", NULL};
static const char *const payload_names[] = {"none", "cart", NULL};
static const char *const level_names[] = {"error", "warn", "info", "debug", NULL};
static const char *const format_names[] = {"logfmt", "json", NULL};

/* clang-format off: a row stays readable as a row. */
static const struct eddy_config_key top_keys[] = {
    {.name = "app", .type = EDDY_CONFIG_TEXT, AT(app), .check = eddy_config_check_app,
     .meaning = "name of this application: prefix of its topics and Redis keys, and the consumer group"},
    {.name = "instance", .type = EDDY_CONFIG_TEXT, AT(instance), .check = eddy_config_check_instance,
     .fallback = "the host name",
     .meaning = "name of this process, the same after a restart and different for each process of the application. An instance "
                "that is gone for good keeps its partitions until its Kafka session times out"},
    {.name = "workers", .type = EDDY_CONFIG_COUNT, AT(workers), RANGE(1, 64),
     .meaning = "threads that share the input partitions"},
    {.name = "seed", .type = EDDY_CONFIG_COUNT, AT(seed), .put = eddy_config_put_seed, .fallback = "from `app`",
     .meaning = "of hashing and sampling; must be the same in all instances"},
};

static const struct eddy_config_key kafka_keys[] = {
    {.name = "brokers", .type = EDDY_CONFIG_SPECIAL, AT(kafka.brokers), .set = eddy_config_set_brokers,
     .put = eddy_config_put_string,
     .form = "host:port, or a list of them", .meaning = "brokers to ask first"},
    {.name = "input", .type = EDDY_CONFIG_TEXT, AT(kafka.input), .check = eddy_config_check_topic, .fallback = "`<app>.events`",
     .meaning = "topic with the events"},
    {.name = "group", .type = EDDY_CONFIG_TEXT, AT(kafka.group), .check = eddy_config_check_topic, .fallback = "`<app>`",
     .meaning = "consumer group"},
    {.name = "schemas", .type = EDDY_CONFIG_SPECIAL, AT(kafka.schemas), .set = eddy_config_set_path,
     .put = eddy_config_put_string, .form = "path",
     .fallback = "none", .meaning = "folder of writer schemas named `<id>.avsc`, relative to this file; for events in Confluent "
                                    "framing without a registry, or ahead of it"},
    {.name = "start", .type = EDDY_CONFIG_SPECIAL, AT(kafka.start), .set = eddy_config_set_start,
     .put = eddy_config_put_start,
     .form = "earliest, latest or a time", .fallback = "earliest", .meaning = "where the application's first run begins"},
    {.name = "commit_interval", .type = EDDY_CONFIG_DURATION, AT(kafka.commit_interval_ms), RANGE(20, 10000), .unit = "ms",
     .live = true, .live_with = "properties", .meaning = "time between transactions: outputs are visible when their transaction is committed"},
    {.name = "create_topics", .type = EDDY_CONFIG_BOOL, AT(kafka.create_topics),
     .meaning = "create missing output topics at start"},
    {.name = "properties", .type = EDDY_CONFIG_SPECIAL, AT(kafka.properties), .set = eddy_config_set_properties,
     .put = eddy_config_put_properties,
     .form = "mapping", .fallback = "none",
     .meaning = "librdkafka's own properties under their own names, for both clients; with `consumer.` or `producer.` in front "
                "for one of them"},
};

static const struct eddy_config_key registry_keys[] = {
    {.name = "url", .type = EDDY_CONFIG_SPECIAL, AT(registry.url), .set = eddy_config_set_registry,
     .put = eddy_config_put_urls,
     .same = eddy_config_same_text, .form = "http[s]://[user:password@]host[:port][/path], or a list of them", .fallback = "none: no registry",
     .meaning = "where the registry is (Confluent's REST API); several addresses are the same one, the next is asked when one "
                "fails. Outputs are in Confluent framing then. Special characters in user and password as %XX"},
    {.name = "user", .type = EDDY_CONFIG_TEXT, AT(registry.user), .check = eddy_config_check_user, .fallback = "none",
     .meaning = "name for addresses that have none in them"},
    {.name = "password", .type = EDDY_CONFIG_TEXT, AT(registry.password), .check = eddy_config_check_password,
     .secret = true, .fallback = "none", .meaning = "its password, from `${file:...}` or `${VAR}`"},
    {.name = "ca_file", .type = EDDY_CONFIG_SPECIAL, AT(registry.ca_file), .set = eddy_config_set_path,
     .put = eddy_config_put_string, .form = "path", .fallback = "the system's",
     .meaning = "certificates (PEM) to trust for https, relative to this file"},
    {.name = "register", .type = EDDY_CONFIG_BOOL, AT(registry.add),
     .meaning = "register schemas of the outputs that are not there yet, as `<topic>-value`; false: they have to be there"},
};

static const struct eddy_config_key redis_keys[] = {
    {.name = "url", .type = EDDY_CONFIG_SPECIAL, AT(redis.url), .set = eddy_config_set_redis_url,
     .put = eddy_config_put_url,
     .same = eddy_config_same_text, .form = "redis://[user:password@]host[:port][/database] or unix:///path[?db=N]", .fallback = "none: no Redis",
     .meaning = "where Redis is; special characters in user and password as %XX"},
    {.name = "stream_max_length", .type = EDDY_CONFIG_COUNT, AT(redis.stream_max_length), RANGE(100, 100000000),
     .live = true, .meaning = "entries kept in each trigger stream (about)"},
    {.name = "buffer_max", .type = EDDY_CONFIG_BYTES, AT(redis.buffer_max), RANGE(1 << 20, 64 * GIB), .unit = "MiB",
     .live = true, .meaning = "memory for changes while Redis is away"},
};

static const struct eddy_config_key time_keys[] = {
    {.name = "allowed_lateness", .type = EDDY_CONFIG_DURATION, AT(spec.allowed_lateness_ms), RANGE(0, 30 * EDDY_DAY_MS),
     .unit = "s",
     .meaning = "how far out of order events may arrive; partition time is the newest event time minus this"},
    {.name = "at_end", .type = EDDY_CONFIG_SPECIAL, AT(time.at_end), .set = eddy_config_set_at_end,
     .put = eddy_config_put_at_end,
     .form = "wall, newest, hold or scaled(FACTOR)", .fallback = "wall (run), newest (replay)",
     .meaning = "how partition time moves on at the end of the input: with the wall clock, to the newest event, not at all, or "
                "FACTOR times as fast as the wall clock"},
    {.name = "publish_after", .type = EDDY_CONFIG_SPECIAL, AT(time.publish_after), .set = eddy_config_set_publish_after,
     .put = eddy_config_put_publish_after,
     .form = "a time, or none", .fallback = "the application's first start (run), none (replay, demo)",
     .meaning = "triggers that were due before it are suppressed as `backfill`"},
};

#define LIMIT(member, low, high) \
  .name = #member, .type = EDDY_CONFIG_COUNT, AT(spec.limits.member), RANGE(low, high)

static const struct eddy_config_key profile_keys[] = {
    {.name = "idle_ttl", .type = EDDY_CONFIG_DURATION, AT(spec.idle_ttl_ms), RANGE(EDDY_DAY_MS, TEN_YEARS), .unit = "d",
     .meaning = "a user without events for this long is forgotten"},
    {.name = "memory_max", .type = EDDY_CONFIG_BYTES, AT(memory_max), RANGE(16 << 20, 1024 * GIB), .none = "none",
     .unit = "MiB",
     .live = true, .meaning = "memory of all profiles of the process; a partition that would need more is paused"},
    {.name = "durable", .type = EDDY_CONFIG_BOOL, AT(state.keep),
     .meaning = "keep profiles in topic `<app>.profiles`, from which they are found again after a restart; false: they live in "
                "memory only and every start begins with none (benchmarks, trials)"},
    {.name = "flush_interval", .type = EDDY_CONFIG_DURATION, AT(state.flush_interval_ms),
     RANGE(EDDY_SECOND_MS, EDDY_HOUR_MS), .unit = "s",
     .meaning = "within this time every changed profile is written, if not earlier; events since then are read again after a "
                "crash"},
    {.name = "flush_events", .type = EDDY_CONFIG_COUNT, AT(state.flush_events), RANGE(1000, 1000000000),
     .meaning = "the same in events of a worker: bounds what a restart after a crash reads again"},
    {.name = "erasure_key", .type = EDDY_CONFIG_TEXT, AT(state.erasure_key), .check = eddy_config_check_secret,
     .secret = true, .fallback = "from `app`",
     .meaning = "secret under whose hash erased users are remembered, the same for ever; from `${file:...}` or `${VAR}`"},
    {.name = "currency", .type = EDDY_CONFIG_NAME, AT(spec.currency), .check = eddy_config_check_currency,
     .meaning = "currency that is summed up (ISO 4217); values in others are counted and skipped"},
    {.name = "cart_ttl", .type = EDDY_CONFIG_DURATION, AT(spec.cart_ttl_ms), RANGE(EDDY_MINUTE_MS, TEN_YEARS), .unit = "d",
     .meaning = "a cart without changes for this long is forgotten"},
    {LIMIT(recent_ids, 0, 64), .meaning = "event ids kept per user for deduplication"},
    {LIMIT(cart_lines, 1, 256), .meaning = "cart lines per user"},
    {LIMIT(carts, 1, 16), .meaning = "carts per user"},
    {LIMIT(viewed_items, 0, 32), .meaning = "most recently viewed products kept"},
    {LIMIT(attributes, 0, 64), .meaning = "attributes kept"},
    {LIMIT(armed_times, 1, 64), .meaning = "event times kept per armed deadline"},
    {LIMIT(fired_marks, 1, 64), .meaning = "fired marks kept per user"},
    {.name = "tail_bytes", .type = EDDY_CONFIG_BYTES, AT(spec.limits.tail_bytes), RANGE(1024, 56 * 1024), .unit = "KiB",
     .meaning = "variable part of a profile"},
};

static const struct eddy_config_key feature_keys[] = {
    {.name = "name", .type = EDDY_CONFIG_NAME, FEATURE(spec.name), .fallback = "required", .meaning = "name of the feature"},
    {.name = "on", .type = EDDY_CONFIG_EVENTS, FEATURE(spec.on), .fallback = "required for count, sum, age",
     .meaning = "event type, or a list of them"},
    {.name = "fold", .type = EDDY_CONFIG_ENUM, FEATURE(spec.fold), .choices = fold_names,
     .fallback = "count; sum if `value` is given",
     .meaning = "decayed number of events, decayed sum of their values, days since the newest, `of` / `to`, or "
                "`of` / (`of` + `to`)"},
    {.name = "value", .type = EDDY_CONFIG_ENUM, FEATURE(spec.value), .choices = value_names, .fallback = "value",
     .meaning = "what sum adds up: the event's value in `profile.currency`, or pieces of its items"},
    {.name = "half_life", .type = EDDY_CONFIG_DURATION, FEATURE(spec.half_life_ms), RANGE(EDDY_MINUTE_MS, TEN_YEARS),
     .unit = "d",
     .fallback = "required for count, sum", .meaning = "time after which an event counts half"},
    {.name = "of", .type = EDDY_CONFIG_NAME, FEATURE(of), .fallback = "required for ratio, share",
     .meaning = "name of a count or sum"},
    {.name = "to", .type = EDDY_CONFIG_NAME, FEATURE(to), .fallback = "required for ratio, share",
     .meaning = "name of a count or sum"},
    {.name = "cluster", .type = EDDY_CONFIG_BOOL, FEATURE(spec.cluster), .fallback = "false",
     .meaning = "part of the clustering vector"},
    {.name = "transform", .type = EDDY_CONFIG_ENUM, FEATURE(spec.transform), .choices = transform_names, .fallback = "log1p",
     .meaning = "applied to the clustering vector before it is standardised"},
};

static const struct eddy_config_key model_keys[] = {
    {.name = "segments", .type = EDDY_CONFIG_COUNT, AT(model.segments), RANGE(2, EDDY_CLUSTERS_MAX),
     .meaning = "number of cluster segments"},
    {.name = "half_life", .type = EDDY_CONFIG_DURATION, AT(model.half_life_ms), RANGE(EDDY_MINUTE_MS, TEN_YEARS), .unit = "d",
     .meaning = "time after which what the centroids learnt counts half"},
    {.name = "epoch", .type = EDDY_CONFIG_COUNT, AT(model.epoch), RANGE(10, 10000000),
     .meaning = "contributions per model version"},
    {.name = "buffer_min", .type = EDDY_CONFIG_COUNT, AT(model.buffer_min), RANGE(0, 10000000),
     .fallback = "max(4096, 64 * segments)",
     .meaning = "distinct users before the first model"},
    {.name = "train", .type = EDDY_CONFIG_BOOL, AT(model.train), .meaning = "train models; false: adopt those that appear"},
    {.name = "switch_margin", .type = EDDY_CONFIG_DECIMAL, AT(spec.switch_margin), RANGE(0, 0.99),
     .live = true, .meaning = "a user changes its segment only if another centroid is nearer by this share of the distance"},
    {.name = "evidence_min", .type = EDDY_CONFIG_DECIMAL, AT(spec.evidence_min), RANGE(0, 1e6),
     .live = true, .meaning = "weighted events before a user's first segment"},
    {.name = "sweep", .type = EDDY_CONFIG_BOOL, AT(spec.sweep), .live = true, .meaning = "visit idle users once a day"},
};

static const struct eddy_config_key trigger_keys[] = {
    {.name = "name", .type = EDDY_CONFIG_NAME, TRIGGER(name), .fallback = "required", .meaning = "name of the trigger"},
    {.name = "kind", .type = EDDY_CONFIG_ENUM, TRIGGER(kind), .choices = kind_names, .fallback = "absence",
     .meaning = "absence: an event of `after`, then neither `after` nor `without` for `for`"},
    {.name = "after", .type = EDDY_CONFIG_EVENTS, TRIGGER(after), .fallback = "required", .meaning = "event types that arm it"},
    {.name = "without", .type = EDDY_CONFIG_EVENTS, TRIGGER(without), .fallback = "none",
     .meaning = "event types that cancel it"},
    {.name = "for", .type = EDDY_CONFIG_SPECIAL, TRIGGER(wait_ms), RANGE(1, TEN_YEARS), .set = eddy_config_set_waits,
     .put = eddy_config_put_waits,
     .unit = "h",
     .form = "duration, or a list of up to 4", .fallback = "required",
     .meaning = "how long to wait; each further duration is a reminder"},
    {.name = "subject", .type = EDDY_CONFIG_ENUM, TRIGGER(subject), .choices = subject_names, .fallback = "user",
     .meaning = "what the events must have in common"},
    {.name = "payload", .type = EDDY_CONFIG_ENUM, TRIGGER(payload), .choices = payload_names, .fallback = "none",
     .meaning = "what the trigger carries"},
    {.name = "mode", .type = EDDY_CONFIG_ENUM, TRIGGER(mode), .choices = mode_names, .fallback = "live",
     .live = true, .live_but = "off", .meaning = "shadow: everything is decided, and suppressed with the reason `shadow`"},
    {.name = "cooldown", .type = EDDY_CONFIG_DURATION, TRIGGER(cooldown_ms), RANGE(0, TEN_YEARS), .none = "none", .unit = "h",
     .fallback = "none", .live = true, .meaning = "least time between two of the same user"},
    {.name = "max_lateness", .type = EDDY_CONFIG_DURATION, TRIGGER(max_lateness_ms), RANGE(0, TEN_YEARS), .none = "none",
     .none_value = INT64_MAX, .unit = "h", .fallback = "none",
     .live = true, .meaning = "published later than this after it was due: suppressed as `too_late`"},
    {.name = "expires", .type = EDDY_CONFIG_DURATION, TRIGGER(expires_ms), RANGE(0, TEN_YEARS), .none = "none", .unit = "h",
     .fallback = "none", .live = true, .meaning = "carried along: a sender should not act on it later than this after it was due"},
    {.name = "priority", .type = EDDY_CONFIG_COUNT, TRIGGER(priority), RANGE(-1000000, 1000000), .fallback = "0",
     .live = true, .meaning = "carried along: larger is more important"},
};

static const struct eddy_config_key http_keys[] = {
    {.name = "listen", .type = EDDY_CONFIG_SPECIAL, AT(http.listen), .set = eddy_config_set_listen,
     .put = eddy_config_put_listen,
     .form = "ADDRESS:PORT, or none",
     .meaning = "where run answers `/metrics`, `/healthz`, `/readyz`, `/api/...`: plain HTTP, so an address that is not on "
                "loopback belongs behind a proxy with TLS. A port that is taken ends run with code 69; left out, with a "
                "warning, if this key is not given"},
    {.name = "token", .type = EDDY_CONFIG_TEXT, AT(http.token), .check = eddy_config_check_token, .secret = true,
     .fallback = "none: personal data on loopback only",
     .meaning = "secret that opens personal data (`/api/users`, `/api/triggers`), sent as `Authorization: Bearer`; without one "
                "they are answered on a loopback address only. At least 16 printable ASCII characters without spaces, from "
                "`${file:...}` or `${VAR}`"},
};

static const struct eddy_config_key log_keys[] = {
    {.name = "level", .type = EDDY_CONFIG_ENUM, AT(log.level), .choices = level_names,
     .live = true, .meaning = "least important messages that are written"},
    {.name = "format", .type = EDDY_CONFIG_ENUM, AT(log.json), .choices = format_names,
     .meaning = "form of the lines on standard error"},
};

const struct eddy_config_section eddy_config_sections[EDDY_SECTION_COUNT] = {
    [EDDY_SECTION_TOP] = {.name = "", .meaning = "", KEYS(top_keys)},
    [EDDY_SECTION_KAFKA] = {.name = "kafka", .meaning = "where events come from and outputs go to", KEYS(kafka_keys)},
    [EDDY_SECTION_REGISTRY] = {.name = "registry", .meaning = "a schema registry, for events and outputs in Confluent framing",
                               KEYS(registry_keys)},
    [EDDY_SECTION_REDIS] = {.name = "redis", .meaning = "the view for senders and services", KEYS(redis_keys)},
    [EDDY_SECTION_TIME] = {.name = "time", .meaning = "event time", KEYS(time_keys)},
    [EDDY_SECTION_PROFILE] = {.name = "profile", .meaning = "what is kept per user, and its limits", KEYS(profile_keys)},
    [EDDY_SECTION_FEATURES] = {.name = "features", .meaning = "numbers kept per user; replaces the 32 built-in features",
                               KEYS(feature_keys), .list = true},
    [EDDY_SECTION_MODEL] = {.name = "model", .meaning = "cluster segments", KEYS(model_keys)},
    [EDDY_SECTION_TRIGGERS] = {.name = "triggers", .meaning = "replaces the built-in trigger cart_abandonment; `[]` = none",
                               KEYS(trigger_keys), .list = true},
    [EDDY_SECTION_HTTP] = {.name = "http", .meaning = "metrics and health over HTTP", KEYS(http_keys)},
    [EDDY_SECTION_LOG] = {.name = "log", .meaning = "messages of the process", KEYS(log_keys)},
};

/* clang-format on */
int eddy_config_defaults(struct eddy_config *config) {
  *config = (struct eddy_config){.workers = 1};
  eddy_spec_default(&config->spec);
  config->app = strdup("eddy");
  config->kafka.brokers = strdup("localhost:9092");
  config->kafka.start = EDDY_START_EARLIEST;
  config->kafka.start_time = EDDY_TIME_NONE;
  config->kafka.commit_interval_ms = 100;
  config->kafka.create_topics = true;
  config->state.keep = true;
  config->state.flush_interval_ms = 30 * EDDY_SECOND_MS;
  config->state.flush_events = 4000000;
  config->registry.add = true;
  config->redis.stream_max_length = 100000;
  config->redis.buffer_max = 64 << 20;
  config->time.at_end = EDDY_AT_END_WALL;
  config->time.scale = 1;
  config->time.publish_after = EDDY_TIME_NONE;
  config->model.segments = 16;
  config->model.half_life_ms = 7 * EDDY_DAY_MS;
  config->model.epoch = 2000;
  config->model.train = true;
  config->http.listen = strdup("127.0.0.1:8377");
  config->log.level = EDDY_LOG_INFO;
  return config->app && config->kafka.brokers && config->http.listen ? 0 : -1;
}
