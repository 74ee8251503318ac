#include "source/registry_answer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char hint_path[] = "is the path in registry.url that of a schema registry?";
static const char hint_credentials[] = "check registry.user and registry.password, and what this user may do";
static const char hint_later[] = "if that is a schema registry, nothing: it is asked again";

static void set(struct eddy_registry_answer *answer, enum eddy_registry_result result, const char *hint) {
  answer->result = result;
  answer->hint = hint;
}

/* The registry's own words: on one line, and not too many. */
static void quote(struct eddy_registry_answer *answer, const char *text) {
  size_t used = strlen(answer->why);
  for (; *text && used + 1 < sizeof answer->why; text++) answer->why[used++] = (unsigned char)*text < ' ' ? ' ' : *text;
  answer->why[used] = '\0';
}

/* Good answers --------------------------------------------------------------------------------------------------------------*/

static bool take_schema(const json_t *root, struct eddy_registry_answer *answer) {
  const json_t *schema = json_object_get(root, "schema");
  if (!json_is_string(schema)) return false;
  answer->size = json_string_length(schema);
  if (answer->size > EDDY_REGISTRY_SCHEMA_MAX) {
    set(answer, EDDY_REGISTRY_REFUSED, NULL);
    snprintf(answer->why, sizeof answer->why, "a schema of %zu bytes, more than 1 MiB", answer->size);
    return true;
  }
  answer->schema = strdup(json_string_value(schema));
  if (!answer->schema) return false;
  set(answer, EDDY_REGISTRY_FOUND, NULL);
  return true;
}

static bool take_id(const json_t *root, struct eddy_registry_answer *answer) {
  const json_t *id = json_object_get(root, "id");
  json_int_t value = json_integer_value(id);
  if (!json_is_integer(id) || value < 0 || value > INT32_MAX) return false;
  answer->id = (uint32_t)value;
  set(answer, EDDY_REGISTRY_FOUND, NULL);
  return true;
}

static bool take_compatible(const json_t *root, struct eddy_registry_answer *answer) {
  const json_t *verdict = json_object_get(root, "is_compatible"), *messages = json_object_get(root, "messages");
  if (!json_is_boolean(verdict)) return false;
  set(answer, json_is_true(verdict) ? EDDY_REGISTRY_FOUND : EDDY_REGISTRY_REFUSED, NULL);
  if (json_is_true(verdict)) return true;
  quote(answer, "incompatible with the newest version");
  for (size_t i = 0; i < json_array_size(messages); i++) {
    const char *text = json_string_value(json_array_get(messages, i));
    quote(answer, i ? "; " : ": ");
    quote(answer, text ? text : "?");
  }
  return true;
}

static bool take(const json_t *root, enum eddy_registry_form form, struct eddy_registry_answer *answer) {
  switch (form) {
    case EDDY_REGISTRY_SCHEMA:
      return take_schema(root, answer);
    case EDDY_REGISTRY_ID:
      return take_id(root, answer);
    case EDDY_REGISTRY_COMPATIBLE:
      return take_compatible(root, answer);
  }
  return false;
}

/* Others --------------------------------------------------------------------------------------------------------------------*/

/* 40401 no subject, 40402 no version, 40403 no schema. A bare 404 comes from whatever else answers under a wrong path. */
static bool is_missing(long status, json_int_t code) {
  return status == 404 && code >= 40401 && code <= 40403;
}

/* It has read what we sent and does not want it. */
static bool is_refused(long status, json_int_t code) {
  return code != 0 && (status == 409 || status == 422);
}

static void judge_failure(const struct eddy_registry_reply *reply, const json_t *root, struct eddy_registry_answer *answer) {
  const json_t *message = json_object_get(root, "message");
  json_int_t code = json_integer_value(json_object_get(root, "error_code"));
  long status = reply->status;
  if (is_missing(status, code)) {
    set(answer, EDDY_REGISTRY_MISSING, NULL);
  } else if (is_refused(status, code)) {
    set(answer, EDDY_REGISTRY_REFUSED, NULL);
  } else if (status == 401 || status == 403) {
    set(answer, EDDY_REGISTRY_AWAY, hint_credentials);
  } else {
    set(answer, EDDY_REGISTRY_AWAY, status >= 500 || status == 429 || status == 408 ? hint_later : hint_path);
  }
  snprintf(answer->why, sizeof answer->why, "answers %ld%s", status, json_is_string(message) ? ": " : "");
  if (json_is_string(message)) quote(answer, json_string_value(message));
}

/* What was cut can only be judged by its beginning: an answer of JSON holds a schema that nobody could use. */
static void judge_too_large(const struct eddy_registry_reply *reply, enum eddy_registry_form form,
                            struct eddy_registry_answer *answer) {
  bool schema = form == EDDY_REGISTRY_SCHEMA && reply->status == 200 && reply->size > 0 && reply->body[0] == '{';
  set(answer, schema ? EDDY_REGISTRY_REFUSED : EDDY_REGISTRY_AWAY, schema ? NULL : hint_path);
  snprintf(answer->why, sizeof answer->why, "answers with more than 2 MiB");
}

void eddy_registry_judge(const struct eddy_registry_reply *reply, enum eddy_registry_form form,
                         struct eddy_registry_answer *answer) {
  json_error_t error;
  *answer = (struct eddy_registry_answer){0};
  if (reply->too_large) {
    judge_too_large(reply, form, answer);
    return;
  }
  json_t *root = json_loadb(reply->body, reply->size, JSON_REJECT_DUPLICATES, &error);
  if (reply->status < 200 || reply->status > 299) {
    judge_failure(reply, root, answer);
  } else if (!json_is_object(root) || !take(root, form, answer)) {
    set(answer, EDDY_REGISTRY_AWAY, hint_path);
    snprintf(answer->why, sizeof answer->why, "answers %ld, but not as a schema registry does", reply->status);
  }
  json_decref(root);
}
