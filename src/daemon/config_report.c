#include "daemon/config_report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 120, SHOWN_BEFORE = 80 }; /* code points of a long line that are shown, and those before the caret */

void eddy_config_report_init(struct eddy_config_report *report) {
  *report = (struct eddy_config_report){0};
}

void eddy_config_report_fini(struct eddy_config_report *report) {
  free(report->errors);
  eddy_config_report_init(report);
}

/* Room for the next error, NULL when there is none: then only the count goes on. */
static struct eddy_config_error *next_error(struct eddy_config_report *report) {
  if (!report->errors) report->errors = calloc(EDDY_CONFIG_ERRORS_MAX, sizeof *report->errors);
  int position = report->count++;
  return report->errors && position < EDDY_CONFIG_ERRORS_MAX ? &report->errors[position] : NULL;
}

void eddy_config_report_add(struct eddy_config_report *report, struct eddy_place place, const char *format, ...) {
  struct eddy_config_error *error = next_error(report);
  if (!error) return;
  error->place = place;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
}

void eddy_config_report_hint(struct eddy_config_report *report, const char *format, ...) {
  if (!report->errors || report->count < 1 || report->count > EDDY_CONFIG_ERRORS_MAX) return;
  struct eddy_config_error *error = &report->errors[report->count - 1];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->hint, sizeof error->hint, format, arguments);
  va_end(arguments);
}

static bool comes_after(const struct eddy_config_error *a, const struct eddy_config_error *b) {
  if (a->place.line != b->place.line) return a->place.line > b->place.line;
  return a->place.column > b->place.column;
}

/* Insertion sort: at most EDDY_CONFIG_ERRORS_MAX, and equal places keep their order. */
int eddy_config_report_sort(struct eddy_config_report *report) {
  struct eddy_config_error *errors = report->errors;
  int count = !errors ? 0 : report->count < EDDY_CONFIG_ERRORS_MAX ? report->count : EDDY_CONFIG_ERRORS_MAX;
  for (int i = 1; i < count; i++) {
    struct eddy_config_error moving = errors[i];
    int at = i;
    for (; at > 0 && comes_after(&errors[at - 1], &moving); at--) errors[at] = errors[at - 1];
    errors[at] = moving;
  }
  return count;
}

/* Messages quote the file, and the file is anybody's: control characters never reach a terminal. */
static void put_clean(const char *text, size_t size, FILE *out) {
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    fputc(c < 0x20 || c == 0x7f ? (c == '\t' ? ' ' : '?') : c, out);
  }
}

struct line {
  const char *at;
  size_t size;
};

static struct line find_line(const char *text, size_t size, int number) {
  const char *end = text + size, *at = text;
  for (int i = 1; i < number && at; i++) {
    at = memchr(at, '\n', (size_t)(end - at));
    if (at) at++;
  }
  if (!at || at >= end) return (struct line){NULL, 0};
  const char *stop = memchr(at, '\n', (size_t)(end - at));
  if (!stop) stop = end;
  if (stop > at && stop[-1] == '\r') stop--;
  return (struct line){at, (size_t)(stop - at)};
}

static bool starts_character(char c) {
  return ((unsigned char)c & 0xc0) != 0x80;
}

/* Bytes that hold the next `characters` code points. */
static size_t bytes_of(struct line line, int characters) {
  size_t at = 0;
  while (at < line.size && characters-- > 0) {
    at++;
    while (at < line.size && !starts_character(line.at[at])) at++;
  }
  return at;
}

static void print_source(const struct eddy_config_error *error, struct line line, FILE *out) {
  int column = error->place.column < 1 ? 1 : error->place.column;
  int skipped = column > SHOWN_BEFORE ? column - SHOWN_BEFORE : 0;
  size_t start = bytes_of(line, skipped);
  struct line rest = {line.at + start, line.size - start};
  size_t shown = bytes_of(rest, SHOWN_MAX);
  fprintf(out, "%5d | %s", error->place.line, skipped ? "..." : "");
  put_clean(rest.at, shown, out);
  fprintf(out, "%s\n      | %*s^", shown < rest.size ? "..." : "", column - 1 - skipped + (skipped ? 3 : 0), "");
  if (error->hint[0]) {
    fputc(' ', out);
    put_clean(error->hint, strlen(error->hint), out);
  }
  fputc('\n', out);
}

static void print_error(const struct eddy_config_error *error, const char *name, struct line line, FILE *out) {
  put_clean(name, strlen(name), out);
  if (error->place.line > 0) fprintf(out, ":%d:%d", error->place.line, error->place.column);
  fputs(": error: ", out);
  put_clean(error->message, strlen(error->message), out);
  fputc('\n', out);
  if (line.at) {
    print_source(error, line, out);
  } else if (error->hint[0]) {
    fputs("      | ", out);
    put_clean(error->hint, strlen(error->hint), out);
    fputc('\n', out);
  }
}

void eddy_config_report_print(struct eddy_config_report *report, const char *name, const char *text, size_t size, FILE *out) {
  int kept = eddy_config_report_sort(report);
  for (int i = 0; i < kept; i++) {
    const struct eddy_config_error *error = &report->errors[i];
    struct line none = {NULL, 0};
    print_error(error, name, error->place.line > 0 ? find_line(text, size, error->place.line) : none, out);
  }
  if (report->count > kept) fprintf(out, "... and %d more errors\n", report->count - kept);
}
