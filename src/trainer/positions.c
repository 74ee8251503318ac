#include "trainer/positions.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

void eddy_positions_fini(struct eddy_positions *positions) {
  free(positions->items);
  free(positions->sampled);
  *positions = (struct eddy_positions){0};
}

static int make_room(struct eddy_positions *positions) {
  if (positions->count < positions->capacity) return EDDY_OK;
  if (positions->count >= INT_MAX / 2) return EDDY_E_NOMEM;
  uint32_t capacity = positions->capacity ? 2 * positions->capacity : 16;
  struct eddy_delta_position *items = realloc(positions->items, capacity * sizeof *items);
  if (items) positions->items = items;
  int64_t *sampled = realloc(positions->sampled, capacity * sizeof *sampled);
  if (sampled) positions->sampled = sampled;
  if (!items || !sampled) return EDDY_E_NOMEM;
  positions->capacity = capacity;
  return EDDY_OK;
}

int eddy_positions_find(struct eddy_positions *positions, uint32_t partition) {
  uint32_t at = 0;
  while (at < positions->count && positions->items[at].partition < partition) at++;
  if (at < positions->count && positions->items[at].partition == partition) return (int)at;
  if (make_room(positions) != EDDY_OK) return EDDY_E_NOMEM;
  memmove(positions->items + at + 1, positions->items + at, (positions->count - at) * sizeof *positions->items);
  memmove(positions->sampled + at + 1, positions->sampled + at, (positions->count - at) * sizeof *positions->sampled);
  positions->items[at] = (struct eddy_delta_position){.partition = partition};
  positions->sampled[at] = 0;
  positions->count++;
  return (int)at;
}

int eddy_positions_load(struct eddy_positions *positions, const struct eddy_delta_position *rows, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (rows[i].sample_from < 0 || rows[i].included < rows[i].sample_from) return EDDY_E_INVALID;
    int at = eddy_positions_find(positions, rows[i].partition);
    if (at < 0) return at;
    if (positions->count != i + 1) return EDDY_E_INVALID;
    positions->items[at] = rows[i];
    positions->sampled[at] = rows[i].sample_from;
  }
  return EDDY_OK;
}

void eddy_positions_refresh(struct eddy_positions *positions, const struct eddy_newest *newest) {
  for (uint32_t i = 0; i < positions->count; i++) {
    struct eddy_delta_position *item = &positions->items[i];
    if (positions->sampled[i] < item->included) continue; /* still refilling: all that was asked for is still wanted */
    item->sample_from = eddy_newest_oldest(newest, item->partition, item->included);
  }
}
