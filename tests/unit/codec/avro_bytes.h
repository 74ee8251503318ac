/* Test helper: Avro bodies by hand, and plans from schema texts. */
#ifndef EDDY_TESTS_AVRO_BYTES_H
#define EDDY_TESTS_AVRO_BYTES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode_plan.h"

#define EVENT_TIME INT64_C(1700000000000)
#define TYPE_FIELD \
  "{\"name\":\"type\",\"type\":{\"type\":\"enum\",\"name\":\"EventType\",\"symbols\":[\"page_viewed\",\"zz\"]}}"
#define REQUIRED_FIELDS TYPE_FIELD ",{\"name\":\"user_id\",\"type\":\"string\"},{\"name\":\"event_time\",\"type\":\"long\"}"
/* A writer's schema: the required fields, then `more` (which begins with a comma, or is empty). */
#define WRITER(more) "{\"type\":\"record\",\"name\":\"Event\",\"fields\":[" REQUIRED_FIELDS more "]}"

struct body {
  uint8_t bytes[1 << 16];
  size_t size;
};

static inline void put_raw(struct body *body, const void *bytes, size_t size) {
  assert_true(body->size + size <= sizeof body->bytes);
  memcpy(body->bytes + body->size, bytes, size);
  body->size += size;
}

static inline void put_byte(struct body *body, unsigned byte) {
  put_raw(body, &(uint8_t){(uint8_t)byte}, 1);
}

static inline void put_long(struct body *body, int64_t value) {
  uint64_t bits = (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
  for (; bits >= 0x80; bits >>= 7) put_byte(body, (unsigned)(bits & 0x7F) | 0x80);
  put_byte(body, (unsigned)bits);
}

static inline void put_text(struct body *body, const char *text) {
  put_long(body, (int64_t)strlen(text));
  put_raw(body, text, strlen(text));
}

/* The required fields of WRITER(). */
static inline void put_required(struct body *body) {
  body->size = 0;
  put_long(body, 0);
  put_text(body, "u1");
  put_long(body, EVENT_TIME);
}

struct reading {
  struct eddy_avro_schema *schema;
  struct eddy_decode_plan *plan;
  struct eddy_event_room room;
  struct eddy_event event;
  size_t used;
};

static inline void reading_init(struct reading *reading, const char *writer) {
  char why[256] = "";
  memset(reading, 0, sizeof *reading);
  eddy_event_room_init(&reading->room);
  reading->schema = eddy_avro_schema_parse(writer, strlen(writer), why, sizeof why);
  if (!reading->schema) fail_msg("%s: %s", writer, why);
  reading->plan = eddy_decode_plan_new(reading->schema, why, sizeof why);
  if (!reading->plan) fail_msg("%s: %s", writer, why);
}

static inline void reading_fini(struct reading *reading) {
  eddy_decode_plan_free(reading->plan);
  eddy_avro_schema_free(reading->schema);
  eddy_event_room_fini(&reading->room);
}

/* Runs the plan on a copy of just the right size, so that ASan sees a step too far; views into it are dead afterwards. */
static inline int run(struct reading *reading, const struct body *body) {
  uint8_t *copy = malloc(body->size ? body->size : 1);
  memcpy(copy, body->bytes, body->size);
  int error = eddy_decode_plan_run(reading->plan, copy, body->size, &reading->room, &reading->event, &reading->used);
  free(copy);
  return error;
}

#endif
