#include "cmd/config_init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* What most people set, in the order in which they need it. `eddy validate` accepts it as it is (tests/cli). */
static const char start[] =
    "# Configuration of eddy. Every key may be left out; `eddy config reference` explains all of them, `eddy config show` "
    "prints\n"
    "# what this file comes to. ${NAME} and ${NAME:-default} take a value from the environment, ${file:PATH} from a file (for\n"
    "# secrets).\n"
    "\n"
    "app: shop                       # prefix of topics and Redis keys, and the consumer group\n"
    "# instance: a                   # one per process, the same after a restart; default: the host name\n"
    "# workers: 2                    # threads; default 1\n"
    "\n"
    "kafka:\n"
    "  brokers: ${KAFKA:-localhost:9092}\n"
    "  input: shop.events            # key = user_id; Avro or JSON\n"
    "  # schemas: schemas            # folder of writer schemas <id>.avsc, for Avro in Confluent framing, or:\n"
    "  # properties:                 # librdkafka's own names\n"
    "  #   security.protocol: SASL_SSL\n"
    "  #   sasl.mechanisms: SCRAM-SHA-512\n"
    "  #   sasl.username: eddy\n"
    "  #   sasl.password: ${file:kafka.password}\n"
    "\n"
    "# registry:\n"
    "#   url: http://localhost:8081  # schemas of events by id; outputs are in Confluent framing, too\n"
    "\n"
    "# redis:\n"
    "#   url: redis://localhost:6379 # profiles, segment members and triggers for senders and services\n"
    "\n"
    "time:\n"
    "  allowed_lateness: 10s         # how far out of order events may arrive\n"
    "\n"
    "profile:\n"
    "  idle_ttl: 400d                # a user without events for this long is forgotten\n"
    "  currency: USD                 # values in others are counted and skipped\n"
    "  # memory_max: 4GiB            # a partition that would need more is paused\n"
    "\n"
    "# Numbers kept per user. A list replaces the 32 built-in ones, which are a good start.\n"
    "# features:\n"
    "#   - {name: opens_7d, on: email_opened, half_life: 7d, cluster: true}\n"
    "#   - {name: spend_30d, on: order_completed, value: value, half_life: 30d, cluster: true}\n"
    "\n"
    "model:\n"
    "  segments: 16                  # how many groups of users to tell apart\n"
    "\n"
    "triggers:\n"
    "  - name: cart_abandonment\n"
    "    after: [product_added, cart_updated]\n"
    "    without: [order_completed, checkout_started]\n"
    "    for: 1h                     # [1h, 24h]: a reminder, too\n"
    "    subject: cart_id            # of the same cart; user: of the same user\n"
    "    payload: cart               # carry what is in it\n"
    "    cooldown: 24h               # at most one a day for a user\n"
    "    # mode: shadow              # decide everything, publish nothing\n"
    "\n"
    "http:\n"
    "  listen: 127.0.0.1:8377        # /metrics, /healthz, /readyz; `eddy top` asks it\n"
    "\n"
    "log: {level: info, format: logfmt}\n";

static int refuse(const char *path, const char *why) {
  fprintf(stderr, "eddy config: %s: %s\n", path, why);
  return EX_CANTCREAT;
}

int eddy_config_init(const char *path) {
  if (strcmp(path, "-") == 0) return fputs(start, stdout) >= 0 && fflush(stdout) == 0 ? EX_OK : EX_IOERR;
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) return refuse(path, errno == EEXIST ? "is there already; nothing was changed" : strerror(errno));
  FILE *file = fdopen(descriptor, "w");
  bool written = file && fputs(start, file) >= 0;
  if (file ? fclose(file) != 0 : close(descriptor) != 0) written = false;
  if (!written) {
    int error = errno;
    unlink(path);
    return refuse(path, strerror(error));
  }
  fprintf(stderr,
          "%s: written. Look through it, then:\n  eddy validate -c %s\n  eddy topics create -c %s\n  eddy check -c %s\n"
          "  eddy run -c %s\n",
          path, path, path, path, path);
  return EX_OK;
}
