/* Reading Avro object container files: header, then blocks of records behind each other, each block followed by the file's
 * sync marker. One block is in memory at a time. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "codec/container.h"
#include "codec/decode_plan.h"

enum { SYNC_SIZE = 16, SCHEMA_MAX = 1 << 20, BLOCK_MAX = 64 << 20, HEADER_ENTRIES_MAX = 1000, KEY_MAX = 255 };

struct bytes {
  uint8_t *data;
  size_t size, capacity;
};

struct eddy_container_reader {
  FILE *file;
  bool deflated, broken;
  uint8_t sync[SYNC_SIZE];
  struct eddy_avro_schema *schema;
  struct eddy_decode_plan *plan;
  struct bytes packed, block; /* `packed` as it stands in the file, only for deflate */
  size_t at;                  /* the next record in `block` */
  uint64_t left;              /* records left in it */
};

struct problem {
  char *why;
  size_t why_size;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct problem problem, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(problem.why, problem.why_size, format, arguments);
  va_end(arguments);
  return false;
}

static int broken(struct problem problem, const char *sentence) {
  fail(problem, "%s", sentence);
  return -1;
}

/* Bytes of the file ------------------------------------------------------------------------------------------------------- */

static bool reserve(struct bytes *bytes, size_t capacity) {
  if (capacity <= bytes->capacity) return true;
  uint8_t *grown = realloc(bytes->data, capacity);
  if (!grown) return false;
  bytes->data = grown;
  bytes->capacity = capacity;
  return true;
}

/* Reads `size` bytes in pieces, so that a wrong size costs no more memory than the file has bytes. */
static bool read_bytes(FILE *file, size_t size, struct bytes *bytes) {
  const size_t piece = 1 << 20;
  bytes->size = 0;
  while (bytes->size < size) {
    size_t wanted = size - bytes->size < piece ? size - bytes->size : piece;
    if (!reserve(bytes, bytes->size + wanted)) return false;
    size_t got = fread(bytes->data + bytes->size, 1, wanted, file);
    bytes->size += got;
    if (got < wanted) return false;
  }
  return true;
}

/* An Avro long. 1, 0 at the end of the file before its first byte, -1 if there is none. */
static int read_long(FILE *file, int64_t *value) {
  uint8_t bytes[10];
  size_t size = 0;
  do {
    int byte = getc(file);
    if (byte == EOF) return size == 0 && !ferror(file) ? 0 : -1;
    bytes[size++] = (uint8_t)byte;
  } while (bytes[size - 1] >= 0x80 && size < sizeof bytes);
  struct eddy_avro_cursor cursor = {bytes, bytes + size};
  return eddy_avro_long(&cursor, value) == 0 ? 1 : -1;
}

static bool read_sized(FILE *file, size_t max, struct bytes *bytes) {
  int64_t size;
  if (read_long(file, &size) != 1 || size < 0 || (uint64_t)size > max) return false;
  return read_bytes(file, (size_t)size, bytes);
}

/* Header ------------------------------------------------------------------------------------------------------------------ */

static bool is_text(const struct bytes *bytes, const char *text) {
  return bytes->size == strlen(text) && memcmp(bytes->data, text, bytes->size) == 0;
}

static bool use_schema(struct eddy_container_reader *reader, const struct bytes *text, struct problem problem) {
  if (reader->schema) return fail(problem, "the header has two schemas");
  reader->schema = eddy_avro_schema_parse((const char *)text->data, text->size, problem.why, problem.why_size);
  return reader->schema != NULL;
}

static bool use_codec(struct eddy_container_reader *reader, const struct bytes *name, struct problem problem) {
  reader->deflated = is_text(name, "deflate");
  if (reader->deflated || name->size == 0 || is_text(name, "null")) return true;
  int shown = name->size < 32 ? (int)name->size : 32;
  return fail(problem, "the codec is %.*s; known are null and deflate", shown, (const char *)name->data);
}

static bool read_entry(struct eddy_container_reader *reader, struct bytes *key, struct bytes *value, struct problem problem) {
  if (!read_sized(reader->file, KEY_MAX, key) || !read_sized(reader->file, SCHEMA_MAX, value)) {
    return fail(problem, "the header ends early or is too long");
  }
  if (is_text(key, "avro.schema")) return use_schema(reader, value, problem);
  return is_text(key, "avro.codec") ? use_codec(reader, value, problem) : true;
}

/* A map of bytes, in blocks. */
static bool read_metadata(struct eddy_container_reader *reader, struct bytes *key, struct bytes *value,
                          struct problem problem) {
  int64_t count, size, entries = 0;
  for (;;) {
    if (read_long(reader->file, &count) != 1) return fail(problem, "the header ends early");
    if (count == 0) return true;
    if (count < 0 && read_long(reader->file, &size) != 1) return fail(problem, "the header ends early");
    if (count < -HEADER_ENTRIES_MAX || count > HEADER_ENTRIES_MAX) return fail(problem, "the header has too many entries");
    count = count < 0 ? -count : count;
    entries += count;
    if (entries > HEADER_ENTRIES_MAX) return fail(problem, "the header has too many entries");
    for (; count > 0; count--) {
      if (!read_entry(reader, key, value, problem)) return false;
    }
  }
}

static bool read_magic(FILE *file) {
  static const uint8_t magic[4] = {'O', 'b', 'j', 1};
  uint8_t found[sizeof magic];
  return fread(found, 1, sizeof found, file) == sizeof found && memcmp(found, magic, sizeof magic) == 0;
}

static bool read_header(struct eddy_container_reader *reader, struct problem problem) {
  struct bytes key = {0}, value = {0};
  if (!read_magic(reader->file)) return fail(problem, "this is no Avro object container file");
  bool good = read_metadata(reader, &key, &value, problem);
  free(key.data);
  free(value.data);
  if (!good) return false;
  if (!reader->schema) return fail(problem, "the header has no schema");
  if (fread(reader->sync, 1, SYNC_SIZE, reader->file) != SYNC_SIZE) return fail(problem, "the header ends early");
  reader->plan = eddy_decode_plan_new(reader->schema, problem.why, problem.why_size);
  return reader->plan != NULL;
}

int eddy_container_open(struct eddy_container_reader **reader, FILE *file, char *why, size_t why_size) {
  struct eddy_container_reader *opened = calloc(1, sizeof *opened);
  *reader = NULL;
  if (!opened) {
    snprintf(why, why_size, "memory is short");
    return -1;
  }
  opened->file = file;
  if (!read_header(opened, (struct problem){why, why_size})) {
    eddy_container_close(opened);
    return -1;
  }
  *reader = opened;
  return 0;
}

void eddy_container_close(struct eddy_container_reader *reader) {
  if (!reader) return;
  eddy_decode_plan_free(reader->plan);
  eddy_avro_schema_free(reader->schema);
  free(reader->packed.data);
  free(reader->block.data);
  free(reader);
}

/* Blocks ------------------------------------------------------------------------------------------------------------------ */

static size_t larger(size_t capacity) {
  if (capacity == 0) return 1 << 16;
  return capacity < BLOCK_MAX / 2 ? capacity * 2 : BLOCK_MAX;
}

/* Inflates what `stream` has, doubling the block up to its limit. */
static bool inflate_all(z_stream *stream, struct bytes *block) {
  int status = Z_OK;
  block->size = 0;
  while (status == Z_OK) {
    if (block->size == BLOCK_MAX) return false;
    if (block->size == block->capacity && !reserve(block, larger(block->capacity))) return false;
    stream->next_out = block->data + block->size;
    stream->avail_out = (uInt)(block->capacity - block->size);
    status = inflate(stream, Z_NO_FLUSH);
    block->size = block->capacity - stream->avail_out;
  }
  return status == Z_STREAM_END;
}

/* Raw deflate (RFC 1951), as the specification has it. */
static bool unpack(const struct bytes *packed, struct bytes *block) {
  z_stream stream = {.next_in = packed->data, .avail_in = (uInt)packed->size};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
  bool good = inflate_all(&stream, block);
  inflateEnd(&stream);
  return good;
}

/* The next block: 1, 0 at the end of the file, -1. */
static int read_block(struct eddy_container_reader *reader, struct problem problem) {
  int64_t count;
  uint8_t sync[SYNC_SIZE];
  int found = read_long(reader->file, &count);
  if (found == 0) return 0;
  if (found < 0 || count < 0) return broken(problem, "a block is cut off or has no valid count");
  struct bytes *raw = reader->deflated ? &reader->packed : &reader->block;
  if (!read_sized(reader->file, BLOCK_MAX, raw)) return broken(problem, "a block is cut off or larger than 64 MiB");
  if (fread(sync, 1, SYNC_SIZE, reader->file) != SYNC_SIZE || memcmp(sync, reader->sync, SYNC_SIZE) != 0) {
    return broken(problem, "a block is not followed by the file's sync marker");
  }
  if (reader->deflated && !unpack(&reader->packed, &reader->block)) {
    return broken(problem, "a block cannot be inflated, or to more than 64 MiB");
  }
  uint64_t min_size = eddy_decode_plan_min_size(reader->plan);
  if ((uint64_t)count > reader->block.size / (min_size ? min_size : 1)) {
    return broken(problem, "a block has fewer bytes than its records need");
  }
  reader->at = 0;
  reader->left = (uint64_t)count;
  return 1;
}

/* Records ----------------------------------------------------------------------------------------------------------------- */

/* Behind a record that was refused: on with the next one if its end can be found, else with the next block. */
static void step_over(struct eddy_container_reader *reader) {
  size_t used;
  const struct bytes *block = &reader->block;
  int error = eddy_decode_plan_skip(reader->plan, block->data + reader->at, block->size - reader->at, &used);
  reader->at += used;
  reader->left = error ? 0 : reader->left - 1;
  if (error) reader->at = block->size;
}

static int next_record(struct eddy_container_reader *reader, struct eddy_event_room *room, struct eddy_event *event) {
  size_t used;
  const struct bytes *block = &reader->block;
  int error = eddy_decode_plan_run(reader->plan, block->data + reader->at, block->size - reader->at, room, event, &used);
  if (error == EDDY_DECODE_FULL) return error;
  if (error) {
    step_over(reader);
    return error;
  }
  reader->at += used;
  reader->left--;
  return 1;
}

int eddy_container_next(struct eddy_container_reader *reader, struct eddy_event_room *room, struct eddy_event *event, char *why,
                        size_t why_size) {
  struct problem problem = {why, why_size};
  if (reader->broken) return broken(problem, "the file is broken further up");
  while (reader->left == 0) {
    int found = reader->at == reader->block.size ? read_block(reader, problem)
                                                 : broken(problem, "a block has bytes behind its last record");
    reader->broken = found < 0;
    if (found <= 0) return found;
  }
  int result = next_record(reader, room, event);
  if (result < 0) snprintf(why, why_size, "%s", eddy_event_error_text(result));
  return result;
}
