/* eddy explain: what a running instance knows about one user, and why. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "cmd/explain_text.h"
#include "cmd/instance.h"
#include "eddy/event.h"

static const char usage[] =
    "usage: eddy explain [-c FILE] [--url URL] [--token TOKEN] [--json] USER\n\n"
    "Asks a running instance what it knows about one user: the segment and why it is no other, distances\n"
    "to all segments, features now and as they will fade, carts, what is pending, why each trigger came\n"
    "or did not come, and what was published lately.\n\n"
    "  -c, --config FILE   the configuration, for http.listen and http.token (default: built-in)\n"
    "      --url URL       another address: http://host:port\n"
    "      --token TOKEN   instead of http.token of the configuration; others may see it in the list of\n"
    "                      processes\n"
    "      --json          the answer as it came\n\n"
    "Exit codes: 0, 69 the instance does not answer or has no such user, 77 the token is wrong or\n"
    "missing, 78 the configuration.\n";

enum { TIMEOUT_MS = 10000 };

struct request {
  struct eddy_cmd_asking asking;
  const char *token;
  struct eddy_str user_id;
  bool json;
};

struct answer {
  int status;
  struct eddy_buffer body;
  json_t *json;
};

/* Options -------------------------------------------------------------------------------------------------------------------*/

static int read_user(int argc, char **argv, struct request *request) {
  if (optind == argc) return eddy_cmd_misuse(argv[0], "which user?");
  if (optind + 1 < argc) return eddy_cmd_misuse(argv[0], "one user at a time: what is %s?", argv[optind + 1]);
  size_t size = strlen(argv[optind]);
  if (size < 1 || size > EDDY_USER_ID_MAX)
    return eddy_cmd_misuse(argv[0], "a user id has 1 to %d bytes, not %zu", EDDY_USER_ID_MAX, size);
  request->user_id = (struct eddy_str){argv[optind], (uint32_t)size};
  return 0;
}

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                          {"url", required_argument, NULL, 'u'},
                                          {"token", required_argument, NULL, 't'},
                                          {"json", no_argument, NULL, 'j'},
                                          {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    if (option == 'c') request->asking.config = optarg;
    if (option == 'u') request->asking.url = optarg;
    if (option == 't') request->token = optarg;
    if (option == 'j') request->json = true;
  }
  if (request->token && !eddy_http_token_valid(request->token))
    return eddy_cmd_misuse(argv[0], "a token is printable ASCII without blanks");
  return read_user(argc, argv, request);
}

/* What is no explanation ----------------------------------------------------------------------------------------------------*/

static void say_partitions(const json_t *partitions) {
  enum { SHOWN_MAX = 64 };
  size_t count = json_array_size(partitions);
  fprintf(stderr, "; it has %s", count == 0 ? "no partition" : count == 1 ? "partition" : "partitions");
  for (size_t i = 0; i < count && i < SHOWN_MAX; i++)
    fprintf(stderr, "%s %lld", i > 0 ? "," : "", (long long)json_integer_value(json_array_get(partitions, i)));
  if (count > SHOWN_MAX) fputs(" ...", stderr);
}

static bool is_among(const json_t *partitions, json_int_t partition) {
  for (size_t i = 0; i < json_array_size(partitions); i++) {
    if (json_integer_value(json_array_get(partitions, i)) == partition) return true;
  }
  return false;
}

/* Where producers of either kind put the user; asking there helps unless it was asked already. */
static void say_likely(const json_t *body) {
  const json_t *likely = json_object_get(body, "likely_partition"), *partitions = json_object_get(body, "partitions");
  const json_t *java = json_object_get(likely, "murmur2"), *other = json_object_get(likely, "crc32");
  if (!json_is_integer(java) || !json_is_integer(other)) return;
  json_int_t first = json_integer_value(java), second = json_integer_value(other);
  fprintf(stderr, "The user's partition is %lld if a Java client produces (murmur2), %lld if librdkafka does (crc32).\n",
          (long long)first, (long long)second);
  if (is_among(partitions, first) && is_among(partitions, second))
    fputs("Both are here.\n", stderr);
  else
    fputs("Ask the instance that has it (--url).\n", stderr);
}

static int no_user(const struct answer *answer, const struct eddy_cmd_instance *instance) {
  const json_t *message = json_object_get(answer->json, "message");
  fprintf(stderr, "eddy explain: http://%s: ", instance->where);
  eddy_explain_put(message ? message : json_object_get(answer->json, "error"), stderr);
  say_partitions(json_object_get(answer->json, "partitions"));
  fputs("\n", stderr);
  say_likely(answer->json);
  return EX_UNAVAILABLE;
}

static int refused(const struct answer *answer, const struct eddy_cmd_instance *instance) {
  fprintf(stderr, "eddy explain: http://%s refuses (HTTP status %d): ", instance->where, answer->status);
  eddy_explain_put(json_object_get(answer->json, "message"), stderr);
  fputs(answer->status == 401 ? "\nIt wants http.token of its configuration: -c FILE that has it, or --token.\n"
                              : "\nWithout http.token it answers such questions on its own machine only.\n",
        stderr);
  return EX_NOPERM;
}

static int other_status(const struct answer *answer, const struct eddy_cmd_instance *instance) {
  fprintf(stderr, "eddy explain: http://%s%s: the answer is HTTP status %d: ", instance->where, instance->url.path,
          answer->status);
  eddy_explain_put(json_object_get(answer->json, "message"), stderr);
  fputs("\n", stderr);
  return EX_UNAVAILABLE;
}

static int no_explanation(const struct answer *answer, const struct eddy_cmd_instance *instance) {
  const char *error = json_string_value(json_object_get(answer->json, "error"));
  if (answer->status == 401 || answer->status == 403) return refused(answer, instance);
  if (answer->status == 404 && error && strcmp(error, "unknown_user") == 0) return no_user(answer, instance);
  return other_status(answer, instance);
}

/* Asking --------------------------------------------------------------------------------------------------------------------*/

/* Behind the path of the address, for an instance behind a proxy. */
static int make_path(const struct request *request, struct eddy_cmd_instance *instance) {
  static const char users[] = "/api/users/";
  char *path = instance->url.path;
  size_t size = strlen(path);
  if (strchr(path, '?')) return eddy_cmd_misuse(request->asking.command, "an address with a `?` cannot be continued");
  while (size > 0 && path[size - 1] == '/') size--;
  memcpy(path + size, users, sizeof(users)); /* there is room for them behind any path that was parsed */
  return eddy_http_url_append(&instance->url, request->user_id) ? 0 : EX_SOFTWARE;
}

static int print(const struct request *request, const struct answer *answer) {
  if (!request->json) {
    eddy_explain_print(answer->json, stdout);
    return EX_OK;
  }
  fwrite(answer->body.data, 1, answer->body.size, stdout);
  if (answer->body.data[answer->body.size - 1] != '\n') fputc('\n', stdout);
  return EX_OK;
}

static int ask(const struct request *request, const struct eddy_cmd_instance *instance, struct answer *answer) {
  char why[256];
  const char *token = request->token ? request->token : instance->token[0] ? instance->token : NULL;
  struct eddy_http_question question = {.url = &instance->url, .token = token, .timeout_ms = TIMEOUT_MS};
  enum eddy_http_got got = eddy_http_ask(&question, &answer->body, &answer->status, why, sizeof(why));
  bool denied = answer->status == 401 || answer->status == 403; /* whatever it says besides */
  if (got == EDDY_HTTP_GOT) answer->json = json_loadb((char *)answer->body.data, answer->body.size, JSON_ALLOW_NUL, NULL);
  if (denied || (got == EDDY_HTTP_GOT && answer->status != 200)) return no_explanation(answer, instance);
  if (got != EDDY_HTTP_GOT) return eddy_cmd_instance_silent(instance, &request->asking, why);
  if (!json_is_string(json_object_get(answer->json, "user_id")))
    return eddy_cmd_instance_silent(instance, &request->asking, "the answer says nothing about a user");
  return print(request, answer);
}

int eddy_cmd_explain(int argc, char **argv) {
  struct request request = {.asking = {.command = argv[0], .personal = true}};
  struct eddy_cmd_instance instance;
  struct answer answer = {0};
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &request);
  if (code == 0) code = eddy_cmd_instance_find(&instance, &request.asking);
  if (code == 0) code = make_path(&request, &instance);
  if (code) return code;
  eddy_buffer_init(&answer.body, NULL);
  code = ask(&request, &instance, &answer);
  json_decref(answer.json);
  eddy_buffer_fini(&answer.body);
  return code;
}
