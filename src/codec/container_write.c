/* Writing Avro object container files: header, then blocks of about 64 KiB, not compressed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "codec/avro_out.h"
#include "codec/container.h"
#include "codec/schemas.h"

enum { BLOCK_BYTES = 64 * 1024, SYNC_BYTES = 16 };

struct eddy_container_writer {
  FILE *file;
  struct eddy_buffer block; /* bodies of the events that are not written yet */
  size_t count;
  uint8_t sync[SYNC_BYTES];
};

static int write_all(FILE *file, const struct eddy_buffer *buffer) {
  return fwrite(buffer->data, 1, buffer->size, file) == buffer->size ? 0 : -1;
}

static int write_header(struct eddy_container_writer *writer) {
  struct eddy_avro_out out;
  writer->block.size = 0;
  eddy_avro_begin(&out, &writer->block);
  eddy_avro_bytes(&out, "Obj\x01", 4);
  eddy_avro_block(&out, 2);
  eddy_avro_literal(&out, "avro.schema");
  eddy_avro_literal(&out, eddy_schema_event);
  eddy_avro_literal(&out, "avro.codec");
  eddy_avro_literal(&out, "null");
  eddy_avro_block_end(&out);
  eddy_avro_bytes(&out, writer->sync, SYNC_BYTES);
  int error = eddy_avro_end(&out);
  if (error == 0) error = write_all(writer->file, &writer->block);
  writer->block.size = 0;
  return error;
}

static void choose_sync(uint8_t sync[SYNC_BYTES], uint64_t seed) {
  uint64_t words[2] = {eddy_hash_mix(seed + 1), eddy_hash_mix(seed ^ UINT64_C(0x9E3779B97F4A7C15))};
  for (int i = 0; i < SYNC_BYTES; i++) sync[i] = (uint8_t)(words[i / 8] >> (8 * (i % 8)));
}

int eddy_container_create(struct eddy_container_writer **writer, FILE *file, uint64_t seed) {
  *writer = calloc(1, sizeof **writer);
  if (!*writer) return -1;
  (*writer)->file = file;
  eddy_buffer_init(&(*writer)->block, &eddy_allocator_malloc);
  choose_sync((*writer)->sync, seed);
  if (write_header(*writer) == 0) return 0;
  eddy_buffer_fini(&(*writer)->block);
  free(*writer);
  *writer = NULL;
  return -1;
}

static int flush_block(struct eddy_container_writer *writer) {
  if (writer->count == 0) return 0;
  uint8_t head[2 * EDDY_AVRO_LONG_MAX];
  uint8_t *at = eddy_avro_varint(head, (int64_t)writer->count);
  at = eddy_avro_varint(at, (int64_t)writer->block.size);
  size_t size = (size_t)(at - head);
  bool written = fwrite(head, 1, size, writer->file) == size && write_all(writer->file, &writer->block) == 0 &&
                 fwrite(writer->sync, 1, SYNC_BYTES, writer->file) == SYNC_BYTES;
  writer->block.size = 0;
  writer->count = 0;
  return written ? 0 : -1;
}

int eddy_container_append(struct eddy_container_writer *writer, const struct eddy_event *event) {
  if (eddy_event_encode(event, &writer->block) != 0) {
    errno = ENOMEM;
    return -1;
  }
  writer->count++;
  return writer->block.size < BLOCK_BYTES ? 0 : flush_block(writer);
}

int eddy_container_finish(struct eddy_container_writer *writer) {
  if (!writer) return 0;
  int error = flush_block(writer);
  if (fflush(writer->file) != 0) error = -1;
  int saved = errno;
  eddy_buffer_fini(&writer->block);
  free(writer);
  errno = saved;
  return error;
}
