#include "daemon/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { CHUNK_BYTES = 1 << 20, SPARE_MAX = 64 };

struct eddy_outbox_chunk {
  struct eddy_outbox_chunk *next;
  size_t used, size;
  uint8_t bytes[];
};

void eddy_outbox_init(struct eddy_outbox *outbox) { *outbox = (struct eddy_outbox){0}; }

static void free_chunks(struct eddy_outbox_chunk *chunk) {
  while (chunk) {
    struct eddy_outbox_chunk *next = chunk->next;
    free(chunk);
    chunk = next;
  }
}

void eddy_outbox_fini(struct eddy_outbox *outbox) {
  eddy_outbox_clear(outbox);
  free_chunks(outbox->full);
  free_chunks(outbox->spare);
  free(outbox->records);
  *outbox = (struct eddy_outbox){0};
}

static struct eddy_outbox_chunk *chunk_for(struct eddy_outbox *outbox, size_t size) {
  struct eddy_outbox_chunk *chunk = outbox->full;
  if (chunk && chunk->size - chunk->used >= size) return chunk;
  if (outbox->spare && outbox->spare->size >= size) {
    chunk = outbox->spare;
    outbox->spare = chunk->next;
  } else {
    size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    chunk = malloc(sizeof(*chunk) + room);
    if (!chunk) return NULL;
    chunk->size = room;
  }
  chunk->used = 0;
  chunk->next = outbox->full;
  outbox->full = chunk;
  return chunk;
}

static int grow(struct eddy_outbox *outbox) {
  if (outbox->count < outbox->capacity) return 0;
  size_t capacity = outbox->capacity ? outbox->capacity * 2 : 1024;
  struct eddy_outbox_record *records = realloc(outbox->records, capacity * sizeof(*records));
  if (!records) return EDDY_E_NOMEM;
  outbox->records = records;
  outbox->capacity = capacity;
  return 0;
}

static const void *keep(struct eddy_outbox_chunk *chunk, const void *bytes, size_t size) {
  if (!bytes) return NULL;
  uint8_t *place = chunk->bytes + chunk->used;
  if (size > 0) memcpy(place, bytes, size);
  chunk->used += size;
  return place;
}

int eddy_outbox_add(struct eddy_outbox *outbox, const struct eddy_kafka_record *record, rd_kafka_headers_t *headers,
                    int32_t origin) {
  struct eddy_outbox_chunk *chunk = chunk_for(outbox, record->key_size + record->value_size);
  if (!chunk || grow(outbox) != 0) {
    if (headers) rd_kafka_headers_destroy(headers);
    return EDDY_E_NOMEM;
  }
  struct eddy_outbox_record *kept = &outbox->records[outbox->count++];
  *kept = (struct eddy_outbox_record){.record = *record, .headers = headers, .origin = origin};
  kept->record.key = keep(chunk, record->key, record->key_size);
  kept->record.value = keep(chunk, record->value, record->value_size);
  kept->record.headers = headers;
  outbox->bytes += record->key_size + record->value_size;
  return 0;
}

void eddy_outbox_rewind(struct eddy_outbox *outbox) { outbox->produced = 0; }

void eddy_outbox_drop(struct eddy_outbox *outbox, int32_t origin) {
  EDDY_ASSERT(outbox->produced == 0);
  size_t kept = 0;
  for (size_t i = 0; i < outbox->count; i++) {
    struct eddy_outbox_record *record = &outbox->records[i];
    if (record->origin != origin) {
      outbox->records[kept++] = *record;
      continue;
    }
    outbox->bytes -= record->record.key_size + record->record.value_size;
    if (record->headers) rd_kafka_headers_destroy(record->headers);
  }
  outbox->count = kept;
  if (kept == 0) eddy_outbox_clear(outbox);
}

/* Chunks of the normal size are kept for the next interval, up to as many as an interval may need. */
static void recycle(struct eddy_outbox *outbox) {
  size_t spare = 0;
  for (struct eddy_outbox_chunk *chunk = outbox->spare; chunk; chunk = chunk->next) spare++;
  while (outbox->full) {
    struct eddy_outbox_chunk *chunk = outbox->full;
    outbox->full = chunk->next;
    if (chunk->size == CHUNK_BYTES && spare < SPARE_MAX) {
      chunk->next = outbox->spare;
      outbox->spare = chunk;
      spare++;
    } else {
      free(chunk);
    }
  }
}

void eddy_outbox_clear(struct eddy_outbox *outbox) {
  for (size_t i = 0; i < outbox->count; i++) {
    if (outbox->records[i].headers) rd_kafka_headers_destroy(outbox->records[i].headers);
  }
  outbox->count = outbox->produced = outbox->bytes = 0;
  recycle(outbox);
}
