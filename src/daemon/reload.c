#include "daemon/reload.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/config_diff.h"

enum { SHOWN_MAX = 300 }; /* bytes of a value in a line of the log */

void eddy_reload_init(struct eddy_reload *reload, const struct eddy_config *config, struct eddy_logger *logger) {
  reload->running = *config;
  reload->logger = logger;
}

/* Errors ------------------------------------------------------------------------------------------------------------------- */

/* One line of what `eddy validate` prints. Lines that begin with a blank quote the file below the error. */
static void say_error(const struct eddy_reload *reload, const char *line, size_t size) {
  if (size == 0 || line[0] == ' ') return;
  eddy_log(reload->logger, EDDY_LOG_ERROR, "configuration not reloaded", "reason=\"%.*s\"", (int)size, line);
}

static void say_errors(const struct eddy_reload *reload, const char *text) {
  for (const char *at = text; *at;) {
    size_t size = strcspn(at, "\n");
    say_error(reload, at, size);
    at += size + (at[size] == '\n');
  }
}

/* False after lines in the log. To be freed in both cases. */
static bool load(const struct eddy_reload *reload, struct eddy_config *fresh) {
  char *text = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  int errors = eddy_config_load(fresh, reload->running.path, memory);
  if (memory) fclose(memory);
  if (errors > 0) say_errors(reload, text ? text : "out of memory");
  free(text);
  return errors == 0;
}

/* Changes ------------------------------------------------------------------------------------------------------------------ */

struct changes {
  struct eddy_reload *reload;
  struct eddy_config next;
  const struct eddy_config *fresh;
  unsigned applied, waiting;
};

static void take_change(void *ctx, const struct eddy_config_change *change) {
  struct changes *changes = ctx;
  if (change->live)
    eddy_config_take(&changes->next, changes->fresh, change);
  else
    changes->waiting++;
  changes->applied += change->live;
  eddy_log(changes->reload->logger, EDDY_LOG_INFO, "setting changed", "key=%s from=\"%.*s\" to=\"%.*s\" effect=\"%s\"",
           change->key, SHOWN_MAX, change->from, SHOWN_MAX, change->to, change->live ? "applied" : "needs a restart");
}

static void set_level(struct eddy_logger *logger, int level) {
  atomic_store_explicit(&logger->level, (enum eddy_log_level)level, memory_order_relaxed);
}

/* Under the more talkative of the two levels, so that a change of level is heard. */
static void apply(struct eddy_reload *reload, const struct eddy_config *fresh, struct eddy_pipeline *pipeline) {
  struct changes changes = {.reload = reload, .next = reload->running, .fresh = fresh};
  if (fresh->log.level > reload->running.log.level) set_level(reload->logger, fresh->log.level);
  eddy_config_diff(&reload->running, fresh, take_change, &changes);
  reload->running = changes.next;
  if (changes.applied > 0) eddy_pipeline_retune(pipeline, &reload->running);
  eddy_log(reload->logger, EDDY_LOG_INFO, "configuration reloaded", "file=\"%s\" applied=%u needs_restart=%u%s",
           reload->running.path, changes.applied, changes.waiting,
           changes.applied + changes.waiting == 0 ? " hint=\"nothing has changed\"" : "");
  set_level(reload->logger, reload->running.log.level);
}

void eddy_reload_now(struct eddy_reload *reload, struct eddy_pipeline *pipeline) {
  struct eddy_config fresh;
  if (!reload->running.path) {
    eddy_log(reload->logger, EDDY_LOG_WARN, "no configuration to read again", "hint=\"it was started without -c FILE\"");
    return;
  }
  bool ok = load(reload, &fresh);
  if (ok) apply(reload, &fresh, pipeline);
  eddy_config_free(&fresh);
  eddy_pipeline_set_reloaded(pipeline, (struct eddy_reload_outcome){.ok = ok, .at = eddy_clock_wall()});
}
