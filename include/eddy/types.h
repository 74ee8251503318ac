/* Types that every public header of libeddy shares: time, strings, memory, error codes.
 *
 * Nothing in include/eddy mentions Kafka, Redis, libuv or Avro: the core decides, the shell around it talks to the world.
 */
#ifndef EDDY_TYPES_H
#define EDDY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Time: milliseconds since 1970-01-01T00:00:00Z, as int64_t. EDDY_TIME_NONE = "never" or "not known". */
#define EDDY_TIME_NONE INT64_MIN
#define EDDY_SECOND_MS INT64_C(1000)
#define EDDY_MINUTE_MS (60 * EDDY_SECOND_MS)
#define EDDY_HOUR_MS (60 * EDDY_MINUTE_MS)
#define EDDY_DAY_MS (24 * EDDY_HOUR_MS)

/* A view of bytes owned by somebody else; not terminated. An absent string has data == NULL and len == 0,
 * an empty one data != NULL and len == 0. */
struct eddy_str {
  const char *data;
  uint32_t len;
};

#define EDDY_STR(literal) ((struct eddy_str){(literal), (uint32_t)(sizeof(literal) - 1)})

/* Where all memory of an engine comes from. `resize` works like realloc but is told the old size:
 * resize(ctx, NULL, 0, n) allocates, resize(ctx, p, old, 0) frees and returns NULL; NULL for n > 0 means "no memory",
 * the old block is then untouched. Returned memory is aligned to 16 bytes. Called only from the thread that calls
 * the engine. */
struct eddy_allocator {
  void *(*resize)(void *ctx, void *old, size_t old_size, size_t new_size);
  void *ctx;
};

/* Error codes of the core: 0 or one of these, always negative. The rows (code, number, sentence) are also the table
 * behind eddy_strerror(). */
#define EDDY_ERRORS(X)                                                                        \
  X(NOMEM, -1, "the engine's memory limit is reached; nothing was changed")                   \
  X(INVALID, -2, "an argument is out of its documented range")                                \
  X(CORRUPT, -3, "the bytes are not what they claim to be")                                   \
  X(VERSION, -4, "the bytes were written by an unknown, newer version")                       \
  X(SPEC_MISMATCH, -5, "the snapshot was written under another specification")                \
  X(NOT_FOUND, -6, "there is no such user, segment or trigger")                               \
  X(TOO_LARGE, -7, "a value is larger than its limit")                                        \
  X(NOT_SUPPORTED, -8, "this kind of event is not supported yet")

enum eddy_error {
  EDDY_OK = 0,
#define X(name, code, sentence) EDDY_E_##name = (code),
  EDDY_ERRORS(X)
#undef X
};

/* A sentence for an error code; never NULL. */
const char *eddy_strerror(int error);

#endif
