/* Running a plan: the hot loop of the input path. */
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/decode_steps.h"
#include "codec/utf8.h"

struct run {
  struct eddy_avro_cursor cursor;
  struct eddy_event_room *room;
};

static int run_steps(struct run *run, const struct eddy_step *step, const struct eddy_step *end, uint8_t *target);

/* Texts ------------------------------------------------------------------------------------------------------------------- */

/* Lengths below 64, which is nearly all, are one even byte. */
static inline int read_length(struct eddy_avro_cursor *cursor, size_t *length) {
  if (cursor->at < cursor->end && (*cursor->at & 0x81) == 0) {
    *length = *cursor->at++ >> 1;
    return *length > eddy_avro_left(cursor) ? EDDY_EVENT_E_TRUNCATED : 0;
  }
  return eddy_avro_length(cursor, length);
}

static inline int read_text(struct eddy_avro_cursor *cursor, const struct eddy_step *step, struct eddy_str *text) {
  size_t length = 0;
  int error = read_length(cursor, &length);
  if (error) return error;
  const char *data = (const char *)cursor->at;
  if (length > step->limit || !eddy_utf8_valid(data, length)) return -(int)step->count;
  *text = (struct eddy_str){data, (uint32_t)length};
  cursor->at += length;
  return 0;
}

static inline int skip_text(struct eddy_avro_cursor *cursor) {
  size_t length = 0;
  int error = read_length(cursor, &length);
  if (error) return error;
  cursor->at += length;
  return 0;
}

/* Numbers ----------------------------------------------------------------------------------------------------------------- */

static inline int read_int(struct eddy_avro_cursor *cursor, int64_t *value) {
  int error = eddy_avro_long(cursor, value);
  if (error) return error;
  return *value < INT32_MIN || *value > INT32_MAX ? EDDY_EVENT_E_MALFORMED : 0;
}

static inline int store_long(const struct eddy_step *step, int error, int64_t value, uint8_t *target) {
  if (error) return error;
  *(int64_t *)(void *)(target + step->offset) = value;
  if (step->flag) *(bool *)(target + step->flag) = true;
  return 0;
}

static inline int read_boolean(struct eddy_avro_cursor *cursor, int8_t *target) {
  if (cursor->at >= cursor->end) return EDDY_EVENT_E_TRUNCATED;
  if (*cursor->at > 1) return EDDY_EVENT_E_MALFORMED;
  *target = (int8_t)*cursor->at++;
  return 0;
}

static int store_double(double value, double *target) {
  if (!isfinite(value)) return EDDY_EVENT_E_NUMBER;
  *target = value;
  return 0;
}

static int read_double(struct eddy_avro_cursor *cursor, double *target) {
  double value;
  if (eddy_avro_left(cursor) < sizeof value) return EDDY_EVENT_E_TRUNCATED;
  uint64_t bits = eddy_load_u64(cursor->at);
  memcpy(&value, &bits, sizeof value);
  cursor->at += sizeof value;
  return store_double(value, target);
}

static int read_float(struct eddy_avro_cursor *cursor, double *target) {
  float value;
  if (eddy_avro_left(cursor) < sizeof value) return EDDY_EVENT_E_TRUNCATED;
  uint32_t bits = eddy_load_u32(cursor->at);
  memcpy(&value, &bits, sizeof value);
  cursor->at += sizeof value;
  return store_double((double)value, target);
}

static int read_number(struct eddy_avro_cursor *cursor, const struct eddy_step *step, uint8_t *target) {
  int64_t value = 0;
  int error = step->op == EDDY_STEP_LONG_AS_DOUBLE ? eddy_avro_long(cursor, &value) : read_int(cursor, &value);
  if (error) return error;
  void *at = target + step->offset;
  if (step->op == EDDY_STEP_INT) {
    *(int32_t *)at = (int32_t)value;
  } else if (step->op == EDDY_STEP_INT_AS_LONG) {
    return store_long(step, 0, value, target);
  } else {
    *(double *)at = (double)value;
  }
  return 0;
}

static inline int read_type(struct eddy_avro_cursor *cursor, const struct eddy_step *step, enum eddy_event_type *target) {
  int64_t symbol;
  int error = eddy_avro_long(cursor, &symbol);
  if (error) return error;
  if (symbol < 0 || symbol >= step->count) return EDDY_EVENT_E_MALFORMED;
  int32_t type = ((const int32_t *)step->aux)[symbol];
  if (type < 0) return EDDY_EVENT_E_TYPE;
  *target = (enum eddy_event_type)type;
  return 0;
}

/* Records, arrays, maps, unions ------------------------------------------------------------------------------------------- */

static int run_record(struct run *run, const struct eddy_step_list *list, uint8_t *target) {
  if (list->is_event) {
    memcpy(target, list->blank, sizeof(struct eddy_event));
  } else {
    memcpy(target, list->blank, sizeof(struct eddy_item));
  }
  return run_steps(run, list->steps, list->end, target);
}

static int run_union(struct run *run, const struct eddy_step *step, uint8_t *target) {
  int64_t branch;
  int error = eddy_avro_long(&run->cursor, &branch);
  if (error) return error;
  if (branch < 0 || branch >= step->count) return EDDY_EVENT_E_MALFORMED;
  const struct eddy_step *taken = (const struct eddy_step *)step->aux + branch;
  return run_steps(run, taken, taken + 1, target);
}

/* The entries of an array or map as they come in. */
struct entry_list {
  uint8_t *at;
  size_t count, entry_size, count_max;
};

/* Reads the header of a block and makes room for its entries behind the others. 0, a code, or FULL. */
static int open_block(struct run *run, uint64_t entry_min, struct entry_list *list, uint64_t *more) {
  int64_t size;
  int error = eddy_avro_block(&run->cursor, entry_min, more, &size);
  if (error || *more == 0) return error;
  if (*more > list->count_max - list->count) return EDDY_EVENT_E_LIMIT;
  size_t old_size = list->count * list->entry_size, new_size = old_size + (size_t)*more * list->entry_size;
  list->at = eddy_event_room_grow(run->room, list->at, old_size, new_size);
  return list->at ? 0 : EDDY_DECODE_FULL;
}

static int run_item(struct run *run, const struct eddy_step *item, uint8_t *target) {
  return run_steps(run, item, item + 1, target);
}

static int run_property(struct run *run, const struct eddy_step *value, uint8_t *target) {
  static const struct eddy_step key = {.op = EDDY_STEP_TEXT, .limit = EDDY_ID_MAX, .count = (uint32_t)-EDDY_EVENT_E_TEXT};
  struct eddy_property *property = (struct eddy_property *)(void *)target;
  *property = (struct eddy_property){{NULL, 0}, {NULL, 0}};
  int error = read_text(&run->cursor, &key, &property->key);
  return error ? error : run_steps(run, value, value + 1, target);
}

static int run_entries(struct run *run, const struct eddy_step_entries *entries, bool properties, struct entry_list *list) {
  for (;;) {
    uint64_t more;
    int error = open_block(run, entries->entry_min, list, &more);
    if (error || more == 0) return error;
    for (; more > 0; more--, list->count++) {
      uint8_t *entry = list->at + list->count * list->entry_size;
      error = properties ? run_property(run, &entries->step, entry) : run_item(run, &entries->step, entry);
      if (error) return error;
    }
  }
}

static int run_items(struct run *run, const struct eddy_step *step, uint8_t *target) {
  struct entry_list list = {.entry_size = sizeof(struct eddy_item), .count_max = EDDY_EVENT_ITEMS_MAX};
  int error = run_entries(run, step->aux, false, &list);
  *(const struct eddy_item **)(void *)(target + step->offset) = (const struct eddy_item *)(void *)list.at;
  *(uint32_t *)(void *)(target + step->flag) = (uint32_t)list.count;
  return error;
}

static int run_properties(struct run *run, const struct eddy_step *step, uint8_t *target) {
  struct entry_list list = {.entry_size = sizeof(struct eddy_property), .count_max = EDDY_EVENT_PROPERTIES_MAX};
  int error = run_entries(run, step->aux, true, &list);
  *(const struct eddy_property **)(void *)(target + step->offset) = (const struct eddy_property *)(void *)list.at;
  *(uint32_t *)(void *)(target + step->flag) = (uint32_t)list.count;
  return error;
}

/* The loop ---------------------------------------------------------------------------------------------------------------- */

/* Steps that are rare or heavy enough for a call. */
static int run_rare(struct run *run, const struct eddy_step *step, uint8_t *target) {
  struct eddy_avro_cursor *cursor = &run->cursor;
  void *at = target + step->offset;
  switch ((enum eddy_step_op)step->op) {
    case EDDY_STEP_SKIP_FIXED:
      return eddy_avro_advance(cursor, step->count);
    case EDDY_STEP_INT_AS_LONG:
    case EDDY_STEP_INT:
    case EDDY_STEP_LONG_AS_DOUBLE:
    case EDDY_STEP_INT_AS_DOUBLE:
      return read_number(cursor, step, target);
    case EDDY_STEP_DOUBLE:
      return read_double(cursor, at);
    case EDDY_STEP_FLOAT:
      return read_float(cursor, at);
    case EDDY_STEP_RECORD:
      return run_record(run, step->aux, target);
    case EDDY_STEP_ITEMS:
      return run_items(run, step, target);
    case EDDY_STEP_PROPERTIES:
      return run_properties(run, step, target);
    case EDDY_STEP_UNION:
      return run_union(run, step, target);
    case EDDY_STEP_SKIP_TREE:
      return eddy_avro_skip(step->aux, cursor);
    case EDDY_STEP_NOTHING:
      return 0;
    case EDDY_STEP_TEXT:
    case EDDY_STEP_LONG:
    case EDDY_STEP_ENUM:
    case EDDY_STEP_BOOLEAN:
    case EDDY_STEP_SKIP_VARINT:
    case EDDY_STEP_SKIP_BYTES:
    case EDDY_STEP_FAIL:
      break;
  }
  return EDDY_EVENT_E_MALFORMED;
}

/* An empty array or map is one zero byte, and the blank has nothing there already. */
static inline bool read_empty(struct eddy_avro_cursor *cursor) {
  bool empty = cursor->at < cursor->end && *cursor->at == 0;
  cursor->at += empty;
  return empty;
}

/* Reads which branch of a two-branch union with null follows: 0 = the value, > 0 = so many fields in a row are null (branch 0
 * is a zero byte, so that eight of them can be seen at once), < 0 = a code. */
static inline int read_nulls(struct eddy_avro_cursor *cursor, const struct eddy_step *step) {
  uint8_t byte = cursor->at < cursor->end ? *cursor->at : 0xFF;
  if (byte == step->value_byte) {
    cursor->at++;
    return 0;
  }
  if (byte == step->null_byte) {
    unsigned nulls = 1;
    if (step->run > 1 && eddy_avro_left(cursor) >= 8) {
      uint64_t word = eddy_load_u64(cursor->at);
      nulls = word ? (unsigned)__builtin_ctzll(word) / 8 : 8;
      if (nulls > step->run) nulls = step->run;
    }
    cursor->at += nulls;
    return (int)nulls;
  }
  int64_t branch;
  int error = eddy_avro_long(cursor, &branch);
  if (error) return error;
  if (branch != 0 && branch != 1) return EDDY_EVENT_E_MALFORMED;
  return branch == (int64_t)step->nullable - 1; /* written in more bytes than it needs */
}

/* Recursion (run_rare) goes as deep as the plan: event, items, item, each perhaps behind a union. The cursor is kept in a
 * local so that it stays in registers between the steps. */
static int run_steps(struct run *run, const struct eddy_step *step, const struct eddy_step *end, uint8_t *target) {
  struct eddy_avro_cursor cursor = run->cursor;
  int64_t number = 0;
  for (; step < end; step++) {
    int error = 0;
    if (step->nullable) {
      int nulls = read_nulls(&cursor, step);
      if (nulls < 0) return nulls;
      if (nulls > 0) {
        step += nulls - 1;
        continue;
      }
    }
    switch (step->op) {
      case EDDY_STEP_TEXT:
        error = read_text(&cursor, step, (void *)(target + step->offset));
        break;
      case EDDY_STEP_LONG:
        error = eddy_avro_long(&cursor, &number);
        error = store_long(step, error, number, target);
        break;
      case EDDY_STEP_ENUM:
        error = read_type(&cursor, step, (void *)(target + step->offset));
        break;
      case EDDY_STEP_BOOLEAN:
        error = read_boolean(&cursor, (void *)(target + step->offset));
        break;
      case EDDY_STEP_SKIP_VARINT:
        error = eddy_avro_long(&cursor, &number);
        break;
      case EDDY_STEP_SKIP_BYTES:
        error = skip_text(&cursor);
        break;
      case EDDY_STEP_ITEMS:
      case EDDY_STEP_PROPERTIES:
        if (read_empty(&cursor)) break;
        /* fall through */
      default:
        run->cursor = cursor;
        error = run_rare(run, step, target);
        cursor = run->cursor;
    }
    if (error) return error;
  }
  run->cursor = cursor;
  return 0;
}

int eddy_decode_plan_run(const struct eddy_decode_plan *plan, const uint8_t *bytes, size_t size, struct eddy_event_room *room,
                         struct eddy_event *event, size_t *used) {
  struct run run = {{bytes, bytes + size}, room};
  int error = plan->root.op == EDDY_STEP_RECORD ? run_record(&run, plan->root.aux, (uint8_t *)event)
                                                : run_steps(&run, &plan->root, &plan->root + 1, (uint8_t *)event);
  *used = (size_t)(run.cursor.at - bytes);
  return error;
}

int eddy_decode_plan_skip(const struct eddy_decode_plan *plan, const uint8_t *bytes, size_t size, size_t *used) {
  struct eddy_avro_cursor cursor = {bytes, bytes + size};
  int error = eddy_avro_skip(plan->writer, &cursor);
  *used = (size_t)(cursor.at - bytes);
  return error;
}

uint64_t eddy_decode_plan_min_size(const struct eddy_decode_plan *plan) {
  return plan->writer->min_size;
}
