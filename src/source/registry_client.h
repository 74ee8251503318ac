/* Questions to a schema registry over its REST API (Confluent's, which Karapace, Redpanda and Apicurio speak, too).
 *
 * Each call blocks until one of the addresses has answered or all have failed: at most 5 s per address. Several addresses are
 * the same registry: the one that answered last is asked first. Answers are limited to 2 MiB, must be JSON, and are never
 * trusted; redirections are not followed. One thread per client.
 */
#ifndef EDDY_SOURCE_REGISTRY_CLIENT_H
#define EDDY_SOURCE_REGISTRY_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EDDY_REGISTRY_SCHEMA_MAX = 1 << 20, EDDY_REGISTRY_URLS_MAX = 16 };

struct eddy_registry_client_options {
  const char *urls;            /* separated by commas, see source/registry_url.h */
  const char *user, *password; /* for addresses without their own; NULL: none */
  const char *ca_file;         /* PEM; NULL: the system's */
  const atomic_bool *stop;     /* set by another thread: the call in progress fails within about a second. NULL: never */
};

enum eddy_registry_result {
  EDDY_REGISTRY_FOUND,
  EDDY_REGISTRY_MISSING, /* the registry says in its own words that there is no such thing */
  EDDY_REGISTRY_REFUSED, /* it has understood, and refuses: incompatible, invalid, or nothing that we could use */
  EDDY_REGISTRY_AWAY,    /* it cannot be asked now: unreachable, overloaded, credentials refused, no registry at all */
};

struct eddy_registry_answer {
  enum eddy_registry_result result;
  uint32_t id;  /* of lookup and registration */
  char *schema; /* of eddy_registry_schema(); yours to free() */
  size_t size;
  const char *hint; /* AWAY: what to do; a constant */
  char why[384];    /* not FOUND: one sentence without control characters; AWAY names the address */
};

struct eddy_registry_client;
/* Asks nothing yet. 0, or -1 with a sentence in `why`. Options may go afterwards, except `stop`. */
int eddy_registry_client_open(struct eddy_registry_client **client, const struct eddy_registry_client_options *options,
                              char *why, size_t why_size);
void eddy_registry_client_close(struct eddy_registry_client *client);

/* The writer schema of an id. REFUSED: larger than 1 MiB. A schema that is not Avro or refers to others is FOUND; nothing that
 * parses Avro can use it. */
void eddy_registry_schema(struct eddy_registry_client *client, uint32_t id, struct eddy_registry_answer *answer);
/* The id of a schema under a subject (characters of a topic's name). */
void eddy_registry_lookup(struct eddy_registry_client *client, const char *subject, const char *schema,
                          struct eddy_registry_answer *answer);
/* Registers it, which changes nothing if it is there. REFUSED: incompatible with its predecessors, among others. */
void eddy_registry_register(struct eddy_registry_client *client, const char *subject, const char *schema,
                            struct eddy_registry_answer *answer);
/* The first, then the second if it is missing and may be added: whoever may only read can run, too, once the schemas are
 * there. */
void eddy_registry_obtain(struct eddy_registry_client *client, const char *subject, const char *schema, bool add,
                          struct eddy_registry_answer *answer);
/* FOUND: could be registered next to the newest version. MISSING: the subject has none yet. REFUSED: incompatible. */
void eddy_registry_compatible(struct eddy_registry_client *client, const char *subject, const char *schema,
                              struct eddy_registry_answer *answer);

#endif
