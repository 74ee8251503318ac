#include "codec/event_room.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_MAX = 64 << 20, BLOCK_MIN = 16 << 10, ALIGN = 8 };

struct block_header {
  uint8_t *older;
};

static size_t align_up(size_t size) {
  return (size + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

void eddy_event_room_init(struct eddy_event_room *room) {
  *room = (struct eddy_event_room){.max = ROOM_MAX};
}

static void free_chain(uint8_t *block) {
  while (block) {
    uint8_t *older = ((struct block_header *)(void *)block)->older;
    free(block);
    block = older;
  }
}

void eddy_event_room_fini(struct eddy_event_room *room) {
  if (!room) return;
  free_chain(room->block);
  *room = (struct eddy_event_room){.max = room->max};
}

static bool add_block(struct eddy_event_room *room, size_t capacity) {
  if (capacity > room->max - room->total) return false;
  uint8_t *block = malloc(capacity);
  if (!block) return false;
  ((struct block_header *)(void *)block)->older = room->block;
  room->block = block;
  room->used = sizeof(struct block_header);
  room->capacity = capacity;
  room->total += capacity;
  return true;
}

void eddy_event_room_clear(struct eddy_event_room *room) {
  if (room->total > room->capacity) {
    size_t total = room->total;
    eddy_event_room_fini(room);
    add_block(room, total); /* if that fails the next take tries again */
  }
  if (room->block) room->used = sizeof(struct block_header);
}

/* Doubles while there is room for that, else exactly what is asked for. */
static bool make_space(struct eddy_event_room *room, size_t size) {
  size_t exact = size + sizeof(struct block_header);
  size_t wanted = room->capacity < BLOCK_MIN / 2 ? BLOCK_MIN : room->capacity * 2;
  if (wanted < exact) wanted = exact;
  return add_block(room, wanted) || add_block(room, exact);
}

void *eddy_event_room_take(struct eddy_event_room *room, size_t size) {
  if (size > room->max) return NULL;
  size = align_up(size ? size : 1); /* nothing, too, has an address */
  if (size > room->capacity - room->used && !make_space(room, size)) return NULL;
  void *taken = room->block + room->used;
  room->used += size;
  return taken;
}

void *eddy_event_room_grow(struct eddy_event_room *room, void *old, size_t old_size, size_t new_size) {
  size_t kept = align_up(old_size);
  if (old && new_size <= room->max && (uint8_t *)old + kept == room->block + room->used) {
    size_t more = align_up(new_size) - kept;
    if (more <= room->capacity - room->used) {
      room->used += more;
      return old;
    }
  }
  void *grown = eddy_event_room_take(room, new_size);
  if (grown && old) memcpy(grown, old, old_size);
  return grown;
}

char *eddy_event_room_copy(struct eddy_event_room *room, const void *bytes, size_t size) {
  char *copy = size < room->max ? eddy_event_room_take(room, size + 1) : NULL;
  if (!copy) return NULL;
  if (size) memcpy(copy, bytes, size);
  copy[size] = '\0';
  return copy;
}
