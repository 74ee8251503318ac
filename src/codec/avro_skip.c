/* Stepping over values that nobody asked for. Writer schemas may be recursive, so the walk keeps a stack of its own. */
#include "codec/avro_schema.h"

enum { DEPTH_MAX = 256 };

struct frame {
  const struct eddy_avro_node *node;
  uint64_t left;  /* array, map: entries left in the block */
  uint32_t field; /* record: the next one */
};

struct walk {
  struct eddy_avro_cursor *cursor;
  uint32_t depth;
  struct frame frames[DEPTH_MAX];
};

static int skip_varint(struct eddy_avro_cursor *cursor) {
  int64_t ignored;
  return eddy_avro_long(cursor, &ignored);
}

static int skip_text(struct eddy_avro_cursor *cursor) {
  size_t length = 0;
  int error = eddy_avro_length(cursor, &length);
  return error ? error : eddy_avro_advance(cursor, length);
}

static int pick_branch(struct eddy_avro_cursor *cursor, const struct eddy_avro_node **node) {
  int64_t branch;
  int error = eddy_avro_long(cursor, &branch);
  if (error) return error;
  if (branch < 0 || branch >= (*node)->count) return EDDY_EVENT_E_MALFORMED;
  *node = (*node)->children[branch];
  return 0;
}

static int push(struct walk *walk, const struct eddy_avro_node *node) {
  if (walk->depth == DEPTH_MAX) return EDDY_EVENT_E_MALFORMED;
  walk->frames[walk->depth++] = (struct frame){.node = node};
  return 0;
}

/* Steps over a value without parts, or opens one that has some. */
static int enter(struct walk *walk, const struct eddy_avro_node *node) {
  if (node->type == EDDY_AVRO_UNION) {
    int error = pick_branch(walk->cursor, &node);
    if (error) return error;
  }
  switch (node->type) {
    case EDDY_AVRO_INT:
    case EDDY_AVRO_LONG:
    case EDDY_AVRO_ENUM:
      return skip_varint(walk->cursor);
    case EDDY_AVRO_BYTES:
    case EDDY_AVRO_STRING:
      return skip_text(walk->cursor);
    case EDDY_AVRO_NULL:
    case EDDY_AVRO_BOOLEAN:
    case EDDY_AVRO_FLOAT:
    case EDDY_AVRO_DOUBLE:
    case EDDY_AVRO_FIXED:
      return eddy_avro_advance(walk->cursor, node->min_size);
    case EDDY_AVRO_RECORD:
      return node->min_size == 0 ? 0 : push(walk, node); /* nothing on the wire, however many fields */
    case EDDY_AVRO_ARRAY:
    case EDDY_AVRO_MAP:
    case EDDY_AVRO_UNION:
      break; /* a union holds none */
  }
  return push(walk, node);
}

/* Opens the next block; an empty one ends the array or map, and one whose size is given is stepped over at once. */
static int next_block(struct walk *walk, struct frame *frame) {
  uint64_t entry_min = frame->node->children[0]->min_size + (frame->node->type == EDDY_AVRO_MAP ? 1 : 0), count;
  int64_t size;
  int error = eddy_avro_block(walk->cursor, entry_min, &count, &size);
  if (error) return error;
  if (count == 0) {
    walk->depth--;
  } else if (size >= 0) {
    return eddy_avro_advance(walk->cursor, (uint64_t)size);
  } else if (entry_min > 0) {
    frame->left = count;
  }
  return 0;
}

static int step(struct walk *walk) {
  struct frame *frame = &walk->frames[walk->depth - 1];
  const struct eddy_avro_node *node = frame->node;
  if (node->type == EDDY_AVRO_RECORD) {
    if (frame->field < node->count) return enter(walk, node->fields[frame->field++].type);
    walk->depth--;
    return 0;
  }
  if (frame->left == 0) return next_block(walk, frame);
  frame->left--;
  int error = node->type == EDDY_AVRO_MAP ? skip_text(walk->cursor) : 0;
  return error ? error : enter(walk, node->children[0]);
}

int eddy_avro_skip(const struct eddy_avro_node *node, struct eddy_avro_cursor *cursor) {
  struct walk walk;
  walk.cursor = cursor;
  walk.depth = 0;
  int error = enter(&walk, node);
  while (!error && walk.depth > 0) error = step(&walk);
  return error;
}
