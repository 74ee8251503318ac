/* Events onto the input topic, as `eddy produce` and `eddy forget` write them: Avro or JSON, keyed by user_id, idempotent; and
 * records as they are, for `eddy dlq retry`. One thread; a call blocks while the client's queue is full.
 */
#ifndef EDDY_CMD_INPUT_H
#define EDDY_CMD_INPUT_H

#include "base/memory.h"
#include "cmd/client.h"
#include "codec/framing.h"
#include "eddy/event.h"

enum eddy_cmd_framing { EDDY_CMD_SINGLE_OBJECT, EDDY_CMD_CONFLUENT, EDDY_CMD_JSON };

struct eddy_cmd_input {
  const char *command; /* in front of messages */
  const char *topic;   /* NULL = kafka.input; set by the caller like the next two */
  enum eddy_cmd_framing framing;
  const rd_kafka_headers_t *headers; /* of every event, NULL = none */
  struct eddy_prefix prefix;         /* in front of Avro */
  struct eddy_cmd_client client;
  struct eddy_buffer value;
  int32_t partitions; /* of the topic, once it is open */
  uint64_t sent;
};

/* 0, or 69, 71 or 78 after a message. The topic must exist; Confluent's framing asks the registry. */
int eddy_cmd_input_open(struct eddy_cmd_input *input, const struct eddy_config *config);
void eddy_cmd_input_close(struct eddy_cmd_input *input); /* never opened is fine, too */

/* Sends one, to a partition (RD_KAFKA_PARTITION_UA: the key's). `delivery` (NULL = not wanted) is filled in during a later
 * call. 0, or 69 or 71 after a message. */
int eddy_cmd_input_send(struct eddy_cmd_input *input, const struct eddy_event *event, int32_t partition,
                        struct eddy_cmd_delivery *delivery);

/* A record as it is. A key or value of NULL is none. */
struct eddy_cmd_record {
  const void *key, *value;
  size_t key_size, value_size;
  int32_t partition;           /* RD_KAFKA_PARTITION_UA = the key's */
  rd_kafka_headers_t *headers; /* NULL = none; taken over in any case */
};
/* The same for any record, without a message. */
rd_kafka_resp_err_t eddy_cmd_input_send_record(struct eddy_cmd_input *input, const struct eddy_cmd_record *record,
                                               struct eddy_cmd_delivery *delivery);

/* Waits until all have arrived: 0, or 69 after a message. */
int eddy_cmd_input_flush(struct eddy_cmd_input *input);

#endif
