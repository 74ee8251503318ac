/* The inside of a decode plan, shared by the files that make one (decode_plan.c, decode_resolve.c, decode_default.c) and the
 * one that runs it (decode_run.c).
 *
 * A plan is a tree of steps. A step reads one value of the writer and puts it at an offset of its target (an event, an item or
 * a property), or skips it. Records are lists of steps in the writer's order; what the writer does not have lies ready in the
 * record's blank, with the reader's defaults.
 */
#ifndef EDDY_CODEC_DECODE_STEPS_H
#define EDDY_CODEC_DECODE_STEPS_H

#include "codec/decode_plan.h"
#include "codec/event_fields.h"

enum eddy_step_op {
  EDDY_STEP_NOTHING, /* no bytes, nothing to store */
  EDDY_STEP_TEXT,    /* limit; count: minus the code of a bad text */
  EDDY_STEP_LONG,    /* -> int64_t, and true at flag */
  EDDY_STEP_SKIP_VARINT,
  EDDY_STEP_SKIP_BYTES,  /* length prefix */
  EDDY_STEP_SKIP_FIXED,  /* count bytes */
  EDDY_STEP_INT_AS_LONG, /* as LONG, within 32 bits */
  EDDY_STEP_INT,         /* -> int32_t */
  EDDY_STEP_BOOLEAN,     /* -> int8_t */
  EDDY_STEP_ENUM,        /* count symbols, aux: int32_t per symbol, an event type or -1 */
  EDDY_STEP_DOUBLE,      /* -> double, finite */
  EDDY_STEP_FLOAT,
  EDDY_STEP_LONG_AS_DOUBLE,
  EDDY_STEP_INT_AS_DOUBLE,
  EDDY_STEP_RECORD,     /* aux: struct eddy_step_list */
  EDDY_STEP_ITEMS,      /* aux: step per item, flag: count; entry_min */
  EDDY_STEP_PROPERTIES, /* aux: step per value, flag: count; entry_min */
  EDDY_STEP_UNION,      /* count branches, aux: a step for each */
  EDDY_STEP_SKIP_TREE,  /* aux: struct eddy_avro_node of the writer */
  EDDY_STEP_FAIL,       /* this branch of a union cannot be read: MALFORMED */
};

struct eddy_step {
  uint8_t op;                    /* enum eddy_step_op */
  uint8_t nullable;              /* 0 no; 1 behind a union of two whose first branch is null; 2 whose second is */
  uint8_t null_byte, value_byte; /* then: the branches as they stand on the wire */
  uint8_t run;                   /* so many steps with nullable == 1 follow each other from here on, at most 255 */
  uint16_t offset, flag, limit;
  uint32_t count;
  const void *aux;
};

struct eddy_step_list {
  const struct eddy_step *steps, *end;
  const void *blank; /* struct eddy_event or struct eddy_item with the defaults */
  bool is_event;
};

/* Array items and map values: the step for one, and the bytes it takes at least. */
struct eddy_step_entries {
  struct eddy_step step;
  uint64_t entry_min;
};

struct eddy_decode_plan {
  struct eddy_step root;
  const struct eddy_avro_node *writer;
  struct eddy_event_room arena; /* the steps, blanks and defaults */
};

/* What is handed around while a plan is made. */
struct eddy_plan_maker {
  struct eddy_event_room *arena;
  char path[256];
  size_t path_size;
  char *why;
  size_t why_size;
};

/* Writes a sentence with the path in front; returns false. */
__attribute__((format(printf, 2, 3))) bool eddy_plan_fail(struct eddy_plan_maker *maker, const char *format, ...);
/* Zeroed memory of the plan; NULL with a sentence. */
void *eddy_plan_take(struct eddy_plan_maker *maker, size_t size);

/* Can a value of `writer` be read as `reader` (specification 1.11, "Schema Resolution": "to match, one of the following must
 * hold")? Looks at records by name only. */
bool eddy_avro_match(const struct eddy_avro_node *writer, const struct eddy_avro_node *reader);
/* The reader's field that a writer's field is read into: by name, else by an alias of a field that the writer does not have
 * under its own name. -1 = none. */
int eddy_avro_reader_field(const struct eddy_avro_node *writer, const char *name, const struct eddy_avro_node *reader);

/* Puts the default of a reader's field into the blank `target`. */
bool eddy_plan_default(struct eddy_plan_maker *maker, const struct eddy_field *field, const struct eddy_avro_node *reader,
                       const struct json_t *value, uint8_t *target);
/* The fields that a record of this kind (EVENT, ITEM) has. */
const struct eddy_field_list *eddy_plan_fields(enum eddy_field_kind kind);

#endif
