/* Tells systemd how the process is (Type=notify, WatchdogSec): READY=1 once /readyz says so for the first time, WATCHDOG=1
 * while /healthz does, what is missing as STATUS, STOPPING=1 when it leaves. Datagrams to $NOTIFY_SOCKET, as sd_notify(3)
 * describes them; without that variable all of this does nothing.
 *
 * Cost: two answers of daemon/status per second. Thread: the one that watches over the pipeline. Nothing here waits.
 */
#ifndef EDDY_DAEMON_NOTIFY_H
#define EDDY_DAEMON_NOTIFY_H

#include "daemon/pipeline.h"

struct eddy_notify {
  int socket;       /* -1: nobody listens */
  int64_t every_ms; /* between two looks: half of the watchdog's time, at most a second */
  bool watched;     /* WATCHDOG=1 is expected */
  bool ready;       /* READY=1 has been sent */
  bool leaving;     /* STOPPING=1 has been sent */
  int64_t next;     /* monotonic time of the next look */
  char told[256];   /* the last STATUS */
};

/* Reads the environment. Cannot fail: without a listener it stays silent. */
void eddy_notify_open(struct eddy_notify *notify);
/* Looks after the pipeline if it is time to. */
void eddy_notify_turn(struct eddy_notify *notify, struct eddy_pipeline *pipeline, int64_t mono);
/* The same on stats at hand, without looking at the time. */
void eddy_notify_tell(struct eddy_notify *notify, const struct eddy_pipeline_stats *stats, int64_t mono);
/* It reads its configuration again (`now_us`: the monotonic clock), and has done so. Nothing while it is not ready yet: that
 * would say it was. */
void eddy_notify_reloading(struct eddy_notify *notify, int64_t now_us);
void eddy_notify_reloaded(struct eddy_notify *notify);
/* It was asked to end. */
void eddy_notify_stopping(struct eddy_notify *notify);
void eddy_notify_close(struct eddy_notify *notify);

#endif
