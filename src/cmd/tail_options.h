/* What `eddy tail` is asked for. */
#ifndef EDDY_CMD_TAIL_OPTIONS_H
#define EDDY_CMD_TAIL_OPTIONS_H

#include "cmd/topic_reader.h"

struct eddy_tail_request {
  const char *config, *topic, *format; /* NULL = built-in; as it was written; NULL = JSON lines */
  struct eddy_cmd_where where;
  uint64_t count;    /* 0 = all */
  int32_t partition; /* or EDDY_CMD_ALL_PARTITIONS */
  bool exit_at_end, wrap;
};

extern const char eddy_tail_usage[];

/* 0, or 64 after a message. */
int eddy_tail_options(int argc, char **argv, struct eddy_tail_request *request);

/* Its position in daemon/topics.h if the name is one of eddy's words for a topic ("events", "triggers"), else -1. */
int eddy_tail_word(const char *name);

#endif
