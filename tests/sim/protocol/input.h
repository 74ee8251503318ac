/* The input topic: a handful of users per partition, each with views, carts, orders, consent and its end; duplicates, late
 * events, garbage, and records of a schema that is not known at first. */
#ifndef EDDY_SIM_PROTOCOL_INPUT_H
#define EDDY_SIM_PROTOCOL_INPUT_H

#include "codec/event_decoder.h"
#include "sim/protocol/kafka.h"

struct sim;
struct input;

enum { INPUT_USERS = 5 };

struct input *input_new(struct sim *sim);
void input_free(struct input *input);
/* Appends one record to some partition. */
void input_produce(struct sim *sim);
/* A last event in each partition, after which nothing is due any more once time stands at it. */
void input_close(struct sim *sim);
/* From now on the schema is known. */
void input_show_schema(struct sim *sim);
struct eddy_raw_record input_raw(const struct kafka_entry *entry);
/* A decoder that knows every schema. */
struct eddy_event_decoder *input_decoder(void);
/* Name of a user of a partition, 0 .. INPUT_USERS; the last one only closes. */
void input_user(int partition, int user, char name[8]);

#endif
