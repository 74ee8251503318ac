/* The configuration read again while eddy runs (SIGHUP): what may change at run time is applied, what needs a restart is said,
 * a file with an error changes nothing. Differences are those to what runs now, so what needs a restart is said again each
 * time.
 *
 * Thread: the one that watches over the pipeline. Workers take over their share between two batches.
 */
#ifndef EDDY_DAEMON_RELOAD_H
#define EDDY_DAEMON_RELOAD_H

#include "base/logger.h"
#include "daemon/pipeline.h"

struct eddy_reload {
  struct eddy_config running; /* texts belong to the configuration of the start; what is live is what runs */
  struct eddy_logger *logger; /* the process's: its level is live, too */
};

/* Both must stay while the process runs. */
void eddy_reload_init(struct eddy_reload *reload, const struct eddy_config *config, struct eddy_logger *logger);
/* Reads the file of the start anew and says in the log what came of it. Costs some milliseconds. */
void eddy_reload_now(struct eddy_reload *reload, struct eddy_pipeline *pipeline);

#endif
