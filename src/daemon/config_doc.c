#include "daemon/config_doc.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct anchor {
  char *name;
  const struct eddy_config_node *node;
};

struct reader {
  yaml_parser_t parser;
  struct eddy_config_doc *doc;
  struct eddy_config_report *report;
  const char *text;
  size_t size;
  struct eddy_config_node *open[EDDY_CONFIG_DEPTH_MAX]; /* the collections around the next node */
  int depth;
  struct anchor anchors[EDDY_CONFIG_ANCHORS_MAX];
  int anchor_count;
  uint32_t node_count;
  int documents;
};

static struct eddy_place place_of(yaml_mark_t mark) {
  return (struct eddy_place){(int)mark.line + 1, (int)mark.column + 1};
}

/* Reports and ends the reading. */
static bool stop(struct reader *reader, struct eddy_place place, const char *message, const char *hint) {
  eddy_config_report_add(reader->report, place, "%s", message);
  if (hint) eddy_config_report_hint(reader->report, "%s", hint);
  return false;
}

/* Syntax errors as libyaml sees them ------------------------------------------------------------------------ */

static struct eddy_place place_of_byte(const char *text, size_t size, size_t offset) {
  struct eddy_place place = {1, 1};
  for (size_t i = 0; i < offset && i < size; i++) {
    if (text[i] == '\n') {
      place.line++;
      place.column = 1;
    } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
      place.column++;
    }
  }
  return place;
}

static char byte_at(const struct reader *reader, yaml_mark_t mark) {
  size_t line = 0;
  for (size_t i = 0, column = 0; i < reader->size; i++) {
    if (line == mark.line && column == mark.column) return reader->text[i];
    if (reader->text[i] == '\n')
      line++, column = 0;
    else if (((unsigned char)reader->text[i] & 0xc0) != 0x80)
      column++;
  }
  return '\0';
}

static const char *hint_for(const struct reader *reader, const char *problem) {
  if (byte_at(reader, reader->parser.problem_mark) == '\t') return "a tab cannot indent: use spaces";
  if (strstr(problem, "cannot start any token")) return "put the text in quotes";
  if (strstr(problem, "mapping values are not allowed")) return "check the indentation; a text with `: ` in it needs quotes";
  if (strstr(problem, "did not find expected key")) return "check the indentation, quotes and brackets around here";
  if (strstr(problem, "could not find expected ':'")) return "a key is followed by a colon and a space";
  return NULL;
}

static void report_syntax(struct reader *reader) {
  const yaml_parser_t *parser = &reader->parser;
  const char *problem = parser->problem ? parser->problem : "out of memory";
  if (parser->error == YAML_READER_ERROR) {
    struct eddy_place place = place_of_byte(reader->text, reader->size, parser->problem_offset);
    eddy_config_report_add(reader->report, place, "this is not readable text: %s", problem);
    eddy_config_report_hint(reader->report, "the file must be UTF-8 without control characters");
    return;
  }
  struct eddy_place place = place_of(parser->problem_mark);
  if (parser->context) {
    eddy_config_report_add(reader->report, place, "YAML syntax: %s (%s that starts in line %d)", problem, parser->context,
                           (int)parser->context_mark.line + 1);
  } else {
    eddy_config_report_add(reader->report, place, "YAML syntax: %s", problem);
  }
  const char *hint = hint_for(reader, problem);
  if (hint) eddy_config_report_hint(reader->report, "%s", hint);
}

/* The tree -------------------------------------------------------------------------------------------------- */

static struct eddy_config_node *node_new(struct reader *reader, enum eddy_config_kind kind, yaml_mark_t mark) {
  struct eddy_config_node *node = calloc(1, sizeof *node);
  if (!node || ++reader->node_count > EDDY_CONFIG_NODES_MAX) {
    free(node);
    stop(reader, place_of(mark), "the file holds too many values", NULL);
    return NULL;
  }
  node->kind = kind;
  node->place = place_of(mark);
  node->weight = 1;
  node->allocated = reader->doc->nodes;
  reader->doc->nodes = node;
  return node;
}

static bool expects_key(const struct reader *reader) {
  if (reader->depth == 0) return false;
  const struct eddy_config_node *parent = reader->open[reader->depth - 1];
  return parent->kind == EDDY_CONFIG_MAP && parent->children % 2 == 0;
}

static bool check_key(struct reader *reader, struct eddy_config_node *key) {
  const struct eddy_config_node *map = reader->open[reader->depth - 1];
  if (key->kind != EDDY_CONFIG_SCALAR) return stop(reader, key->place, "a key must be a text", NULL);
  if (map->children / 2 >= EDDY_CONFIG_ENTRIES_MAX) return stop(reader, key->place, "a mapping has too many entries", NULL);
  key->is_key = true;
  for (const struct eddy_config_node *other = map->first; other; other = other->next->next) {
    if (strcmp(other->raw, key->raw) != 0) continue;
    eddy_config_report_add(reader->report, key->place, "`%.64s` is given twice", key->raw);
    eddy_config_report_hint(reader->report, "it is already in line %d", other->place.line);
    key->broken = true;
    break;
  }
  return true;
}

static bool attach(struct reader *reader, struct eddy_config_node *node) {
  if (reader->depth == 0) {
    reader->doc->root = node;
    return true;
  }
  if (expects_key(reader) && !check_key(reader, node)) return false;
  struct eddy_config_node *parent = reader->open[reader->depth - 1];
  if (parent->last)
    parent->last->next = node;
  else
    parent->first = node;
  parent->last = node;
  parent->children++;
  return true;
}

static bool name_anchor(struct reader *reader, const yaml_char_t *name, const struct eddy_config_node *node) {
  if (!name) return true;
  if (reader->anchor_count == EDDY_CONFIG_ANCHORS_MAX) return stop(reader, node->place, "the file has too many anchors", NULL);
  char *copy = strdup((const char *)name);
  if (!copy) return stop(reader, node->place, "out of memory", NULL);
  reader->anchors[reader->anchor_count++] = (struct anchor){copy, node};
  return true;
}

static bool refuse_tag(struct reader *reader, const yaml_char_t *tag, yaml_mark_t mark) {
  if (!tag) return true;
  return stop(reader, place_of(mark), "tags such as !!int mean nothing here", "leave the tag out");
}

static bool add_scalar(struct reader *reader, const yaml_event_t *event) {
  if (!refuse_tag(reader, event->data.scalar.tag, event->start_mark)) return false;
  if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
    return stop(reader, place_of(event->start_mark), "a text holds a NUL character", NULL);
  struct eddy_config_node *node = node_new(reader, EDDY_CONFIG_SCALAR, event->start_mark);
  if (!node) return false;
  node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  node->raw = node->text = strdup((const char *)event->data.scalar.value);
  if (!node->raw) return stop(reader, node->place, "out of memory", NULL);
  return attach(reader, node) && name_anchor(reader, event->data.scalar.anchor, node);
}

static bool begin_collection(struct reader *reader, enum eddy_config_kind kind, const yaml_event_t *event) {
  bool list = kind == EDDY_CONFIG_LIST;
  const yaml_char_t *tag = list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
  if (!refuse_tag(reader, tag, event->start_mark)) return false;
  struct eddy_config_node *node = node_new(reader, kind, event->start_mark);
  if (!node || !attach(reader, node)) return false;
  if (reader->depth == EDDY_CONFIG_DEPTH_MAX) return stop(reader, node->place, "the file is nested too deeply", NULL);
  reader->open[reader->depth++] = node;
  return name_anchor(reader, list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor, node);
}

/* Adds up height and weight of the children; too much of either ends the reading. */
static bool end_collection(struct reader *reader) {
  struct eddy_config_node *node = reader->open[--reader->depth];
  uint64_t weight = 1;
  for (const struct eddy_config_node *child = node->first; child; child = child->next) {
    const struct eddy_config_node *target = eddy_config_target(child);
    weight += target->weight;
    if (target->height + 1 > node->height) node->height = target->height + 1;
  }
  if (weight > EDDY_CONFIG_NODES_MAX || node->height > EDDY_CONFIG_DEPTH_MAX)
    return stop(reader, node->place, "with its aliases written out this is too large", NULL);
  node->weight = (uint32_t)weight;
  return true;
}

static bool is_open(const struct reader *reader, const struct eddy_config_node *node) {
  for (int i = 0; i < reader->depth; i++)
    if (reader->open[i] == node) return true;
  return false;
}

static bool add_alias(struct reader *reader, const yaml_event_t *event) {
  const char *name = (const char *)event->data.alias.anchor;
  struct eddy_config_node *node = node_new(reader, EDDY_CONFIG_ALIAS, event->start_mark);
  if (!node) return false;
  for (int i = reader->anchor_count - 1; i >= 0 && !node->target; i--)
    if (strcmp(reader->anchors[i].name, name) == 0) node->target = reader->anchors[i].node;
  if (!node->target) return stop(reader, node->place, "this alias has no anchor before it", NULL);
  if (is_open(reader, node->target)) return stop(reader, node->place, "an alias inside of what it stands for", NULL);
  return attach(reader, node);
}

static bool begin_document(struct reader *reader, const yaml_event_t *event) {
  if (++reader->documents == 1) return true;
  return stop(reader, place_of(event->start_mark), "a second document starts here; a configuration is one", "remove the `---`");
}

static bool take_event(struct reader *reader, const yaml_event_t *event) {
  switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
      return begin_document(reader, event);
    case YAML_SCALAR_EVENT:
      return add_scalar(reader, event);
    case YAML_ALIAS_EVENT:
      return add_alias(reader, event);
    case YAML_SEQUENCE_START_EVENT:
      return begin_collection(reader, EDDY_CONFIG_LIST, event);
    case YAML_MAPPING_START_EVENT:
      return begin_collection(reader, EDDY_CONFIG_MAP, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
      return end_collection(reader);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
      return true;
  }
  return true;
}

static bool read_events(struct reader *reader) {
  for (bool last = false; !last;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&reader->parser, &event)) {
      report_syntax(reader);
      return false;
    }
    last = event.type == YAML_STREAM_END_EVENT;
    bool fine = take_event(reader, &event);
    yaml_event_delete(&event);
    if (!fine) return false;
  }
  return true;
}

/* After an error the entry of the root that it is in is incomplete, and so is whatever it holds: leave it out. */
static void drop_last_entry(struct eddy_config_doc *doc) {
  struct eddy_config_node *root = doc->root, *before = NULL;
  doc->cut = true;
  if (!root) return;
  if (root->kind != EDDY_CONFIG_MAP || root->children <= 2) {
    doc->root = NULL;
    return;
  }
  int kept = (root->children - 1) / 2 * 2;
  before = root->first;
  for (int i = 1; i < kept; i++) before = before->next;
  before->next = NULL;
  root->last = before;
  root->children = kept;
}

void eddy_config_doc_read(struct eddy_config_doc *doc, const char *text, size_t size, struct eddy_config_report *report) {
  *doc = (struct eddy_config_doc){0};
  struct reader *reader = calloc(1, sizeof *reader);
  if (!reader || !yaml_parser_initialize(&reader->parser)) {
    free(reader);
    doc->cut = true;
    eddy_config_report_add(report, (struct eddy_place){0, 0}, "out of memory");
    return;
  }
  reader->doc = doc;
  reader->report = report;
  reader->text = text;
  reader->size = size;
  yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, size);
  if (!read_events(reader)) drop_last_entry(doc);
  for (int i = 0; i < reader->anchor_count; i++) free(reader->anchors[i].name);
  yaml_parser_delete(&reader->parser);
  free(reader);
}

void eddy_config_doc_fini(struct eddy_config_doc *doc) {
  for (struct eddy_config_node *node = doc->nodes, *next; node; node = next) {
    next = node->allocated;
    if (node->text != node->raw) free(node->text);
    free(node->raw);
    free(node);
  }
  *doc = (struct eddy_config_doc){0};
}
