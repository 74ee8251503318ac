/* The inside of the oracle, shared by oracle.c, check_outputs.c and check_state.c. */
#ifndef EDDY_SIM_PROTOCOL_ORACLE_STATE_H
#define EDDY_SIM_PROTOCOL_ORACLE_STATE_H

#include "codec/event_decoder.h"
#include "codec/output_codec.h"
#include "daemon/partition.h"
#include "sim/protocol/input.h"
#include "sim/protocol/kafka.h"
#include "sim/protocol/outputs.h"

struct oracle {
  struct eddy_partition *partition;
  struct eddy_model *model;
  struct eddy_event_decoder *decoder;
  struct eddy_event_room room;
  struct eddy_output_codec *codec;
  struct eddy_effects effects;
  struct eddy_buffer json;
  struct outputs decided;             /* triggers and receipts */
  const struct kafka_entry **letters; /* NULL: stands for a record that was met */
  size_t letter_count;
  bool any_unclear, unclear[INPUT_USERS + 1]; /* what such a user is depends on when the sweep came by, see note_unclear() */
  int64_t segments[INPUT_USERS + 1];          /* as published last, -1 = none; ... */
  bool may_be_reborn[INPUT_USERS + 1];        /* ... or ended by an erasure since */
  int64_t first[INPUT_USERS + 1];             /* time of each user's oldest event */
};

#endif
