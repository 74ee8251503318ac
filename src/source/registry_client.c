#include "source/registry_client.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "source/registry_answer.h"
#include "source/registry_url.h"

enum { ANSWER_MAX = 2 << 20, TIMEOUT_MS = 5000, CONNECT_MS = 3000, ADDRESS_MAX = 2048 };

struct eddy_registry_client {
  CURL *curl;
  struct curl_slist *headers;
  struct eddy_registry_url urls[EDDY_REGISTRY_URLS_MAX];
  size_t count, current; /* `current` answered last */
  char *user, *password, *ca_file;
  const atomic_bool *stop;
  struct eddy_buffer body;
  bool too_large;
  char error[CURL_ERROR_SIZE];
};

/* Set-up --------------------------------------------------------------------------------------------------------------------*/

static int add_urls(struct eddy_registry_client *client, const char *urls, char *why, size_t why_size) {
  struct eddy_str url;
  while (eddy_registry_url_next(&urls, &url)) {
    if (client->count == EDDY_REGISTRY_URLS_MAX) {
      snprintf(why, why_size, "more than %d addresses", EDDY_REGISTRY_URLS_MAX);
      return -1;
    }
    if (eddy_registry_url_parse(&client->urls[client->count], url.data, url.len, why, why_size) != 0) return -1;
    client->count++;
  }
  return 0;
}

static bool copy(char **to, const char *text) {
  *to = text ? strdup(text) : NULL;
  return *to || !text;
}

static size_t take_body(char *bytes, size_t one, size_t size, void *ctx) {
  struct eddy_registry_client *client = ctx;
  (void)one; /* always 1 */
  client->too_large = client->too_large || client->body.size + size > ANSWER_MAX;
  if (client->too_large || eddy_buffer_append(&client->body, bytes, size) != 0) return CURL_WRITEFUNC_ERROR;
  return size;
}

static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up) {
  const struct eddy_registry_client *client = ctx;
  (void)down_total, (void)down, (void)up_total, (void)up;
  return client->stop && atomic_load(client->stop);
}

/* What is the same for every request. */
static bool set_up(struct eddy_registry_client *client) {
  CURL *curl = client->curl;
  client->headers = curl_slist_append(NULL, "Content-Type: application/vnd.schemaregistry.v1+json");
  struct curl_slist *more = client->headers ? curl_slist_append(client->headers,
                                                                "Accept: application/vnd.schemaregistry.v1+json, "
                                                                "application/json")
                                            : NULL;
  if (!more) return false;
  bool fine = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
  fine = fine && curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers) == CURLE_OK;
  if (client->ca_file) fine = fine && curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file) == CURLE_OK;
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
  curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->error);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client);
  return fine;
}

int eddy_registry_client_open(struct eddy_registry_client **out, const struct eddy_registry_client_options *options, char *why,
                              size_t why_size) {
  struct eddy_registry_client *client = calloc(1, sizeof *client);
  snprintf(why, why_size, "out of memory");
  *out = NULL;
  if (!client) return -1;
  eddy_buffer_init(&client->body, NULL);
  client->stop = options->stop;
  curl_global_init(CURL_GLOBAL_DEFAULT); /* counted; the pair is in close */
  client->curl = curl_easy_init();
  if (client->curl && copy(&client->user, options->user) && copy(&client->password, options->password) &&
      copy(&client->ca_file, options->ca_file) && set_up(client) && add_urls(client, options->urls, why, why_size) == 0) {
    *out = client;
    return 0;
  }
  eddy_registry_client_close(client);
  return -1;
}

void eddy_registry_client_close(struct eddy_registry_client *client) {
  if (!client) return;
  curl_easy_cleanup(client->curl);
  curl_slist_free_all(client->headers);
  for (size_t i = 0; i < client->count; i++) eddy_registry_url_fini(&client->urls[i]);
  free(client->user);
  free(client->password);
  free(client->ca_file);
  eddy_buffer_fini(&client->body);
  free(client);
  curl_global_cleanup();
}

/* Asking --------------------------------------------------------------------------------------------------------------------*/

struct question {
  const char *path;
  const char *body; /* NULL: GET */
  enum eddy_registry_form form;
};

static void set_credentials(struct eddy_registry_client *client, const struct eddy_registry_url *url) {
  bool own = url->user || url->password;
  const char *user = own ? url->user : client->user, *password = own ? url->password : client->password;
  if (!user && password) user = "";
  curl_easy_setopt(client->curl, CURLOPT_USERNAME, user);
  curl_easy_setopt(client->curl, CURLOPT_PASSWORD, password);
}

/* The reply of one address, or an error with the reason in client->error. */
static CURLcode exchange(struct eddy_registry_client *client, const struct eddy_registry_url *url,
                         const struct question *question, struct eddy_registry_reply *reply) {
  char address[ADDRESS_MAX];
  snprintf(address, sizeof address, "%s%s", url->base, question->path);
  client->body.size = 0;
  client->too_large = false;
  client->error[0] = '\0';
  curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L);
  if (question->body) {
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, question->body);
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(question->body));
  }
  set_credentials(client, url);
  CURLcode error = curl_easy_setopt(client->curl, CURLOPT_URL, address);
  if (!error) error = curl_easy_perform(client->curl);
  *reply = (struct eddy_registry_reply){.size = client->body.size, .too_large = client->too_large};
  reply->body = client->body.data ? (const char *)client->body.data : "";
  curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &reply->status);
  if (!error || client->too_large) return CURLE_OK;
  if (!client->error[0]) snprintf(client->error, sizeof client->error, "%s", curl_easy_strerror(error));
  return error;
}

static const char *hint_of(CURLcode error) {
  bool trust = error == CURLE_SSL_CACERT_BADFILE || error == CURLE_PEER_FAILED_VERIFICATION;
  return trust ? "check registry.ca_file, and the name in registry.url" : "start it, or change registry.url";
}

static void ask_one(struct eddy_registry_client *client, const struct eddy_registry_url *url, const struct question *question,
                    struct eddy_registry_answer *answer) {
  struct eddy_registry_reply reply;
  CURLcode error = exchange(client, url, question, &reply);
  if (!error) {
    eddy_registry_judge(&reply, question->form, answer);
  } else {
    *answer = (struct eddy_registry_answer){.result = EDDY_REGISTRY_AWAY, .hint = hint_of(error)};
    snprintf(answer->why, sizeof answer->why, "%s", client->error);
  }
  if (answer->result != EDDY_REGISTRY_AWAY) return;
  char why[sizeof answer->why];
  memcpy(why, answer->why, sizeof why);
  snprintf(answer->why, sizeof answer->why, "%.120s: %.250s", url->base, why);
}

static void ask(struct eddy_registry_client *client, const struct question *question, struct eddy_registry_answer *answer) {
  for (size_t tried = 0; tried < client->count; tried++) {
    size_t at = (client->current + tried) % client->count;
    ask_one(client, &client->urls[at], question, answer);
    if (answer->result == EDDY_REGISTRY_AWAY) continue;
    client->current = at;
    return;
  }
}

/* A question with {"schema": TEXT} as its body. */
static void post(struct eddy_registry_client *client, const char *path, const char *schema, enum eddy_registry_form form,
                 struct eddy_registry_answer *answer) {
  json_t *root = json_pack("{s:s}", "schema", schema);
  char *body = root ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  if (body) {
    ask(client, &(struct question){.path = path, .body = body, .form = form}, answer);
  } else {
    *answer = (struct eddy_registry_answer){.result = EDDY_REGISTRY_AWAY, .hint = "", .why = "out of memory"};
  }
  free(body);
}

void eddy_registry_schema(struct eddy_registry_client *client, uint32_t id, struct eddy_registry_answer *answer) {
  char path[64];
  snprintf(path, sizeof path, "/schemas/ids/%u", id);
  ask(client, &(struct question){.path = path, .form = EDDY_REGISTRY_SCHEMA}, answer);
}

void eddy_registry_lookup(struct eddy_registry_client *client, const char *subject, const char *schema,
                          struct eddy_registry_answer *answer) {
  char path[512];
  snprintf(path, sizeof path, "/subjects/%s", subject);
  post(client, path, schema, EDDY_REGISTRY_ID, answer);
}

void eddy_registry_register(struct eddy_registry_client *client, const char *subject, const char *schema,
                            struct eddy_registry_answer *answer) {
  char path[512];
  snprintf(path, sizeof path, "/subjects/%s/versions", subject);
  post(client, path, schema, EDDY_REGISTRY_ID, answer);
}

void eddy_registry_obtain(struct eddy_registry_client *client, const char *subject, const char *schema, bool add,
                          struct eddy_registry_answer *answer) {
  eddy_registry_lookup(client, subject, schema, answer);
  if (answer->result == EDDY_REGISTRY_MISSING && add) eddy_registry_register(client, subject, schema, answer);
}

void eddy_registry_compatible(struct eddy_registry_client *client, const char *subject, const char *schema,
                              struct eddy_registry_answer *answer) {
  char path[512];
  snprintf(path, sizeof path, "/compatibility/subjects/%s/versions/latest?verbose=true", subject);
  post(client, path, schema, EDDY_REGISTRY_COMPATIBLE, answer);
}
