#include "source/file_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/container.h"
#include "codec/event_check.h"
#include "codec/event_error.h"
#include "codec/event_fields.h"
#include "codec/event_json.h"

enum { LINE_MAX_BYTES = 1 << 20, WHY_SIZE = 256 };

struct eddy_file_source {
  FILE *file;
  struct eddy_container_reader *container; /* NULL: JSON lines */
  struct eddy_event_room room;             /* of the batch */
  struct eddy_event_room record;           /* of one Avro record, before it is copied */
  struct eddy_event event;                 /* the pending one, or being read */
  bool broken;                             /* for good, `why` says by what */
  char why[WHY_SIZE];
  bool pending;    /* the line or event is read, but the room was full: it comes first in the next batch */
  uint64_t number; /* of the line or record read last */
  uint64_t clamped;
  char *line;
  size_t line_size;
  eddy_bad_record_fn on_bad;
  void *on_bad_ctx;
};

enum outcome { GOOD, END, BAD, FULL, BROKEN };

/* Opening -------------------------------------------------------------------------------------------------------------------*/

static int open_reader(struct eddy_file_source *source, char *why, size_t why_size) {
  int first = getc(source->file);
  if (first == EOF && ferror(source->file)) {
    snprintf(why, why_size, "%s", strerror(errno));
    return -1;
  }
  if (first != EOF) ungetc(first, source->file);
  if (first == 'O') return eddy_container_open(&source->container, source->file, why, why_size);
  source->line = malloc(LINE_MAX_BYTES);
  if (source->line) return 0;
  snprintf(why, why_size, "memory is short");
  return -1;
}

int eddy_file_source_open(struct eddy_file_source **source, const char *path, char *why, size_t why_size) {
  *source = NULL;
  struct eddy_file_source *opened = calloc(1, sizeof *opened);
  if (!opened) {
    snprintf(why, why_size, "memory is short");
    return -1;
  }
  eddy_event_room_init(&opened->room);
  eddy_event_room_init(&opened->record);
  opened->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
  if (!opened->file) snprintf(why, why_size, "%s", strerror(errno));
  if (!opened->file || open_reader(opened, why, why_size) != 0) {
    eddy_file_source_close(opened);
    return -1;
  }
  *source = opened;
  return 0;
}

void eddy_file_source_close(struct eddy_file_source *source) {
  if (!source) return;
  eddy_container_close(source->container);
  if (source->file && source->file != stdin) fclose(source->file);
  eddy_event_room_fini(&source->room);
  eddy_event_room_fini(&source->record);
  free(source->line);
  free(source);
}

void eddy_file_source_on_bad(struct eddy_file_source *source, eddy_bad_record_fn on_bad, void *ctx) {
  source->on_bad = on_bad;
  source->on_bad_ctx = ctx;
}

const char *eddy_file_source_unit(const struct eddy_file_source *source) {
  return source->container ? "record" : "line";
}

uint64_t eddy_file_source_clamped(const struct eddy_file_source *source) {
  return source->clamped;
}

static enum outcome refuse(struct eddy_file_source *source, int error, const char *why) {
  if (source->on_bad) source->on_bad(source->on_bad_ctx, source->number, error, why);
  return BAD;
}

/* A file knows of no other time of its records than received_at. */
static enum outcome settle(struct eddy_file_source *source) {
  bool clamped;
  int error = eddy_event_settle(&source->event, source->event.received_at, &clamped);
  if (error) return refuse(source, error, eddy_event_error_text(error));
  source->clamped += clamped;
  return GOOD;
}

/* JSON lines ----------------------------------------------------------------------------------------------------------------*/

/* Editors on Windows write one in front of the first line (RFC 8259, section 8.1: it may be ignored). */
static void drop_byte_order_mark(struct eddy_file_source *source) {
  static const char mark[3] = "\xEF\xBB\xBF";
  if (source->line_size < sizeof mark || memcmp(source->line, mark, sizeof mark) != 0) return;
  if (source->line_size > LINE_MAX_BYTES) return; /* too long with or without it */
  memmove(source->line, source->line + sizeof mark, source->line_size - sizeof mark);
  source->line_size -= sizeof mark;
}

/* Reads up to the next line feed. False at the end. What goes beyond the limit is read and dropped; line_size tells. */
static bool read_line(struct eddy_file_source *source) {
  int byte;
  source->line_size = 0;
  while ((byte = getc_unlocked(source->file)) != EOF && byte != '\n') {
    if (source->line_size < LINE_MAX_BYTES) source->line[source->line_size] = (char)byte;
    source->line_size++;
  }
  if (byte == EOF && source->line_size == 0) return false;
  if (++source->number == 1) drop_byte_order_mark(source);
  return true;
}

static bool is_blank(const struct eddy_file_source *source) {
  for (size_t i = 0; i < source->line_size && i < LINE_MAX_BYTES; i++)
    if (!strchr(" \t\r", source->line[i]) || source->line[i] == '\0') return false;
  return true;
}

static enum outcome parse_line(struct eddy_file_source *source) {
  char why[WHY_SIZE] = "";
  if (source->line_size > LINE_MAX_BYTES) return refuse(source, EDDY_EVENT_E_LIMIT, "the line is longer than 1 MiB");
  int error = eddy_event_read_json(source->line, source->line_size, &source->room, &source->event, why, sizeof why);
  if (error == EDDY_DECODE_FULL) return FULL;
  return error ? refuse(source, error, why) : settle(source);
}

static enum outcome next_json(struct eddy_file_source *source) {
  while (!source->pending) {
    if (!read_line(source)) return END;
    source->pending = !is_blank(source);
  }
  enum outcome outcome = parse_line(source);
  source->pending = outcome == FULL;
  return outcome;
}

/* Avro ----------------------------------------------------------------------------------------------------------------------*/

static bool copy_texts(struct eddy_event_room *room, const struct eddy_field_list *fields, void *target) {
  for (uint32_t i = 0; i < fields->count; i++) {
    if (fields->rows[i].kind != EDDY_FIELD_TEXT) continue;
    struct eddy_str *text = (struct eddy_str *)(void *)((char *)target + fields->rows[i].offset);
    if (!text->data) continue;
    text->data = eddy_event_room_copy(room, text->data, text->len);
    if (!text->data) return false;
  }
  return true;
}

static bool copy_items(struct eddy_event_room *room, struct eddy_event *event) {
  struct eddy_item *items = eddy_event_room_take(room, event->item_count * sizeof *items);
  if (!items) return false;
  memcpy(items, event->items, event->item_count * sizeof *items);
  for (uint32_t i = 0; i < event->item_count; i++)
    if (!copy_texts(room, &eddy_item_fields, &items[i])) return false;
  event->items = items;
  return true;
}

static bool copy_properties(struct eddy_event_room *room, struct eddy_event *event) {
  struct eddy_property *properties = eddy_event_room_take(room, event->property_count * sizeof *properties);
  if (!properties) return false;
  for (uint32_t i = 0; i < event->property_count; i++) {
    struct eddy_str key = event->properties[i].key, value = event->properties[i].value;
    key.data = eddy_event_room_copy(room, key.data, key.len);
    value.data = eddy_event_room_copy(room, value.data, value.len);
    if (!key.data || !value.data) return false;
    properties[i] = (struct eddy_property){key, value};
  }
  event->properties = properties;
  return true;
}

/* The container's views end with its block, a batch may span several: so everything is copied into the batch's room. */
static bool copy_event(struct eddy_event_room *room, struct eddy_event *event) {
  if (!copy_texts(room, &eddy_event_fields, event)) return false;
  if (event->item_count && !copy_items(room, event)) return false;
  return event->property_count == 0 || copy_properties(room, event);
}

static enum outcome read_record(struct eddy_file_source *source) {
  char *why = source->why;
  size_t why_size = sizeof source->why;
  eddy_event_room_clear(&source->record);
  int found = eddy_container_next(source->container, &source->record, &source->event, why, why_size);
  if (found == 0) return END;
  if (found == -1) return BROKEN;
  if (found == EDDY_DECODE_FULL) { /* cannot be: the room holds any single event */
    snprintf(why, why_size, "%s", eddy_event_error_text(EDDY_EVENT_E_LIMIT));
    return BROKEN;
  }
  source->number++;
  return found == 1 ? settle(source) : refuse(source, found, why);
}

static enum outcome next_avro(struct eddy_file_source *source) {
  if (!source->pending) {
    enum outcome outcome = read_record(source);
    if (outcome != GOOD) return outcome;
  }
  struct eddy_event original = source->event;
  source->pending = !copy_event(&source->room, &source->event);
  if (!source->pending) return GOOD;
  source->event = original;
  return FULL;
}

/* Batches -------------------------------------------------------------------------------------------------------------------*/

static enum outcome next(struct eddy_file_source *source) {
  if (source->broken) return BROKEN;
  enum outcome outcome = source->container ? next_avro(source) : next_json(source);
  if (outcome == END && ferror(source->file)) {
    snprintf(source->why, sizeof source->why, "%s", strerror(errno));
    outcome = BROKEN;
  }
  source->broken = outcome == BROKEN;
  return outcome;
}

int eddy_file_source_read(struct eddy_file_source *source, struct eddy_event *events, int count, char *why, size_t why_size) {
  int filled = 0;
  enum outcome outcome = GOOD;
  eddy_event_room_clear(&source->room);
  while (filled < count && (outcome == GOOD || outcome == BAD)) {
    outcome = next(source);
    if (outcome == GOOD) events[filled++] = source->event;
  }
  if (filled > 0 || outcome == END) return filled; /* what is broken stays so until the next call */
  snprintf(why, why_size, "%s", source->why);
  return -1;
}
