/* A schema registry beside a stream that must not wait for it: writer schemas by id, and the ids of our own outputs.
 *
 * Everything is asked on a thread of the registry's own. A question whose answer is not known yet is noted and answered
 * "retry"; the caller comes again. Schemas are kept for ever (ids are immutable; at most 10,000 of at most 1 MiB each); that
 * there is none for an id, for a minute. While the registry is away it is asked less and less often, at least every 10 s; that
 * is said once, and that it is back, too. Nothing that an absent registry could still answer is ever answered "there is none".
 *
 * Safe for any number of threads. Finding what is known costs tens of nanoseconds under a lock.
 */
#ifndef EDDY_SOURCE_SCHEMA_REGISTRY_H
#define EDDY_SOURCE_SCHEMA_REGISTRY_H

#include "base/logger.h"
#include "codec/event_decoder.h"
#include "source/registry_client.h"

enum { EDDY_REGISTRY_SUBJECTS_MAX = 16 };

/* A schema whose id we need in order to write. */
struct eddy_registry_subject {
  char name[256];
  const char *schema; /* its text; must outlive the registry */
};

struct eddy_schema_registry_options {
  struct eddy_registry_client_options client; /* without `stop` */
  const struct eddy_registry_subject *subjects;
  size_t subject_count;       /* up to EDDY_REGISTRY_SUBJECTS_MAX */
  bool add;                   /* register what is not there; false: it has to be there */
  int64_t wait_ms, minute_ms; /* first wait after a failure and life of a "none", 0 = 250 ms and 60 s; tests have no time */
  const struct eddy_logger *logger;
};

struct eddy_schema_registry;
/* Starts the thread, which looks up the subjects first. 0, or -1 with a sentence in `why`. */
int eddy_schema_registry_open(struct eddy_schema_registry **registry, const struct eddy_schema_registry_options *options,
                              char *why, size_t why_size);
/* Waits for the thread, about a second at most. No source may be in use any more. */
void eddy_schema_registry_close(struct eddy_schema_registry *registry);

/* find_id never blocks on the network; its texts live as long as the registry. find_fingerprint knows nothing. */
struct eddy_schema_source eddy_schema_registry_source(struct eddy_schema_registry *registry);

enum eddy_registry_ids { EDDY_REGISTRY_IDS_READY, EDDY_REGISTRY_IDS_WAIT, EDDY_REGISTRY_IDS_REFUSED };
/* READY: ids[] has one per subject. REFUSED, for good: a subject is missing and may not be added, or is incompatible; a
 * sentence in `why`. */
enum eddy_registry_ids eddy_schema_registry_ids(struct eddy_schema_registry *registry, uint32_t *ids, char *why,
                                                size_t why_size);

struct eddy_registry_stats {
  bool away;                 /* the last question had no answer */
  uint64_t answered, failed; /* questions, ever */
  uint64_t schemas;          /* kept */
};
struct eddy_registry_stats eddy_schema_registry_stats(struct eddy_schema_registry *registry);

#endif
