#include "sim/protocol/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/output_read.h"
#include "sim/protocol/sim.h"

void outputs_add(struct outputs *outputs, const char *line, size_t size) {
  if (outputs->count == outputs->capacity) {
    outputs->capacity = outputs->capacity ? 2 * outputs->capacity : 32;
    outputs->lines = realloc(outputs->lines, outputs->capacity * sizeof(*outputs->lines));
    EDDY_ASSERT(outputs->lines != NULL);
  }
  outputs->lines[outputs->count++] = strndup(line, size);
}

void outputs_read(struct outputs *outputs, struct sim *sim, int output, int partition) {
  int topic = sim_output(sim, eddy_output_topic((enum eddy_output)output));
  struct eddy_output_reader *reader;
  struct eddy_buffer buffer;
  if (topic < 0) return;
  int error = eddy_output_reader_new(&reader, (enum eddy_output)output);
  EDDY_ASSERT(error == 0);
  eddy_buffer_init(&buffer, NULL);
  const struct kafka_entry *entry;
  for (int64_t offset = 0; (entry = kafka_read(&sim->kafka, topic, partition, &offset)) != NULL; offset++) {
    buffer.size = 0;
    if (eddy_output_reader_json(reader, entry->value, entry->value_size, &buffer) != 0) {
      sim_violation(sim, "output %d of partition %d at %lld cannot be read", output, partition, (long long)offset);
      break;
    }
    outputs_add(outputs, (const char *)buffer.data, buffer.size - 1);
  }
  eddy_buffer_fini(&buffer);
  eddy_output_reader_free(reader);
}

static int compare(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void outputs_sort(struct outputs *outputs) {
  if (outputs->count > 0) qsort(outputs->lines, outputs->count, sizeof(*outputs->lines), compare);
}

void outputs_fini(struct outputs *outputs) {
  for (size_t i = 0; i < outputs->count; i++) free(outputs->lines[i]);
  free(outputs->lines);
  *outputs = (struct outputs){0};
}

/* Our ids and names have no quotes and no colons: "name": is found only where it is a key. The last one is of the top level, or
 * the only one, for all fields that are asked for. */
static char *find(char *line, const char *field) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":", field);
  return strstr(line, key);
}

bool output_number(const char *line, const char *field, int64_t *value) {
  char *at = find((char *)(uintptr_t)line, field);
  if (!at) return false;
  at += strlen(field) + 3;
  if (*at == 'n') return false;
  *value = strtoll(at, NULL, 10);
  return true;
}

bool output_text(const char *line, const char *field, char *text, size_t size) {
  char *at = find((char *)(uintptr_t)line, field);
  if (!at) return false;
  at += strlen(field) + 3;
  if (*at != '"') return false;
  snprintf(text, size, "%.*s", (int)strcspn(at + 1, "\""), at + 1);
  return true;
}

void output_cut(char *line, const char *field) {
  char *at = find(line, field);
  if (!at) return;
  char *end = at + strcspn(at, ",}");
  if (*end == ',') end++;
  memmove(at, end, strlen(end) + 1);
}
