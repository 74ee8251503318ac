/* What was committed to the output topics, as JSON lines, and pieces of such lines. */
#ifndef EDDY_SIM_PROTOCOL_OUTPUTS_H
#define EDDY_SIM_PROTOCOL_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim;

struct outputs {
  char **lines;
  size_t count, capacity;
};

/* Appends the committed records of one output's topic and partition, in order. */
void outputs_read(struct outputs *outputs, struct sim *sim, int output, int partition);
void outputs_add(struct outputs *outputs, const char *line, size_t size);
void outputs_sort(struct outputs *outputs);
void outputs_fini(struct outputs *outputs);

/* A field of the top level: a number, or the text of a string or null without quotes. False if it is not there or null. */
bool output_number(const char *line, const char *field, int64_t *value);
bool output_text(const char *line, const char *field, char *text, size_t size);
/* Cuts a field of the top level with a plain value out of the line. */
void output_cut(char *line, const char *field);

#endif
