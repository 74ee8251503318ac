/* One record of one of eddy's topics, or of any other, as one line of JSON. One thread. */
#ifndef EDDY_CMD_TAIL_RECORD_H
#define EDDY_CMD_TAIL_RECORD_H

#include "codec/event_decoder.h"
#include "codec/output_read.h"
#include "daemon/registry.h"
#include "daemon/topics.h"

/* Of no kind that we know: records of an output if the name ends like one, events, else text or bytes. */
enum { EDDY_TAIL_ANY = EDDY_TOPIC_ALL };

struct eddy_tail_record {
  int topic;                          /* of daemon/topics.h, or EDDY_TAIL_ANY */
  struct eddy_output_reader *outputs; /* for outputs, or NULL */
  struct eddy_schema_folder *folder;  /* for events, or NULL; likewise the registry */
  struct eddy_registry_client *registry;
  struct eddy_registry_answer answer; /* its last, owned */
  struct eddy_schema_pair schemas;
  struct eddy_event_decoder *events;
  struct eddy_event_room room;
};

/* 0, or -1 with a sentence. */
int eddy_tail_record_open(struct eddy_tail_record *record, const struct eddy_config *config, int topic, const char *name,
                          char *why, size_t why_size);
void eddy_tail_record_close(struct eddy_tail_record *record); /* half-opened is fine */

/* Appends a line. 0, or -1 with a sentence if the record is not what the topic should hold; then the buffer is as it was. */
int eddy_tail_record_print(struct eddy_tail_record *record, const rd_kafka_message_t *message, struct eddy_buffer *line,
                           char *why, size_t why_size);
/* The same within {"topic":...,"partition":...,"offset":...,"ts":...,"headers":[name,value...],"key":...,"payload":...}. A
 * header's value is a string, null, or {"base64":...} if it is no UTF-8. */
int eddy_tail_record_wrap(struct eddy_tail_record *record, const rd_kafka_message_t *message, struct eddy_buffer *line,
                          char *why, size_t why_size);

#endif
