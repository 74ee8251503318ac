/* Making a plan: writer and reader side by side, one step for every value of the writer. */
#include "codec/decode_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/decode_steps.h"
#include "codec/schemas.h"

static bool make_value(struct eddy_plan_maker *maker, const struct eddy_avro_node *writer, const struct eddy_avro_node *reader,
                       const struct eddy_field *field, struct eddy_step *step);

/* Appends to the path; returns the size to go back to. */
static size_t path_push(struct eddy_plan_maker *maker, const char *dot, const char *name) {
  size_t before = maker->path_size, room = sizeof maker->path - before;
  int added = snprintf(maker->path + before, room, "%s%s", dot, name);
  maker->path_size += added > 0 && (size_t)added < room ? (size_t)added : room - 1;
  return before;
}

static void path_pop(struct eddy_plan_maker *maker, size_t before) {
  maker->path_size = before;
  maker->path[before] = '\0';
}

const struct eddy_field_list *eddy_plan_fields(enum eddy_field_kind kind) {
  return kind == EDDY_FIELD_EVENT ? &eddy_event_fields : &eddy_item_fields;
}

/* Skipping ----------------------------------------------------------------------------------------------------------------- */

static uint8_t skip_op(enum eddy_avro_type type) {
  switch (type) {
    case EDDY_AVRO_NULL:
      return EDDY_STEP_NOTHING;
    case EDDY_AVRO_INT:
    case EDDY_AVRO_LONG:
    case EDDY_AVRO_ENUM:
      return EDDY_STEP_SKIP_VARINT;
    case EDDY_AVRO_BYTES:
    case EDDY_AVRO_STRING:
      return EDDY_STEP_SKIP_BYTES;
    case EDDY_AVRO_BOOLEAN:
    case EDDY_AVRO_FLOAT:
    case EDDY_AVRO_DOUBLE:
    case EDDY_AVRO_FIXED:
      return EDDY_STEP_SKIP_FIXED;
    case EDDY_AVRO_RECORD:
    case EDDY_AVRO_ARRAY:
    case EDDY_AVRO_MAP:
    case EDDY_AVRO_UNION:
      break;
  }
  return EDDY_STEP_SKIP_TREE;
}

/* 1 or 2 if a union is of two branches and the first or the second is null. */
static uint8_t nullable(const struct eddy_avro_node *node) {
  if (node->type != EDDY_AVRO_UNION || node->count != 2) return 0;
  if (node->children[0]->type == EDDY_AVRO_NULL) return 1;
  return node->children[1]->type == EDDY_AVRO_NULL ? 2 : 0;
}

static void set_nullable(struct eddy_step *step, uint8_t null_branch) {
  step->nullable = null_branch;
  step->null_byte = null_branch == 2 ? 2 : 0; /* zig-zag */
  step->value_byte = null_branch == 2 ? 0 : 2;
}

static void make_skip(const struct eddy_avro_node *writer, struct eddy_step *step) {
  uint8_t null_branch = nullable(writer);
  if (null_branch) writer = writer->children[2 - null_branch];
  *step = (struct eddy_step){.op = skip_op(writer->type), .aux = writer};
  set_nullable(step, null_branch);
  if (step->op == EDDY_STEP_SKIP_FIXED) step->count = (uint32_t)writer->min_size;
}

/* Unions ------------------------------------------------------------------------------------------------------------------ */

/* Two branches of which one is null and may be so: the branch is read in passing. */
static bool fold_nullable(const struct eddy_avro_node *writer, const struct eddy_step *branches, struct eddy_step *step) {
  uint8_t null_branch = nullable(writer);
  if (!null_branch || branches[null_branch - 1].op != EDDY_STEP_NOTHING) return false;
  *step = branches[2 - null_branch];
  set_nullable(step, null_branch);
  return true;
}

/* A branch that cannot be read is an error only where it occurs; if none can, the schemas do not match. */
static bool make_union(struct eddy_plan_maker *maker, const struct eddy_avro_node *writer, const struct eddy_avro_node *reader,
                       const struct eddy_field *field, struct eddy_step *step) {
  struct eddy_step *branches = eddy_plan_take(maker, writer->count * sizeof *branches);
  if (!branches) return false;
  bool any = false;
  for (uint32_t i = 0; i < writer->count; i++) {
    if (make_value(maker, writer->children[i], reader, field, &branches[i])) {
      any = true;
    } else {
      branches[i] = (struct eddy_step){.op = EDDY_STEP_FAIL};
    }
  }
  if (!any) return writer->count > 0 ? false : eddy_plan_fail(maker, "the writer's union is empty");
  if (!fold_nullable(writer, branches, step)) {
    *step = (struct eddy_step){.op = EDDY_STEP_UNION, .count = writer->count, .aux = branches};
  }
  return true;
}

/* The first branch of the reader's union that matches; any other reader is its own. */
static const struct eddy_avro_node *pick_reader(struct eddy_plan_maker *maker, const struct eddy_avro_node *writer,
                                                const struct eddy_avro_node *reader) {
  bool is_union = reader->type == EDDY_AVRO_UNION;
  for (uint32_t i = 0; is_union && i < reader->count; i++) {
    if (eddy_avro_match(writer, reader->children[i])) return reader->children[i];
  }
  if (!is_union && eddy_avro_match(writer, reader)) return reader;
  const char *from = writer->name ? writer->name : eddy_avro_type_name(writer->type);
  const char *to = reader->name ? reader->name : eddy_avro_type_name(reader->type);
  eddy_plan_fail(maker, "the writer's %s cannot be read as %s", from, to);
  return NULL;
}

/* Values ------------------------------------------------------------------------------------------------------------------ */

/* The reader's type that a field of the event can hold. */
static enum eddy_avro_type held_type(enum eddy_field_kind kind) {
  switch (kind) {
    case EDDY_FIELD_TEXT:
      return EDDY_AVRO_STRING;
    case EDDY_FIELD_TYPE:
      return EDDY_AVRO_ENUM;
    case EDDY_FIELD_TIME:
    case EDDY_FIELD_MONEY:
      return EDDY_AVRO_LONG;
    case EDDY_FIELD_QUANTITY:
      return EDDY_AVRO_INT;
    case EDDY_FIELD_DEGREES:
      return EDDY_AVRO_DOUBLE;
    case EDDY_FIELD_TRISTATE:
      return EDDY_AVRO_BOOLEAN;
    case EDDY_FIELD_ITEMS:
      return EDDY_AVRO_ARRAY;
    case EDDY_FIELD_PROPERTIES:
      return EDDY_AVRO_MAP;
    case EDDY_FIELD_EVENT:
    case EDDY_FIELD_ITEM:
      break;
  }
  return EDDY_AVRO_RECORD;
}

/* Writer types that matching lets through, read as a number of the held type. */
static uint8_t number_op(enum eddy_avro_type from, enum eddy_avro_type held) {
  if (held == EDDY_AVRO_BOOLEAN) return EDDY_STEP_BOOLEAN;
  if (held == EDDY_AVRO_INT) return EDDY_STEP_INT;
  if (held == EDDY_AVRO_LONG) return from == EDDY_AVRO_INT ? EDDY_STEP_INT_AS_LONG : EDDY_STEP_LONG;
  if (from == EDDY_AVRO_INT) return EDDY_STEP_INT_AS_DOUBLE;
  if (from == EDDY_AVRO_LONG) return EDDY_STEP_LONG_AS_DOUBLE;
  return from == EDDY_AVRO_FLOAT ? EDDY_STEP_FLOAT : EDDY_STEP_DOUBLE;
}

static int32_t read_symbol(const struct eddy_avro_node *reader, const char *symbol) {
  for (uint32_t i = 0; i < reader->symbols.count; i++) {
    if (strcmp(reader->symbols.at[i], symbol) == 0) return (int32_t)i;
  }
  return reader->symbol_default;
}

static bool make_enum(struct eddy_plan_maker *maker, const struct eddy_avro_node *writer, const struct eddy_avro_node *reader,
                      struct eddy_step *step) {
  int32_t *types = eddy_plan_take(maker, writer->symbols.count * sizeof *types);
  if (!types) return false;
  for (uint32_t i = 0; i < writer->symbols.count; i++) {
    int32_t symbol = read_symbol(reader, writer->symbols.at[i]);
    const char *name = symbol < 0 ? "" : reader->symbols.at[symbol];
    types[i] = eddy_event_type_find((struct eddy_str){name, (uint32_t)strlen(name)});
  }
  step->op = EDDY_STEP_ENUM;
  step->count = writer->symbols.count;
  step->aux = types;
  return true;
}

static bool make_entries(struct eddy_plan_maker *maker, const struct eddy_avro_node *writer,
                         const struct eddy_avro_node *reader, bool properties, struct eddy_step *step) {
  static const struct eddy_field item = {.kind = EDDY_FIELD_ITEM};
  static const struct eddy_field value = {.kind = EDDY_FIELD_TEXT,
                                          .offset = offsetof(struct eddy_property, value),
                                          .limit = EDDY_TEXT_MAX,
                                          .error = EDDY_EVENT_E_TEXT};
  struct eddy_step_entries *entries = eddy_plan_take(maker, sizeof *entries);
  if (!entries) return false;
  step->op = properties ? EDDY_STEP_PROPERTIES : EDDY_STEP_ITEMS;
  step->aux = entries;
  entries->entry_min = writer->children[0]->min_size + (properties ? 1 : 0);
  size_t before = path_push(maker, "", "[]");
  bool good = make_value(maker, writer->children[0], reader->children[0], properties ? &value : &item, &entries->step);
  path_pop(maker, before);
  return good;
}

/* Records ----------------------------------------------------------------------------------------------------------------- */

/* Gives every field of the reader that the writer lacks its default, in the blank. */
static bool make_defaults(struct eddy_plan_maker *maker, const struct eddy_avro_node *reader, const bool *found,
                          enum eddy_field_kind kind, uint8_t *blank) {
  for (uint32_t i = 0; i < reader->count; i++) {
    const struct eddy_avro_field *part = &reader->fields[i];
    const struct eddy_field *field = eddy_field_find(eddy_plan_fields(kind), part->name);
    size_t before = path_push(maker, ".", part->name);
    bool good = true;
    if (!field) {
      good = eddy_plan_fail(maker, "an event has no such field");
    } else if (!found[i]) {
      good = part->fallback ? eddy_plan_default(maker, field, part->type, part->fallback, blank)
                            : eddy_plan_fail(maker, "the writer lacks it and the reader has no default");
    }
    if (!good) return false;
    path_pop(maker, before);
  }
  return true;
}

/* Steps for the writer's fields in its order; `found` tells which of the reader's they fill. */
static bool make_fields(struct eddy_plan_maker *maker, const struct eddy_avro_node *writer, const struct eddy_avro_node *reader,
                        enum eddy_field_kind kind, bool *found, struct eddy_step *steps) {
  for (uint32_t i = 0; i < writer->count; i++) {
    int position = eddy_avro_reader_field(writer, writer->fields[i].name, reader);
    const struct eddy_field *field = NULL;
    if (position >= 0 && !found[position]) field = eddy_field_find(eddy_plan_fields(kind), reader->fields[position].name);
    if (!field) {
      make_skip(writer->fields[i].type, &steps[i]);
      continue;
    }
    found[position] = true;
    size_t before = path_push(maker, ".", field->name);
    bool good = make_value(maker, writer->fields[i].type, reader->fields[position].type, field, &steps[i]);
    path_pop(maker, before);
    if (!good) return false;
  }
  return true;
}

/* How many nullable steps follow each other, from each on. */
static void count_runs(struct eddy_step *steps, uint32_t count) {
  uint8_t run = 0;
  for (uint32_t i = count; i-- > 0;) {
    run = steps[i].nullable != 1 ? 0 : run < 255 ? (uint8_t)(run + 1) : 255;
    steps[i].run = run;
  }
}

static bool make_record(struct eddy_plan_maker *maker, const struct eddy_avro_node *writer, const struct eddy_avro_node *reader,
                        enum eddy_field_kind kind, struct eddy_step *step) {
  bool is_event = kind == EDDY_FIELD_EVENT;
  size_t size = is_event ? sizeof(struct eddy_event) : sizeof(struct eddy_item), before = maker->path_size;
  struct eddy_step_list *list = eddy_plan_take(maker, sizeof *list);
  struct eddy_step *steps = eddy_plan_take(maker, writer->count * sizeof *steps);
  bool *found = eddy_plan_take(maker, reader->count * sizeof *found);
  uint8_t *blank = eddy_plan_take(maker, size);
  if (!list || !steps || !found || !blank) return false;
  memcpy(blank, is_event ? (const void *)&eddy_event_empty : (const void *)&eddy_item_empty, size);
  if (before == 0) path_push(maker, "", eddy_avro_short_name(reader->name));
  bool good = make_fields(maker, writer, reader, kind, found, steps) && make_defaults(maker, reader, found, kind, blank);
  path_pop(maker, before);
  if (!good) return false;
  count_runs(steps, writer->count);
  *list = (struct eddy_step_list){.steps = steps, .end = steps + writer->count, .blank = blank, .is_event = is_event};
  step->op = EDDY_STEP_RECORD;
  step->aux = list;
  return true;
}

/* Neither side is a union any more, and they match. */
static bool make_plain(struct eddy_plan_maker *maker, const struct eddy_avro_node *writer, const struct eddy_avro_node *reader,
                       const struct eddy_field *field, struct eddy_step *step) {
  *step = (struct eddy_step){.offset = field->offset, .flag = field->companion, .limit = field->limit};
  if (reader->type == EDDY_AVRO_NULL) return true;
  enum eddy_avro_type held = held_type(field->kind);
  if (reader->type != held)
    return eddy_plan_fail(maker, "an event cannot hold the reader's %s", eddy_avro_type_name(reader->type));
  switch (field->kind) {
    case EDDY_FIELD_TEXT:
      step->op = EDDY_STEP_TEXT;
      step->count = (uint32_t)-field->error;
      return true;
    case EDDY_FIELD_TYPE:
      return make_enum(maker, writer, reader, step);
    case EDDY_FIELD_ITEMS:
      return make_entries(maker, writer, reader, false, step);
    case EDDY_FIELD_PROPERTIES:
      return make_entries(maker, writer, reader, true, step);
    case EDDY_FIELD_EVENT:
    case EDDY_FIELD_ITEM:
      return make_record(maker, writer, reader, field->kind, step);
    case EDDY_FIELD_TIME:
    case EDDY_FIELD_MONEY:
    case EDDY_FIELD_QUANTITY:
    case EDDY_FIELD_DEGREES:
    case EDDY_FIELD_TRISTATE:
      break;
  }
  step->op = number_op(writer->type, held);
  return true;
}

/* Recursion follows the reader, whose shape is that of an event: event, items, item, each perhaps in a union. */
static bool make_value(struct eddy_plan_maker *maker, const struct eddy_avro_node *writer, const struct eddy_avro_node *reader,
                       const struct eddy_field *field, struct eddy_step *step) {
  if (writer->type == EDDY_AVRO_UNION) return make_union(maker, writer, reader, field, step);
  reader = pick_reader(maker, writer, reader);
  return reader && make_plain(maker, writer, reader, field, step);
}

/* The whole --------------------------------------------------------------------------------------------------------------- */

struct eddy_decode_plan *eddy_decode_plan_new_for(const struct eddy_avro_schema *writer, const struct eddy_avro_schema *reader,
                                                  char *why, size_t why_size) {
  static const struct eddy_field whole = {.kind = EDDY_FIELD_EVENT};
  struct eddy_decode_plan *plan = calloc(1, sizeof *plan);
  if (!plan) return NULL;
  eddy_event_room_init(&plan->arena);
  plan->writer = writer->root;
  struct eddy_plan_maker maker = {.arena = &plan->arena, .why = why, .why_size = why_size};
  if (make_value(&maker, writer->root, reader->root, &whole, &plan->root)) return plan;
  eddy_decode_plan_free(plan);
  return NULL;
}

struct eddy_decode_plan *eddy_decode_plan_new(const struct eddy_avro_schema *writer, char *why, size_t why_size) {
  struct eddy_avro_schema *reader = eddy_avro_schema_parse(eddy_schema_event, sizeof eddy_schema_event - 1, why, why_size);
  if (!reader) return NULL;
  struct eddy_decode_plan *plan = eddy_decode_plan_new_for(writer, reader, why, why_size);
  eddy_avro_schema_free(reader);
  return plan;
}

void eddy_decode_plan_free(struct eddy_decode_plan *plan) {
  if (!plan) return;
  eddy_event_room_fini(&plan->arena);
  free(plan);
}
