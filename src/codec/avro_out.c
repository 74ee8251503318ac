#include "codec/avro_out.h"

void eddy_avro_begin(struct eddy_avro_out *out, struct eddy_buffer *buffer) {
  out->buffer = buffer;
  out->at = buffer->data ? buffer->data + buffer->size : NULL;
  out->end = buffer->data ? buffer->data + buffer->capacity : NULL;
  out->failed = false;
}

bool eddy_avro_grow(struct eddy_avro_out *out, size_t size) {
  struct eddy_buffer *buffer = out->buffer;
  if (out->failed) return false;
  size_t written = out->at ? (size_t)(out->at - buffer->data) - buffer->size : 0;
  if (eddy_buffer_reserve(buffer, written + size) != 0) {
    out->failed = true;
    out->end = out->at; /* every later put comes here and fails */
    return false;
  }
  out->at = buffer->data + buffer->size + written;
  out->end = buffer->data + buffer->capacity;
  return true;
}

int eddy_avro_end(struct eddy_avro_out *out) {
  if (out->failed) return EDDY_E_NOMEM;
  if (out->at) out->buffer->size = (size_t)(out->at - out->buffer->data);
  return 0;
}
