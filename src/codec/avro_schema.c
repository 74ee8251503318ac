#include "codec/avro_schema.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20, NESTING_MAX = 64, NODES_MAX = 10000 };

static const char *const type_names[] = {
    [EDDY_AVRO_NULL] = "null",     [EDDY_AVRO_BOOLEAN] = "boolean", [EDDY_AVRO_INT] = "int",     [EDDY_AVRO_LONG] = "long",
    [EDDY_AVRO_FLOAT] = "float",   [EDDY_AVRO_DOUBLE] = "double",   [EDDY_AVRO_BYTES] = "bytes", [EDDY_AVRO_STRING] = "string",
    [EDDY_AVRO_RECORD] = "record", [EDDY_AVRO_ENUM] = "enum",       [EDDY_AVRO_FIXED] = "fixed", [EDDY_AVRO_ARRAY] = "array",
    [EDDY_AVRO_MAP] = "map",       [EDDY_AVRO_UNION] = "union",
};

/* Least size of a value by type; records and fixed are computed. */
static const uint64_t type_sizes[] = {
    [EDDY_AVRO_NULL] = 0,   [EDDY_AVRO_BOOLEAN] = 1, [EDDY_AVRO_INT] = 1,    [EDDY_AVRO_LONG] = 1,   [EDDY_AVRO_FLOAT] = 4,
    [EDDY_AVRO_DOUBLE] = 8, [EDDY_AVRO_BYTES] = 1,   [EDDY_AVRO_STRING] = 1, [EDDY_AVRO_RECORD] = 0, [EDDY_AVRO_ENUM] = 1,
    [EDDY_AVRO_FIXED] = 0,  [EDDY_AVRO_ARRAY] = 1,   [EDDY_AVRO_MAP] = 1,    [EDDY_AVRO_UNION] = 1,
};

const char *eddy_avro_type_name(enum eddy_avro_type type) {
  return type_names[type];
}

const char *eddy_avro_short_name(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot ? dot + 1 : name;
}

struct parser {
  struct eddy_event_room *arena;
  json_t *names; /* full name -> address of the node as an integer */
  unsigned nesting, nodes;
  char *why;
  size_t why_size;
};

static struct eddy_avro_node *parse_node(struct parser *parser, const json_t *json, const char *space);

__attribute__((format(printf, 2, 3))) static bool fail(struct parser *parser, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(parser->why, parser->why_size, format, arguments);
  va_end(arguments);
  return false;
}

static void *take(struct parser *parser, size_t size) {
  void *taken = eddy_event_room_take(parser->arena, size);
  if (taken) {
    memset(taken, 0, size);
  } else {
    fail(parser, "memory is short");
  }
  return taken;
}

static bool count_node(struct parser *parser) {
  return ++parser->nodes <= NODES_MAX || fail(parser, "the schema has more than %d types and fields", NODES_MAX);
}

static struct eddy_avro_node *new_node(struct parser *parser, enum eddy_avro_type type) {
  if (!count_node(parser)) return NULL;
  struct eddy_avro_node *node = take(parser, sizeof *node);
  if (!node) return NULL;
  node->type = type;
  node->symbol_default = -1;
  node->min_size = type_sizes[type];
  return node;
}

/* Names ------------------------------------------------------------------------------------------------------------------ */

static bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* [A-Za-z_][A-Za-z0-9_]*, several of them joined by dots if `dotted`. */
static bool is_name(const char *text, bool dotted) {
  bool start = true;
  for (; *text; text++) {
    if (is_name_start(*text)) {
      start = false;
    } else if (*text == '.' && dotted && !start) {
      start = true;
    } else if (start || *text < '0' || *text > '9') {
      return false;
    }
  }
  return !start;
}

static const char *string_of(const json_t *json, const char *key) {
  return json_string_value(json_object_get(json, key));
}

/* Name within a namespace, unless it has dots and so is full. */
static const char *full_name(struct parser *parser, const char *name, const char *space) {
  if (!*space || strchr(name, '.')) return name;
  size_t size = strlen(space) + strlen(name) + 2;
  char *full = take(parser, size);
  if (full) snprintf(full, size, "%s.%s", space, name);
  return full;
}

/* The namespace of a full name. */
static const char *space_of(struct parser *parser, const char *name) {
  const char *dot = strrchr(name, '.');
  if (!dot) return "";
  const char *space = eddy_event_room_copy(parser->arena, name, (size_t)(dot - name));
  if (!space) fail(parser, "memory is short");
  return space;
}

/* A list of names. Qualified with `space` unless that is NULL; `unique` refuses doubles. */
static bool parse_names(struct parser *parser, const json_t *json, const char *space, bool unique,
                        struct eddy_avro_texts *texts) {
  if (!json) return true;
  if (!json_is_array(json)) return fail(parser, "aliases and symbols must be lists of names");
  json_t *seen = json_object();
  texts->at = take(parser, json_array_size(json) * sizeof *texts->at);
  bool good = seen && texts->at;
  for (size_t i = 0; good && i < json_array_size(json); i++) {
    const char *name = json_string_value(json_array_get(json, i));
    if (!name || !is_name(name, space != NULL)) {
      good = fail(parser, "aliases and symbols must be names");
    } else if (unique && json_object_get(seen, name)) {
      good = fail(parser, "\"%.64s\" stands twice in a list of symbols", name);
    } else {
      if (unique) json_object_set_new(seen, name, json_true());
      texts->at[texts->count++] = space ? full_name(parser, name, space) : name;
      good = texts->at[i] != NULL;
    }
  }
  json_decref(seen);
  return good;
}

/* Gives a record, enum or fixed its name and makes it known: a record may refer to itself. */
static const char *define(struct parser *parser, struct eddy_avro_node *node, const json_t *json, const char *space) {
  const char *name = string_of(json, "name"), *own_space = string_of(json, "namespace");
  if (!name || !is_name(name, true)) {
    fail(parser, "a %s needs a name", eddy_avro_type_name(node->type));
    return NULL;
  }
  if (own_space && *own_space && !is_name(own_space, true)) {
    fail(parser, "\"%.64s\" is not a namespace", own_space);
    return NULL;
  }
  node->name = full_name(parser, name, own_space ? own_space : space);
  space = node->name ? space_of(parser, node->name) : NULL;
  if (!space || !parse_names(parser, json_object_get(json, "aliases"), space, false, &node->aliases)) return NULL;
  if (json_object_get(parser->names, node->name)) {
    fail(parser, "\"%.64s\" is defined twice", node->name);
    return NULL;
  }
  json_object_set_new(parser->names, node->name, json_integer((json_int_t)(intptr_t)node));
  return space;
}

/* Types ------------------------------------------------------------------------------------------------------------------ */

static bool parse_field(struct parser *parser, struct eddy_avro_field *field, const json_t *json, const char *space) {
  field->name = string_of(json, "name");
  if (!field->name || !is_name(field->name, false)) return fail(parser, "a field needs a name");
  if (!count_node(parser)) return false;
  field->fallback = json_object_get(json, "default");
  if (!parse_names(parser, json_object_get(json, "aliases"), NULL, false, &field->aliases)) return false;
  const json_t *type = json_object_get(json, "type");
  if (!type) return fail(parser, "the field \"%.64s\" needs a type", field->name);
  field->type = parse_node(parser, type, space);
  return field->type != NULL;
}

static uint64_t add_sizes(uint64_t a, uint64_t b) {
  uint64_t sum = a + b;
  return sum < a || sum > UINT32_MAX ? UINT32_MAX : sum; /* no message is that long: saturated is as good as exact */
}

static bool parse_record(struct parser *parser, struct eddy_avro_node *node, const json_t *json, const char *space) {
  space = define(parser, node, json, space);
  if (!space) return false;
  const json_t *fields = json_object_get(json, "fields");
  if (!json_is_array(fields)) return fail(parser, "the record %.64s needs a list of fields", node->name);
  node->fields = take(parser, json_array_size(fields) * sizeof *node->fields);
  json_t *seen = json_object();
  bool good = node->fields && seen;
  uint64_t min_size = 0;
  node->min_size = 1; /* while it is not known, for references to itself */
  for (size_t i = 0; good && i < json_array_size(fields); i++) {
    struct eddy_avro_field *field = &node->fields[i];
    good = parse_field(parser, field, json_array_get(fields, i), space);
    if (!good) break;
    if (json_object_get(seen, field->name)) good = fail(parser, "%.64s has two fields \"%.64s\"", node->name, field->name);
    json_object_set_new(seen, field->name, json_true());
    min_size = add_sizes(min_size, field->type->min_size);
    node->count++;
  }
  json_decref(seen);
  node->min_size = min_size;
  return good;
}

static bool parse_enum(struct parser *parser, struct eddy_avro_node *node, const json_t *json, const char *space) {
  if (!define(parser, node, json, space)) return false;
  const json_t *symbols = json_object_get(json, "symbols");
  if (!symbols) return fail(parser, "the enum %.64s needs symbols", node->name);
  if (!parse_names(parser, symbols, NULL, true, &node->symbols)) return false;
  const json_t *fallback = json_object_get(json, "default");
  if (!fallback) return true;
  for (uint32_t i = 0; json_is_string(fallback) && i < node->symbols.count; i++) {
    if (strcmp(node->symbols.at[i], json_string_value(fallback)) == 0) node->symbol_default = (int32_t)i;
  }
  return node->symbol_default >= 0 || fail(parser, "the default of the enum %.64s is not one of its symbols", node->name);
}

/* The specification has sizes in quotes in mind, too ("[INTEGERS]"). */
static bool parse_size(const json_t *json, uint32_t *size) {
  long long value = json_integer_value(json);
  if (json_is_string(json)) {
    char *end;
    const char *text = json_string_value(json);
    if (*text < '0' || *text > '9') return false;
    value = strtoll(text, &end, 10);
    if (*end) return false;
  } else if (!json_is_integer(json)) {
    return false;
  }
  *size = (uint32_t)value;
  return value >= 0 && value <= INT32_MAX;
}

static bool parse_fixed(struct parser *parser, struct eddy_avro_node *node, const json_t *json, const char *space) {
  if (!define(parser, node, json, space)) return false;
  if (!parse_size(json_object_get(json, "size"), &node->fixed_size))
    return fail(parser, "the fixed %.64s needs a size", node->name);
  node->min_size = node->fixed_size;
  return true;
}

/* The one child of an array or a map. */
static bool parse_child(struct parser *parser, struct eddy_avro_node *node, const json_t *json, const char *space) {
  if (!json) return fail(parser, "an array needs items, a map needs values");
  node->children = take(parser, sizeof *node->children);
  if (!node->children) return false;
  node->count = 1;
  node->children[0] = parse_node(parser, json, space);
  return node->children[0] != NULL;
}

/* No unions within, and no type twice (records, enums and fixed: no name twice). */
static bool check_branch(struct parser *parser, const struct eddy_avro_node *branch, json_t *seen) {
  if (branch->type == EDDY_AVRO_UNION) return fail(parser, "a union may not stand in a union");
  const char *name = branch->name ? branch->name : eddy_avro_type_name(branch->type);
  if (json_object_get(seen, name)) return fail(parser, "a union has %.64s twice", name);
  return json_object_set_new(seen, name, json_true()) == 0;
}

static bool parse_union(struct parser *parser, struct eddy_avro_node *node, const json_t *json, const char *space) {
  node->children = take(parser, json_array_size(json) * sizeof *node->children);
  json_t *seen = json_object();
  bool good = node->children && seen;
  for (size_t i = 0; good && i < json_array_size(json); i++) {
    const struct eddy_avro_node *branch = parse_node(parser, json_array_get(json, i), space);
    good = branch && check_branch(parser, branch, seen);
    if (good) node->children[node->count++] = branch;
  }
  json_decref(seen);
  return good;
}

static int find_type(const char *name) {
  for (int type = 0; type < EDDY_AVRO_UNION; type++) {
    if (strcmp(type_names[type], name) == 0) return type;
  }
  return -1;
}

/* A type by its name alone: primitive, or defined before. */
static struct eddy_avro_node *parse_reference(struct parser *parser, const char *name, const char *space) {
  int type = find_type(name);
  if (type >= 0 && type <= EDDY_AVRO_STRING) return new_node(parser, (enum eddy_avro_type)type);
  const char *full = full_name(parser, name, space);
  const json_t *address = full ? json_object_get(parser->names, full) : NULL;
  if (!address) {
    if (full) fail(parser, "there is no type \"%.64s\"", full);
    return NULL;
  }
  return (struct eddy_avro_node *)(intptr_t)json_integer_value(address);
}

static bool parse_body(struct parser *parser, struct eddy_avro_node *node, const json_t *json, const char *space) {
  if (node->type == EDDY_AVRO_RECORD) return parse_record(parser, node, json, space);
  if (node->type == EDDY_AVRO_ENUM) return parse_enum(parser, node, json, space);
  if (node->type == EDDY_AVRO_FIXED) return parse_fixed(parser, node, json, space);
  if (node->type == EDDY_AVRO_ARRAY) return parse_child(parser, node, json_object_get(json, "items"), space);
  return parse_child(parser, node, json_object_get(json, "values"), space);
}

static struct eddy_avro_node *parse_object(struct parser *parser, const json_t *json, const char *space) {
  const json_t *type = json_object_get(json, "type");
  if (!json_is_string(type)) {
    if (type) return parse_node(parser, type, space);
    fail(parser, "a schema object needs a type");
    return NULL;
  }
  int known = find_type(json_string_value(type));
  if (known <= EDDY_AVRO_STRING) return parse_reference(parser, json_string_value(type), space);
  struct eddy_avro_node *node = new_node(parser, (enum eddy_avro_type)known);
  return node && parse_body(parser, node, json, space) ? node : NULL;
}

static struct eddy_avro_node *parse_any(struct parser *parser, const json_t *json, const char *space) {
  if (json_is_string(json)) return parse_reference(parser, json_string_value(json), space);
  if (json_is_object(json)) return parse_object(parser, json, space);
  if (json_is_array(json)) {
    struct eddy_avro_node *node = new_node(parser, EDDY_AVRO_UNION);
    return node && parse_union(parser, node, json, space) ? node : NULL;
  }
  fail(parser, "a schema must be a name, an object or a list");
  return NULL;
}

/* Recursion follows the nesting of the text, at most 64 deep. */
static struct eddy_avro_node *parse_node(struct parser *parser, const json_t *json, const char *space) {
  if (++parser->nesting > NESTING_MAX) {
    fail(parser, "the schema is nested deeper than %d", NESTING_MAX);
    return NULL;
  }
  struct eddy_avro_node *node = parse_any(parser, json, space);
  parser->nesting--;
  return node;
}

/* The whole --------------------------------------------------------------------------------------------------------------- */

static json_t *load_json(const char *text, size_t size, char *why, size_t why_size) {
  json_error_t error;
  if (size > TEXT_MAX) {
    snprintf(why, why_size, "the schema is longer than 1 MiB");
    return NULL;
  }
  json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
  if (!json) snprintf(why, why_size, "the schema is not JSON: %s (line %d)", error.text, error.line);
  return json;
}

struct eddy_avro_schema *eddy_avro_schema_parse(const char *text, size_t size, char *why, size_t why_size) {
  json_t *json = load_json(text, size, why, why_size);
  if (!json) return NULL;
  struct eddy_avro_schema *schema = calloc(1, sizeof *schema);
  json_t *names = json_object();
  if (schema && names) {
    eddy_event_room_init(&schema->arena);
    struct parser parser = {.arena = &schema->arena, .names = names, .why = why, .why_size = why_size};
    schema->root = parse_node(&parser, json, "");
  } else {
    snprintf(why, why_size, "memory is short");
  }
  json_decref(names);
  if (schema && schema->root) {
    schema->json = json;
    return schema;
  }
  json_decref(json);
  eddy_avro_schema_free(schema);
  return NULL;
}

void eddy_avro_schema_free(struct eddy_avro_schema *schema) {
  if (!schema) return;
  json_decref(schema->json);
  eddy_event_room_fini(&schema->arena);
  free(schema);
}
