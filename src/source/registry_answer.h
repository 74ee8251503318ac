/* What a schema registry's HTTP answer means. Pure; hostile bytes: strict JSON, bounded texts. */
#ifndef EDDY_SOURCE_REGISTRY_ANSWER_H
#define EDDY_SOURCE_REGISTRY_ANSWER_H

#include "source/registry_client.h"

struct eddy_registry_reply {
  long status; /* HTTP */
  const char *body;
  size_t size;
  bool too_large; /* the body was cut */
};

/* The forms of a good answer. */
enum eddy_registry_form { EDDY_REGISTRY_SCHEMA, EDDY_REGISTRY_ID, EDDY_REGISTRY_COMPATIBLE };

/* Fills everything of the answer but the address in `why`. */
void eddy_registry_judge(const struct eddy_registry_reply *reply, enum eddy_registry_form form,
                         struct eddy_registry_answer *answer);

#endif
