/* The schema registry's client against a small HTTP server on the loopback that answers as it is told: well, not at all,
 * slowly, too much, and nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "source/registry_url.h"
#include "source/schema_registry.h"

/* Server --------------------------------------------------------------------------------------------------------------------*/

enum { ROUTES_MAX = 8, REQUEST_MAX = 1 << 16 };

struct route {
  const char *request; /* "GET /schemas/ids/7 " */
  int status;          /* 0: the connection is closed without an answer; -1: nothing comes */
  const char *body;
  size_t filler; /* so many spaces behind the body */
};

struct server {
  int listener, port;
  pthread_t thread;
  atomic_bool stop;
  pthread_mutex_t lock;
  struct route routes[ROUTES_MAX];
  int requests;           /* so far */
  char last[REQUEST_MAX]; /* head and body */
};

static const struct route *route_of(const struct server *server, const char *request) {
  for (int i = 0; i < ROUTES_MAX && server->routes[i].request; i++) {
    if (strncmp(request, server->routes[i].request, strlen(server->routes[i].request)) == 0) return &server->routes[i];
  }
  return NULL;
}

static void send_all(int socket, const char *bytes, size_t size) {
  for (ssize_t sent; size > 0; bytes += sent, size -= (size_t)sent) {
    sent = send(socket, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return;
  }
}

static void answer(struct server *server, int socket, const struct route *route) {
  char spaces[4096];
  char head[256];
  size_t size = strlen(route->body) + route->filler;
  int length =
      snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", route->status, size);
  if (route->status == 0) return;
  while (route->status < 0 && !atomic_load(&server->stop)) usleep(10000);
  if (route->status < 0) return;
  memset(spaces, ' ', sizeof spaces);
  send_all(socket, head, (size_t)length);
  send_all(socket, route->body, strlen(route->body));
  for (size_t left = route->filler; left > 0;) {
    size_t part = left < sizeof spaces ? left : sizeof spaces;
    send_all(socket, spaces, part);
    left -= part;
  }
}

/* Head and body; false if the other side went away. */
static bool receive(int socket, char *request) {
  size_t size = 0, expected = 0;
  request[0] = '\0';
  while (expected == 0 || size < expected) {
    ssize_t got = recv(socket, request + size, REQUEST_MAX - 1 - size, 0);
    if (got <= 0) return false;
    size += (size_t)got;
    request[size] = '\0';
    const char *end = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");
    if (end) expected = (size_t)(end + 4 - request) + (length ? strtoul(length + 16, NULL, 10) : 0);
  }
  return true;
}

static void serve_one(struct server *server, int socket) {
  static const struct route unknown = {"", 404, "<html>nothing here</html>", 0};
  char request[REQUEST_MAX];
  if (!receive(socket, request)) return;
  pthread_mutex_lock(&server->lock);
  server->requests++;
  memcpy(server->last, request, sizeof request);
  const struct route *found = route_of(server, request);
  struct route route = found ? *found : unknown;
  pthread_mutex_unlock(&server->lock);
  answer(server, socket, &route);
}

static void *serve(void *ctx) {
  struct server *server = ctx;
  while (!atomic_load(&server->stop)) {
    struct pollfd waiting = {.fd = server->listener, .events = POLLIN};
    if (poll(&waiting, 1, 20) != 1) continue;
    int socket = accept(server->listener, NULL, NULL);
    if (socket < 0) continue;
    serve_one(server, socket);
    close(socket);
  }
  return NULL;
}

static void listen_on(struct server *server, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  int yes = 1;
  server->listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(server->listener, 16), 0);
  getsockname(server->listener, (struct sockaddr *)&address, &size);
  server->port = ntohs(address.sin_port);
}

static void server_start(struct server *server, int port) {
  listen_on(server, port);
  atomic_store(&server->stop, false);
  assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server) {
  atomic_store(&server->stop, true);
  pthread_join(server->thread, NULL);
  close(server->listener);
}

static void set_route(struct server *server, int at, struct route route) {
  pthread_mutex_lock(&server->lock);
  server->routes[at] = route;
  pthread_mutex_unlock(&server->lock);
}

static int requests_of(struct server *server) {
  pthread_mutex_lock(&server->lock);
  int requests = server->requests;
  pthread_mutex_unlock(&server->lock);
  return requests;
}

/* World ---------------------------------------------------------------------------------------------------------------------*/

struct world {
  struct server server;
  struct eddy_registry_client *client;
  struct eddy_schema_registry *registry;
  struct eddy_logger logger;
  pthread_mutex_t lock;
  char log[8192];
  char url[128];
};

static void keep_line(void *ctx, enum eddy_log_level level, const char *message, const char *fields) {
  struct world *world = ctx;
  (void)level;
  pthread_mutex_lock(&world->lock);
  size_t used = strlen(world->log);
  snprintf(world->log + used, sizeof world->log - used, "%s %s\n", message, fields ? fields : "");
  pthread_mutex_unlock(&world->lock);
}

static int occurrences(struct world *world, const char *text) {
  int count = 0;
  pthread_mutex_lock(&world->lock);
  for (const char *at = world->log; (at = strstr(at, text)) != NULL; at++) count++;
  pthread_mutex_unlock(&world->lock);
  return count;
}

static int setup(void **state) {
  struct world *world = calloc(1, sizeof *world);
  signal(SIGPIPE, SIG_IGN);
  pthread_mutex_init(&world->lock, NULL);
  pthread_mutex_init(&world->server.lock, NULL);
  world->logger = (struct eddy_logger){keep_line, world, EDDY_LOG_DEBUG};
  server_start(&world->server, 0);
  snprintf(world->url, sizeof world->url, "http://127.0.0.1:%d", world->server.port);
  *state = world;
  return 0;
}

static int teardown(void **state) {
  struct world *world = *state;
  eddy_schema_registry_close(world->registry);
  eddy_registry_client_close(world->client);
  server_stop(&world->server);
  free(world);
  return 0;
}

static void open_client(struct world *world, struct eddy_registry_client_options options) {
  char why[256];
  if (!options.urls) options.urls = world->url;
  assert_int_equal(eddy_registry_client_open(&world->client, &options, why, sizeof why), 0);
}

static void open_registry(struct world *world, const struct eddy_registry_subject *subjects, size_t count, bool add) {
  char why[256];
  struct eddy_schema_registry_options options = {.client = {.urls = world->url},
                                                 .subjects = subjects,
                                                 .subject_count = count,
                                                 .add = add,
                                                 .wait_ms = 20,
                                                 .minute_ms = 300,
                                                 .logger = &world->logger};
  assert_int_equal(eddy_schema_registry_open(&world->registry, &options, why, sizeof why), 0);
}

/* Asks as a worker does until there is an answer. */
static const char *find(struct world *world, uint32_t id, size_t *size) {
  struct eddy_schema_source source = eddy_schema_registry_source(world->registry);
  for (int i = 0; i < 2000; i++) {
    bool retry = false;
    const char *text = source.find_id(source.ctx, id, size, &retry);
    if (!retry) return text;
    usleep(5000);
  }
  fail_msg("no answer for id %u", id);
  return NULL;
}

static enum eddy_registry_ids await_ids(struct world *world, uint32_t *ids, char *why, size_t why_size) {
  enum eddy_registry_ids state = EDDY_REGISTRY_IDS_WAIT;
  for (int i = 0; i < 2000 && state == EDDY_REGISTRY_IDS_WAIT; i++) {
    state = eddy_schema_registry_ids(world->registry, ids, why, why_size);
    usleep(5000);
  }
  return state;
}

/* Addresses -----------------------------------------------------------------------------------------------------------------*/

static void addresses(void **state) {
  static const struct {
    const char *text, *base, *user, *password;
  } good[] = {
      {"http://h:8081", "http://h:8081", NULL, NULL},
      {"https://h/", "https://h", NULL, NULL},
      {"http://h:1/apis/ccompat/v7/", "http://h:1/apis/ccompat/v7", NULL, NULL},
      {"https://me:p%40ss%3A@h", "https://h", "me", "p@ss:"},
      {"http://me@[::1]:80/a", "http://[::1]:80/a", "me", NULL},
  };
  static const char *const bad[] = {
      "",          "h:8081",         "localhost",  "ftp://h",          "http://", "http://h?x=1", "http://h/#a",
      "file:///x", "http://h:99999", "http://a b", "http://u%zz:%00@h"};
  struct eddy_registry_url url;
  char why[256];
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_int_equal(eddy_registry_url_parse(&url, good[i].text, strlen(good[i].text), why, sizeof why), 0);
    assert_string_equal(url.base, good[i].base);
    assert_true(!url.user == !good[i].user && (!url.user || strcmp(url.user, good[i].user) == 0));
    assert_true(!url.password == !good[i].password && (!url.password || strcmp(url.password, good[i].password) == 0));
    eddy_registry_url_fini(&url);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    why[0] = '\0';
    if (eddy_registry_url_parse(&url, bad[i], strlen(bad[i]), why, sizeof why) == 0) fail_msg("%s is taken", bad[i]);
    assert_true(why[0] != '\0' && url.base == NULL);
  }
}

/* Client --------------------------------------------------------------------------------------------------------------------*/

static void a_schema_is_found(void **state) {
  struct world *world = *state;
  struct eddy_registry_answer answer;
  char url[160];
  snprintf(url, sizeof url, "http://me:s%%3Acret@127.0.0.1:%d/base/", world->server.port);
  set_route(&world->server, 0, (struct route){"GET /base/schemas/ids/7 ", 200, "{\"schema\":\"\\\"string\\\"\",\"x\":[1]}", 0});
  open_client(world, (struct eddy_registry_client_options){.urls = url, .user = "other", .password = "x"});
  eddy_registry_schema(world->client, 7, &answer);
  assert_int_equal(answer.result, EDDY_REGISTRY_FOUND);
  assert_string_equal(answer.schema, "\"string\"");
  assert_int_equal(answer.size, 8);
  assert_non_null(strstr(world->server.last, "Authorization: Basic bWU6czpjcmV0\r\n")); /* me:s:cret */
  free(answer.schema);
}

static void a_subject_is_asked_for(void **state) {
  struct world *world = *state;
  struct eddy_registry_answer answer;
  set_route(&world->server, 0, (struct route){"POST /subjects/shop.triggers-value ", 200, "{\"id\":12,\"version\":1}", 0});
  set_route(&world->server, 1,
            (struct route){"POST /subjects/b-value/versions ", 409,
                           "{\"error_code\":409,\"message\":\"reader\\nlacks \\u0001 x\"}", 0});
  set_route(&world->server, 2,
            (struct route){"POST /compatibility/subjects/b-value/versions/latest?verbose=true ", 200,
                           "{\"is_compatible\":false,\"messages\":[\"one\",\"two\",3]}", 0});
  open_client(world, (struct eddy_registry_client_options){.user = "a", .password = "b"});
  eddy_registry_lookup(world->client, "shop.triggers-value", "{\"type\":\"x\"}", &answer);
  assert_int_equal(answer.result, EDDY_REGISTRY_FOUND);
  assert_int_equal(answer.id, 12);
  assert_non_null(strstr(world->server.last, "Authorization: Basic YTpi\r\n"));
  assert_non_null(strstr(world->server.last, "\r\n\r\n{\"schema\":\"{\\\"type\\\":\\\"x\\\"}\"}"));
  eddy_registry_register(world->client, "b-value", "s", &answer);
  assert_int_equal(answer.result, EDDY_REGISTRY_REFUSED);
  assert_string_equal(answer.why, "answers 409: reader lacks   x");
  eddy_registry_compatible(world->client, "b-value", "s", &answer);
  assert_int_equal(answer.result, EDDY_REGISTRY_REFUSED);
  assert_string_equal(answer.why, "incompatible with the newest version: one; two; ?");
}

#define MISSING "{\"error_code\":40403,\"message\":\"Schema not found\"}"

static void answers_are_judged(void **state) {
  static const struct {
    struct route route;
    enum eddy_registry_result result;
    const char *why, *hint;
  } cases[] = {
      {{NULL, 404, MISSING, 0}, EDDY_REGISTRY_MISSING, "Schema not found", NULL},
      {{NULL, 404, "{\"error_code\":404,\"message\":\"HTTP 404\"}", 0}, EDDY_REGISTRY_AWAY, "404", "path"},
      {{NULL, 404, "<html>", 0}, EDDY_REGISTRY_AWAY, "404", "path"},
      {{NULL, 401, "{\"error_code\":40101,\"message\":\"no\"}", 0}, EDDY_REGISTRY_AWAY, "401: no", "registry.user"},
      {{NULL, 403, "", 0}, EDDY_REGISTRY_AWAY, "403", "registry.password"},
      {{NULL, 500, "{\"error_code\":50001,\"message\":\"store\"}", 0}, EDDY_REGISTRY_AWAY, "500: store", "asked again"},
      {{NULL, 503, "", 0}, EDDY_REGISTRY_AWAY, "503", "asked again"},
      {{NULL, 302, "", 0}, EDDY_REGISTRY_AWAY, "302", "path"},
      {{NULL, 0, "", 0}, EDDY_REGISTRY_AWAY, "Empty reply", "start it"},
      {{NULL, 200, "", 0}, EDDY_REGISTRY_AWAY, "not as a schema registry", "path"},
      {{NULL, 200, "<html>log in</html>", 0}, EDDY_REGISTRY_AWAY, "not as a schema registry", "path"},
      {{NULL, 200, "[]", 0}, EDDY_REGISTRY_AWAY, "not as a schema registry", "path"},
      {{NULL, 200, "{\"schema\":7}", 0}, EDDY_REGISTRY_AWAY, "not as a schema registry", "path"},
      {{NULL, 200, "{\"schema\":\"a\",\"schema\":\"b\"}", 0}, EDDY_REGISTRY_AWAY, "not as a schema registry", "path"},
      {{NULL, 200, "{\"schema\":\"a\\u0000b\"}", 0}, EDDY_REGISTRY_AWAY, "not as a schema registry", "path"},
      {{NULL, 200, "{\"schema\":\"a", 0}, EDDY_REGISTRY_AWAY, "not as a schema registry", "path"},
      {{NULL, 200, "{\"schema\":\"a", 3 << 20}, EDDY_REGISTRY_REFUSED, "2 MiB", NULL},
      {{NULL, 200, "<html>", 3 << 20}, EDDY_REGISTRY_AWAY, "2 MiB", "path"},
      {{NULL, 500, "{", 3 << 20}, EDDY_REGISTRY_AWAY, "2 MiB", "path"},
  };
  struct world *world = *state;
  open_client(world, (struct eddy_registry_client_options){0});
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct eddy_registry_answer answer;
    struct route route = cases[i].route;
    route.request = "GET /schemas/ids/7 ";
    set_route(&world->server, 0, route);
    eddy_registry_schema(world->client, 7, &answer);
    if (answer.result != cases[i].result || !strstr(answer.why, cases[i].why))
      fail_msg("case %zu: %d %s", i, answer.result, answer.why);
    if (answer.result == EDDY_REGISTRY_AWAY) assert_non_null(strstr(answer.why, world->url));
    assert_true(cases[i].hint ? strstr(answer.hint, cases[i].hint) != NULL : answer.hint == NULL);
    assert_null(answer.schema);
  }
}

static void ids_are_numbers(void **state) {
  static const char *const bad[] = {"{\"id\":-1}", "{\"id\":2147483648}", "{\"id\":\"7\"}", "{\"id\":7.0}", "{}", "7"};
  struct world *world = *state;
  struct eddy_registry_answer answer;
  open_client(world, (struct eddy_registry_client_options){0});
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    set_route(&world->server, 0, (struct route){"POST /subjects/a ", 200, bad[i], 0});
    eddy_registry_lookup(world->client, "a", "s", &answer);
    assert_int_equal(answer.result, EDDY_REGISTRY_AWAY);
  }
}

/* {"schema":"aaa..."} with so many of them. */
static char *long_schema(size_t letters) {
  static const char head[] = "{\"schema\":\"";
  char *body = malloc(letters + 32);
  memcpy(body, head, sizeof head);
  memset(body + sizeof head - 1, 'a', letters);
  strcpy(body + sizeof head - 1 + letters, "\"}");
  return body;
}

static void a_schema_may_be_too_large(void **state) {
  struct world *world = *state;
  struct eddy_registry_answer answer;
  char *over = long_schema(EDDY_REGISTRY_SCHEMA_MAX + 1), *full = long_schema(EDDY_REGISTRY_SCHEMA_MAX);
  open_client(world, (struct eddy_registry_client_options){0});
  set_route(&world->server, 0, (struct route){"GET /schemas/ids/7 ", 200, over, 0});
  set_route(&world->server, 1, (struct route){"GET /schemas/ids/8 ", 200, full, 0});
  eddy_registry_schema(world->client, 7, &answer);
  assert_int_equal(answer.result, EDDY_REGISTRY_REFUSED);
  eddy_registry_schema(world->client, 8, &answer);
  assert_int_equal(answer.result, EDDY_REGISTRY_FOUND);
  free(answer.schema);
  server_stop(&world->server); /* it may still hold the texts */
  server_start(&world->server, 0);
  free(over);
  free(full);
}

static void addresses_stand_in_for_each_other(void **state) {
  struct world *world = *state;
  struct eddy_registry_answer answer;
  char urls[256];
  snprintf(urls, sizeof urls, "http://127.0.0.1:1, http://127.0.0.1:1/x,%s", world->url);
  set_route(&world->server, 0, (struct route){"GET /schemas/ids/7 ", 404, MISSING, 0});
  open_client(world, (struct eddy_registry_client_options){.urls = urls});
  eddy_registry_schema(world->client, 7, &answer);
  assert_int_equal(answer.result, EDDY_REGISTRY_MISSING);
  char why[256];
  struct eddy_registry_client *client;
  assert_int_equal(
      eddy_registry_client_open(&client, &(struct eddy_registry_client_options){.urls = "http://a,,http://b"}, why, sizeof why),
      -1);
}

/* Registry ------------------------------------------------------------------------------------------------------------------*/

static void schemas_are_kept(void **state) {
  struct world *world = *state;
  size_t size = 0;
  set_route(&world->server, 0, (struct route){"GET /schemas/ids/7 ", 200, "{\"schema\":\"seven\"}", 0});
  set_route(&world->server, 1, (struct route){"GET /schemas/ids/8 ", 404, MISSING, 0});
  open_registry(world, NULL, 0, false);
  struct eddy_schema_source source = eddy_schema_registry_source(world->registry);
  bool retry = false;
  assert_null(source.find_id(source.ctx, 7, &size, &retry)); /* never known at once: nothing blocks */
  assert_true(retry);
  const char *first = find(world, 7, &size);
  assert_string_equal(first, "seven");
  assert_int_equal(size, 5);
  assert_null(find(world, 8, &size));
  int before = requests_of(&world->server);
  for (int i = 0; i < 100; i++) assert_ptr_equal(find(world, 7, &size), first);
  assert_null(find(world, 8, &size));
  assert_int_equal(requests_of(&world->server), before);
  /* an id that no registry can have does not reach it */
  assert_null(find(world, 0xFFFFFFFF, &size));
  assert_int_equal(requests_of(&world->server), before);
  /* a "none" is asked again when its time is over */
  set_route(&world->server, 1, (struct route){"GET /schemas/ids/8 ", 200, "{\"schema\":\"eight\"}", 0});
  usleep(350000);
  assert_string_equal(find(world, 8, &size), "eight");
  assert_null(source.find_fingerprint(source.ctx, 7, &size, &retry));
}

static void what_cannot_be_used_is_no_schema(void **state) {
  struct world *world = *state;
  size_t size = 1;
  set_route(&world->server, 0, (struct route){"GET /schemas/ids/9 ", 200, "{\"schema\":\"", 3 << 20});
  open_registry(world, NULL, 0, false);
  assert_string_equal(find(world, 9, &size), "");
  assert_int_equal(size, 0);
  assert_int_equal(occurrences(world, "schema cannot be used id=9"), 1);
}

static void an_outage_is_waited_for(void **state) {
  struct world *world = *state;
  size_t size;
  bool retry = false;
  int port = world->server.port;
  set_route(&world->server, 0, (struct route){"GET /schemas/ids/7 ", 503, "", 0});
  open_registry(world, NULL, 0, false);
  struct eddy_schema_source source = eddy_schema_registry_source(world->registry);
  for (int i = 0; i < 60; i++) {
    retry = false;
    assert_null(source.find_id(source.ctx, 7, &size, &retry));
    assert_true(retry);
    usleep(5000);
  }
  server_stop(&world->server);
  for (int i = 0; i < 30; i++) {
    retry = false;
    assert_null(source.find_id(source.ctx, 7, &size, &retry));
    assert_true(retry);
    usleep(5000);
  }
  set_route(&world->server, 0, (struct route){"GET /schemas/ids/7 ", 200, "{\"schema\":\"seven\"}", 0});
  server_start(&world->server, port);
  assert_string_equal(find(world, 7, &size), "seven");
  assert_int_equal(occurrences(world, "schema registry cannot be used"), 1);
  assert_int_equal(occurrences(world, "schema registry is back"), 1);
}

/* Closing does not wait for a server that says nothing. */
static void closing_ends_a_slow_question(void **state) {
  struct world *world = *state;
  struct timespec from, to;
  size_t size;
  bool retry = false;
  set_route(&world->server, 0, (struct route){"GET /schemas/ids/7 ", -1, "", 0});
  open_registry(world, NULL, 0, false);
  struct eddy_schema_source source = eddy_schema_registry_source(world->registry);
  source.find_id(source.ctx, 7, &size, &retry);
  while (requests_of(&world->server) == 0) usleep(5000);
  clock_gettime(CLOCK_MONOTONIC, &from);
  eddy_schema_registry_close(world->registry);
  clock_gettime(CLOCK_MONOTONIC, &to);
  world->registry = NULL;
  assert_true(to.tv_sec - from.tv_sec < 5); /* its own time limit */
}

/* Whatever it is doing: looking up subjects, answering, waiting for a registry that is away. */
static void closing_is_possible_at_any_time(void **state) {
  struct world *world = *state;
  set_route(&world->server, 0, (struct route){"POST /subjects/a-value ", 200, "{\"id\":4}", 0});
  set_route(&world->server, 1, (struct route){"GET /schemas/ids/1 ", 503, "", 0});
  set_route(&world->server, 2, (struct route){"GET /schemas/ids/", 200, "{\"schema\":\"x\"}", 0});
  for (int i = 0; i < 200; i++) {
    size_t size;
    open_registry(world, &(struct eddy_registry_subject){"a-value", "A"}, (size_t)(i % 2), false);
    struct eddy_schema_source source = eddy_schema_registry_source(world->registry);
    for (int waited = 0; waited < i % 8; waited++) {
      bool retry = false;
      source.find_id(source.ctx, (uint32_t)(i / 8 % 3 + waited % 2), &size, &retry);
      usleep(500);
    }
    eddy_schema_registry_close(world->registry);
    world->registry = NULL;
  }
}

/* Far more ids at once than are asked at once: nobody is forgotten. */
static void a_flood_is_answered(void **state) {
  struct world *world = *state;
  struct eddy_schema_source source;
  size_t size;
  set_route(&world->server, 0, (struct route){"GET /schemas/ids/", 404, MISSING, 0});
  open_registry(world, NULL, 0, false);
  source = eddy_schema_registry_source(world->registry);
  for (uint32_t id = 0; id < 500; id++) {
    bool retry = false;
    assert_null(source.find_id(source.ctx, id, &size, &retry));
  }
  for (uint32_t id = 0; id < 500; id++) assert_null(find(world, id, &size));
}

static const struct eddy_registry_subject subjects[] = {{"a-value", "A"}, {"b-value", "B"}};

static void outputs_get_their_ids(void **state) {
  struct world *world = *state;
  uint32_t ids[EDDY_REGISTRY_SUBJECTS_MAX];
  char why[800];
  set_route(&world->server, 0, (struct route){"POST /subjects/a-value ", 200, "{\"id\":4}", 0});
  set_route(&world->server, 1,
            (struct route){"POST /subjects/b-value ", 404, "{\"error_code\":40401,\"message\":\"none\"}", 0});
  set_route(&world->server, 2, (struct route){"POST /subjects/b-value/versions ", 500, "", 0});
  open_registry(world, subjects, 2, true);
  while (occurrences(world, "cannot be used, waiting for it") == 0) usleep(5000);
  assert_int_equal(eddy_schema_registry_ids(world->registry, ids, why, sizeof why), EDDY_REGISTRY_IDS_WAIT);
  set_route(&world->server, 2, (struct route){"POST /subjects/b-value/versions ", 200, "{\"id\":5}", 0});
  assert_int_equal(await_ids(world, ids, why, sizeof why), EDDY_REGISTRY_IDS_READY);
  assert_int_equal(ids[0], 4);
  assert_int_equal(ids[1], 5);
}

static void a_missing_output_is_refused(void **state) {
  struct world *world = *state;
  uint32_t ids[EDDY_REGISTRY_SUBJECTS_MAX];
  char why[800];
  set_route(&world->server, 0, (struct route){"POST /subjects/a-value ", 200, "{\"id\":4}", 0});
  set_route(&world->server, 1,
            (struct route){"POST /subjects/b-value ", 404, "{\"error_code\":40401,\"message\":\"none\"}", 0});
  set_route(&world->server, 2, (struct route){"POST /subjects/b-value/versions ", 200, "{\"id\":5}", 0});
  open_registry(world, subjects, 2, false);
  assert_int_equal(await_ids(world, ids, why, sizeof why), EDDY_REGISTRY_IDS_REFUSED);
  assert_string_equal(why, "subject b-value: answers 404: none");
}

static void an_incompatible_output_is_refused(void **state) {
  struct world *world = *state;
  uint32_t ids[EDDY_REGISTRY_SUBJECTS_MAX];
  char why[800];
  set_route(&world->server, 0, (struct route){"POST /subjects/a-value ", 404, MISSING, 0});
  set_route(&world->server, 1,
            (struct route){"POST /subjects/a-value/versions ", 409, "{\"error_code\":409,\"message\":\"field x\"}", 0});
  open_registry(world, subjects, 2, true);
  assert_int_equal(await_ids(world, ids, why, sizeof why), EDDY_REGISTRY_IDS_REFUSED);
  assert_string_equal(why, "subject a-value: answers 409: field x");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(addresses),
      TEST(a_schema_is_found),
      TEST(a_subject_is_asked_for),
      TEST(answers_are_judged),
      TEST(ids_are_numbers),
      TEST(a_schema_may_be_too_large),
      TEST(addresses_stand_in_for_each_other),
      TEST(schemas_are_kept),
      TEST(what_cannot_be_used_is_no_schema),
      TEST(an_outage_is_waited_for),
      TEST(closing_ends_a_slow_question),
      TEST(closing_is_possible_at_any_time),
      TEST(a_flood_is_answered),
      TEST(outputs_get_their_ids),
      TEST(a_missing_output_is_refused),
      TEST(an_incompatible_output_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
