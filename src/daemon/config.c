/* Loading: file -> tree -> filled in -> struct -> rules -> report. */
#include "daemon/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "daemon/config_bind.h"
#include "daemon/config_expand.h"

enum { HOST_NAME_MAX_LENGTH = 128 };

/* What derives from other keys. */
static int derive(struct eddy_config *config) {
  char text[256];
  if (!config->instance) {
    if (gethostname(text, HOST_NAME_MAX_LENGTH) != 0) snprintf(text, sizeof text, "localhost");
    text[HOST_NAME_MAX_LENGTH - 1] = '\0';
    config->instance = strdup(text);
  }
  if (!config->kafka.input && config->app) {
    snprintf(text, sizeof text, "%s.events", config->app);
    config->kafka.input = strdup(text);
  }
  if (!config->kafka.group && config->app) config->kafka.group = strdup(config->app);
  if (config->seed == 0 && config->app) config->seed = eddy_hash_stable(config->app, strlen(config->app));
  return config->app && config->instance && config->kafka.input && config->kafka.group ? 0 : -1;
}

/* "folder/eddy.yaml" -> "folder"; NULL without a folder, or if memory is short. */
static char *folder_of(const char *name) {
  const char *slash = name ? strrchr(name, '/') : NULL;
  if (!slash) return NULL;
  return slash == name ? strdup("/") : strndup(name, (size_t)(slash - name));
}

static void read_text(struct eddy_config *config, const char *name, const char *text, size_t size,
                      struct eddy_config_report *report) {
  struct eddy_config_doc doc;
  char *folder = folder_of(name);
  struct eddy_config_binder *binder = calloc(1, sizeof *binder);
  eddy_config_doc_read(&doc, text, size, report);
  if (binder) {
    *binder = (struct eddy_config_binder){.config = config, .report = report, .folder = folder, .whole = !doc.cut};
    eddy_config_expand(&doc, folder, report);
    eddy_config_bind_root(binder, doc.root);
    if (binder->whole) eddy_config_check_rules(binder);
  } else {
    eddy_config_report_add(report, (struct eddy_place){0, 0}, "out of memory");
  }
  eddy_config_doc_fini(&doc);
  free(binder);
  free(folder);
}

static void parse(struct eddy_config *config, const char *name, const char *text, size_t size,
                  struct eddy_config_report *report) {
  bool memory = eddy_config_defaults(config) == 0;
  if (size > EDDY_CONFIG_FILE_MAX)
    eddy_config_report_add(report, (struct eddy_place){0, 0}, "the file is larger than 1 MiB");
  else
    read_text(config, name, text, size, report);
  if (!memory || derive(config) != 0) eddy_config_report_add(report, (struct eddy_place){0, 0}, "out of memory");
}

static int finish(struct eddy_config_report *report, const char *name, const char *text, size_t size, FILE *errors) {
  int count = report->count;
  if (errors) eddy_config_report_print(report, name, text, size, errors);
  eddy_config_report_fini(report);
  return count;
}

int eddy_config_parse(struct eddy_config *config, const char *name, const char *text, size_t size, FILE *errors) {
  struct eddy_config_report report;
  eddy_config_report_init(&report);
  parse(config, name, text, size, &report);
  return finish(&report, name, text, size, errors);
}

/* The whole file and one byte more than allowed at most; NULL with errno set. */
static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  char *text = malloc(EDDY_CONFIG_FILE_MAX + 1);
  *size = text ? fread(text, 1, EDDY_CONFIG_FILE_MAX + 1, file) : 0;
  int failed = ferror(file) ? errno : 0;
  fclose(file);
  if (!failed) return text;
  free(text);
  errno = failed;
  return NULL;
}

static void report_unreadable(struct eddy_config_report *report) {
  const char *advice = errno == ENOENT   ? "; `eddy config init` writes one to begin with"
                       : errno == EACCES ? "; let the user that runs eddy read it"
                                         : "";
  eddy_config_report_add(report, (struct eddy_place){0, 0}, "the file cannot be read: %s%s", strerror(errno), advice);
}

/* Returns the file's text, which the caller frees; NULL with size 0 and the defaults if it cannot be read. */
static char *load(struct eddy_config *config, const char *path, size_t *size, struct eddy_config_report *report) {
  char *text = read_file(path, size);
  if (!text) {
    *size = 0;
    report_unreadable(report);
  }
  parse(config, path, text ? text : "", *size, report);
  if (text) config->path = strdup(path);
  return text;
}

int eddy_config_read(struct eddy_config *config, const char *path, struct eddy_config_report *report) {
  size_t size = 0;
  free(load(config, path, &size, report));
  return report->count;
}

int eddy_config_load(struct eddy_config *config, const char *path, FILE *errors) {
  struct eddy_config_report report;
  size_t size = 0;
  /* Whoever stands beside a file expects it to be read, but what is read must not depend on where one stands. */
  if (!path && errors && access("eddy.yaml", R_OK) == 0)
    fputs("eddy: this is the built-in configuration; the eddy.yaml here is read with -c eddy.yaml\n", errors);
  if (!path) return eddy_config_parse(config, "(defaults)", "", 0, errors);
  eddy_config_report_init(&report);
  char *text = load(config, path, &size, &report);
  int count = finish(&report, path, text ? text : "", size, errors);
  free(text);
  return count;
}

void eddy_config_free(struct eddy_config *config) {
  if (!config) return;
  char *owned[] = {
      config->path,        config->app,           config->instance,      config->kafka.brokers,     config->kafka.input,
      config->kafka.group, config->kafka.schemas, config->redis.url,     config->state.erasure_key, config->http.listen,
      config->http.token,  config->registry.url,  config->registry.user, config->registry.password, config->registry.ca_file};
  for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) free(owned[i]);
  for (size_t i = 0; i < config->kafka.property_count; i++) {
    free(config->kafka.properties[i].name);
    free(config->kafka.properties[i].value);
  }
  free(config->kafka.properties);
  *config = (struct eddy_config){0};
}
