/* Models, segment cards and deltas: writing them for their topics, and reading models and deltas back.
 *
 * Only eddy writes these topics, and it writes every array as one block; other forms of the same values are refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "codec/output_shared.h"

/* Writing ------------------------------------------------------------------------------------------------------------------*/

static void put_prefix(const struct eddy_output_codec *codec, enum eddy_output output, struct eddy_avro_out *out) {
  eddy_avro_bytes(out, codec->prefixes[output].bytes, codec->prefixes[output].size);
}

static void put_centroids(struct eddy_avro_out *out, const struct eddy_model_record *record) {
  const struct eddy_model_parts *parts = &record->parts;
  eddy_avro_block(out, parts->clusters);
  for (uint16_t slot = 0; slot < parts->clusters; slot++) {
    eddy_avro_long(out, parts->cards[slot].id);
    eddy_avro_literal(out, parts->cards[slot].name);
    eddy_avro_floats(out, parts->centroids + (size_t)slot * parts->dimensions, parts->dimensions);
    eddy_avro_double(out, record->trainer.mass[slot]);
    eddy_avro_double(out, record->trainer.sse[slot]);
  }
  eddy_avro_block_end(out);
}

static void put_trainer_state(struct eddy_avro_out *out, const struct eddy_trainer_state *trainer, uint16_t dimensions) {
  eddy_avro_double(out, trainer->moments_weight);
  eddy_avro_doubles(out, trainer->moments_mean, dimensions);
  eddy_avro_doubles(out, trainer->moments_m2, dimensions);
  eddy_avro_long(out, trainer->next_segment_id);
  eddy_avro_long(out, (int64_t)trainer->contributions);
  eddy_avro_block(out, trainer->position_count);
  for (uint32_t i = 0; i < trainer->position_count; i++) {
    eddy_avro_long(out, (int32_t)trainer->positions[i].partition);
    eddy_avro_long(out, trainer->positions[i].included);
    eddy_avro_long(out, trainer->positions[i].sample_from);
  }
  eddy_avro_block_end(out);
}

int eddy_model_encode(struct eddy_output_codec *codec, const struct eddy_model_record *record, struct eddy_buffer *buffer) {
  const struct eddy_model_parts *parts = &record->parts;
  struct eddy_avro_out out;
  eddy_avro_begin(&out, buffer);
  put_prefix(codec, EDDY_OUTPUT_MODEL, &out);
  eddy_avro_long(&out, (int64_t)parts->version);
  eddy_avro_long(&out, parts->trained_at);
  eddy_avro_block(&out, parts->dimensions);
  for (uint16_t i = 0; i < parts->dimensions; i++) eddy_avro_string(&out, record->feature_names[i]);
  eddy_avro_block_end(&out);
  eddy_avro_floats(&out, parts->mean, parts->dimensions);
  eddy_avro_floats(&out, parts->deviation, parts->dimensions);
  eddy_avro_floats(&out, parts->weight, parts->dimensions);
  put_centroids(&out, record);
  put_trainer_state(&out, &record->trainer, parts->dimensions);
  return eddy_avro_end(&out);
}

static void put_segment_features(const struct eddy_output_codec *codec, const struct eddy_model_parts *parts, uint16_t slot,
                                 struct eddy_avro_out *out) {
  const float *centroid = parts->centroids + (size_t)slot * parts->dimensions;
  eddy_avro_block(out, parts->dimensions);
  for (uint16_t i = 0; i < parts->dimensions; i++) {
    const struct eddy_feature_spec *feature = &codec->spec->features[eddy_spec_dimension_feature(codec->spec, i)];
    eddy_avro_string(out, codec->dimension_names[i]);
    eddy_avro_float(out, eddy_model_natural_value(feature, parts, i, centroid[i]));
    eddy_avro_float(out, centroid[i]);
  }
  eddy_avro_block_end(out);
}

static double share_of(const struct eddy_model_record *record, uint16_t slot) {
  double total = 0;
  for (uint16_t i = 0; i < record->parts.clusters; i++) total += record->trainer.mass[i];
  return total > 0 ? record->trainer.mass[slot] / total : 0;
}

int eddy_segment_encode(struct eddy_output_codec *codec, const struct eddy_model_record *record, uint16_t slot,
                        struct eddy_buffer *buffer) {
  const struct eddy_model_parts *parts = &record->parts;
  EDDY_ASSERT(slot < parts->clusters && parts->dimensions == codec->dimensions);
  struct eddy_avro_out out;
  eddy_avro_begin(&out, buffer);
  put_prefix(codec, EDDY_OUTPUT_SEGMENT, &out);
  eddy_avro_long(&out, parts->cards[slot].id);
  eddy_avro_literal(&out, parts->cards[slot].name);
  eddy_avro_long(&out, (int64_t)parts->version);
  eddy_avro_long(&out, parts->trained_at);
  eddy_avro_double(&out, share_of(record, slot));
  put_segment_features(codec, parts, slot, &out);
  return eddy_avro_end(&out);
}

/* Reading ------------------------------------------------------------------------------------------------------------------*/

/* A record being read: the bytes, one block that the values are carved from, and the first thing that was wrong. The block's
 * size is bounded by the bytes: what takes one byte there takes at most BLOCK_PER_BYTE here. */
struct input {
  struct eddy_reader reader;
  uint8_t *block;
  size_t used, capacity;
  int error;
};

enum {
  BLOCK_PER_BYTE = 24,        /* a string of one byte becomes a struct eddy_str and its text; a position of three, 24 */
  BLOCK_EXTRA = 4096,         /* alignment of every piece */
  RECORD_BYTES_MAX = 4 << 20, /* 256 centroids of 64 dimensions are 70 KB */
};

static void fail(struct input *input, int error) {
  if (!input->error) input->error = error;
  input->reader.failed = true;
  input->reader.at = input->reader.end;
}

static int input_open(struct input *input, enum eddy_output output, const void *bytes, size_t size) {
  size_t offset = 0;
  *input = (struct input){.block = NULL};
  if (size > RECORD_BYTES_MAX) return EDDY_E_CORRUPT;
  int error = eddy_prefix_check(output, bytes, size, &offset);
  if (error) return error;
  eddy_reader_init(&input->reader, (const uint8_t *)bytes + offset, size - offset);
  input->capacity = (size - offset) * BLOCK_PER_BYTE + BLOCK_EXTRA;
  input->block = malloc(input->capacity);
  return input->block ? 0 : EDDY_E_NOMEM;
}

/* Hands out the block, or frees it if anything was wrong or bytes are left. */
static int input_close(struct input *input, void **block) {
  if (!input->error && (input->reader.failed || eddy_reader_left(&input->reader) != 0)) input->error = EDDY_E_CORRUPT;
  if (input->error) {
    free(input->block);
    input->block = NULL;
  }
  *block = input->block;
  return input->error;
}

static void *carve(struct input *input, size_t size) {
  size_t start = (input->used + 7) & ~(size_t)7;
  if (input->reader.failed || start > input->capacity || size > input->capacity - start) {
    fail(input, EDDY_E_CORRUPT);
    return NULL;
  }
  input->used = start + size;
  return input->block + start;
}

/* The length of an array of elements of at least `element` bytes, within [0, max]. */
static size_t read_count(struct input *input, size_t element, size_t max) {
  int64_t count = eddy_read_varint(&input->reader);
  if (input->reader.failed || count < 0 || (uint64_t)count > max ||
      (uint64_t)count > eddy_reader_left(&input->reader) / element) {
    fail(input, EDDY_E_CORRUPT);
    return 0;
  }
  return (size_t)count;
}

/* The 0 that ends an array; an empty array is that 0 alone. */
static void read_array_end(struct input *input, size_t count) {
  if (count && eddy_read_varint(&input->reader) != 0) fail(input, EDDY_E_CORRUPT);
}

static double read_finite(struct input *input) {
  double value = eddy_read_f64(&input->reader);
  if (!isfinite(value)) fail(input, EDDY_E_CORRUPT);
  return value;
}

static int64_t read_long_within(struct input *input, int64_t low, int64_t high) {
  int64_t value = eddy_read_varint(&input->reader);
  if (value < low || value > high) fail(input, EDDY_E_CORRUPT);
  return value;
}

/* An array of exactly `count` finite floats into `values`. */
static void read_floats_into(struct input *input, float *values, size_t count) {
  if (read_count(input, sizeof *values, EDDY_FEATURES_MAX) != count) fail(input, EDDY_E_CORRUPT);
  if (input->reader.failed || !values) return;
  for (size_t i = 0; i < count; i++) {
    values[i] = eddy_read_f32(&input->reader);
    if (!isfinite(values[i])) fail(input, EDDY_E_CORRUPT);
  }
  read_array_end(input, count);
}

static const float *read_floats(struct input *input, size_t count) {
  float *values = carve(input, count * sizeof *values);
  read_floats_into(input, values, count);
  return values;
}

static const double *read_doubles(struct input *input, size_t count) {
  double *values = carve(input, count * sizeof *values);
  if (read_count(input, sizeof *values, EDDY_FEATURES_MAX) != count) fail(input, EDDY_E_CORRUPT);
  if (input->reader.failed || !values) return NULL;
  for (size_t i = 0; i < count; i++) values[i] = read_finite(input);
  read_array_end(input, count);
  return values;
}

/* Names of dimensions; they must be the spec's. */
static const struct eddy_str *read_features(struct input *input, const struct eddy_spec *spec, uint16_t *dimensions) {
  size_t count = read_count(input, 1, EDDY_FEATURES_MAX);
  struct eddy_str *names = carve(input, count * sizeof *names);
  bool same = count == eddy_spec_dimensions(spec);
  for (size_t i = 0; names && i < count; i++) {
    struct eddy_str name = eddy_read_string(&input->reader);
    char *copy = carve(input, name.len);
    if (!copy) return NULL;
    memcpy(copy, name.data, name.len);
    names[i] = (struct eddy_str){copy, name.len};
    if (!same) continue;
    const char *own = spec->features[eddy_spec_dimension_feature(spec, (uint16_t)i)].name;
    same = strlen(own) == name.len && memcmp(own, copy, name.len) == 0;
  }
  read_array_end(input, count);
  if (!input->reader.failed && (!same || count == 0)) fail(input, EDDY_E_SPEC_MISMATCH);
  *dimensions = (uint16_t)count;
  return names;
}

static void read_card_name(struct input *input, struct eddy_segment_card *card) {
  struct eddy_str name = eddy_read_string(&input->reader);
  if (name.len >= sizeof card->name || (name.len && memchr(name.data, '\0', name.len))) fail(input, EDDY_E_CORRUPT);
  if (input->reader.failed) return;
  if (name.len) memcpy(card->name, name.data, name.len);
  card->name[name.len] = '\0';
}

/* The arrays that the interleaved records of `segments` are spread over. */
struct centroids {
  struct eddy_segment_card *cards;
  float *rows;
  double *mass, *sse;
};

static void read_centroid(struct input *input, const struct centroids *to, size_t slot, uint16_t dimensions) {
  to->cards[slot].id = (uint32_t)read_long_within(input, 0, UINT32_MAX);
  read_card_name(input, &to->cards[slot]);
  read_floats_into(input, to->rows + slot * dimensions, dimensions);
  to->mass[slot] = to->cards[slot].mass = read_finite(input);
  to->sse[slot] = read_finite(input);
  if (to->mass[slot] < 0 || to->sse[slot] < 0) fail(input, EDDY_E_CORRUPT);
}

enum { CENTROID_BYTES_MIN = 19 }; /* id, name, array and two doubles */

static void read_centroids(struct input *input, struct eddy_model_record *record) {
  uint16_t dimensions = record->parts.dimensions;
  size_t count = read_count(input, CENTROID_BYTES_MIN, EDDY_CLUSTERS_MAX);
  if (count == 0) fail(input, EDDY_E_CORRUPT);
  struct centroids to = {.cards = carve(input, count * sizeof *to.cards),
                         .rows = carve(input, count * dimensions * sizeof *to.rows)};
  to.mass = carve(input, count * sizeof *to.mass);
  to.sse = carve(input, count * sizeof *to.sse);
  if (input->reader.failed) return;
  memset(to.cards, 0, count * sizeof *to.cards);
  for (size_t slot = 0; slot < count && !input->reader.failed; slot++) read_centroid(input, &to, slot, dimensions);
  read_array_end(input, count);
  record->parts.clusters = (uint16_t)count;
  record->parts.cards = to.cards;
  record->parts.centroids = to.rows;
  record->trainer.mass = to.mass;
  record->trainer.sse = to.sse;
}

enum { POSITION_BYTES_MIN = 3 };

static void read_positions(struct input *input, struct eddy_trainer_state *trainer) {
  size_t count = read_count(input, POSITION_BYTES_MIN, RECORD_BYTES_MAX);
  struct eddy_delta_position *positions = carve(input, count * sizeof *positions);
  for (size_t i = 0; i < count && !input->reader.failed; i++) {
    positions[i].partition = (uint32_t)read_long_within(input, 0, INT32_MAX);
    positions[i].included = read_long_within(input, 0, INT64_MAX);
    positions[i].sample_from = read_long_within(input, 0, positions[i].included);
  }
  read_array_end(input, count);
  trainer->positions = positions;
  trainer->position_count = (uint32_t)count;
}

static void read_trainer_state(struct input *input, struct eddy_trainer_state *trainer, uint16_t dimensions) {
  trainer->moments_weight = read_finite(input);
  trainer->moments_mean = read_doubles(input, dimensions);
  trainer->moments_m2 = read_doubles(input, dimensions);
  trainer->next_segment_id = (uint32_t)read_long_within(input, 0, UINT32_MAX);
  trainer->contributions = (uint64_t)eddy_read_varint(&input->reader);
  read_positions(input, trainer);
}

int eddy_model_decode(const struct eddy_spec *spec, const void *bytes, size_t size, struct eddy_model_record *record,
                      void **block) {
  struct input input;
  *block = NULL;
  int error = input_open(&input, EDDY_OUTPUT_MODEL, bytes, size);
  if (error) return error;
  memset(record, 0, sizeof *record);
  struct eddy_model_parts *parts = &record->parts;
  parts->version = (uint64_t)eddy_read_varint(&input.reader);
  parts->trained_at = eddy_read_varint(&input.reader);
  record->feature_names = read_features(&input, spec, &parts->dimensions);
  parts->mean = read_floats(&input, parts->dimensions);
  parts->deviation = read_floats(&input, parts->dimensions);
  parts->weight = read_floats(&input, parts->dimensions);
  read_centroids(&input, record);
  read_trainer_state(&input, &record->trainer, parts->dimensions);
  return input_close(&input, block);
}

enum { CONTRIBUTION_BYTES_MIN = 6 }; /* user, weight and array */

static void read_contributions(struct input *input, struct eddy_model_delta *delta) {
  size_t count = read_count(input, CONTRIBUTION_BYTES_MIN, EDDY_DELTA_VECTORS_MAX);
  float *vectors = carve(input, count * delta->dimensions * sizeof *vectors);
  float *weights = carve(input, count * sizeof *weights);
  uint64_t *users = carve(input, count * sizeof *users);
  for (size_t i = 0; i < count && !input->reader.failed; i++) {
    users[i] = (uint64_t)eddy_read_varint(&input->reader);
    weights[i] = eddy_read_f32(&input->reader);
    if (!isfinite(weights[i]) || weights[i] < 0) fail(input, EDDY_E_CORRUPT);
    read_floats_into(input, vectors + i * delta->dimensions, delta->dimensions);
  }
  read_array_end(input, count);
  delta->count = (uint16_t)count;
  delta->vectors = vectors;
  delta->weights = weights;
  delta->users = users;
}

int eddy_delta_decode(const struct eddy_spec *spec, const void *bytes, size_t size, struct eddy_model_delta *delta,
                      void **block) {
  struct input input;
  *block = NULL;
  int error = input_open(&input, EDDY_OUTPUT_MODEL_DELTA, bytes, size);
  if (error) return error;
  memset(delta, 0, sizeof *delta);
  read_features(&input, spec, &delta->dimensions);
  delta->newest_time = eddy_read_varint(&input.reader);
  delta->offered = (uint64_t)eddy_read_varint(&input.reader);
  delta->offered_weight = read_finite(&input);
  read_contributions(&input, delta);
  eddy_read_varint(&input.reader); /* partition */
  eddy_read_varint(&input.reader); /* effect */
  return input_close(&input, block);
}
