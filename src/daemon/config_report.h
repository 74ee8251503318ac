/* The errors of one configuration file: collected while it is read, printed once, in the order of their places:
 *
 *   eddy.yaml:7:15: error: `half_life`: "7" has no unit
 *     7 |   - {name: opens, half_life: 7}
 *       |                              ^ write 7d
 *
 * Lines and columns count from 1; line 0 = an error of the file as a whole. Errors past EDDY_CONFIG_ERRORS_MAX are counted but
 * not kept. One thread.
 */
#ifndef EDDY_DAEMON_CONFIG_REPORT_H
#define EDDY_DAEMON_CONFIG_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { EDDY_CONFIG_ERRORS_MAX = 100, EDDY_CONFIG_MESSAGE_MAX = 320, EDDY_CONFIG_HINT_MAX = 160 };

/* Where something stands in the file. */
struct eddy_place {
  int line, column;
};

struct eddy_config_error {
  struct eddy_place place;
  char message[EDDY_CONFIG_MESSAGE_MAX];
  char hint[EDDY_CONFIG_HINT_MAX]; /* may be empty */
};

struct eddy_config_report {
  struct eddy_config_error *errors;
  int count; /* of all errors; the first EDDY_CONFIG_ERRORS_MAX are in `errors` */
};

void eddy_config_report_init(struct eddy_config_report *report);
void eddy_config_report_fini(struct eddy_config_report *report);

/* Adds an error. */
void eddy_config_report_add(struct eddy_config_report *report, struct eddy_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets the hint of the error added last. */
void eddy_config_report_hint(struct eddy_config_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts the errors that were kept in the order of their places; returns how many these are. */
int eddy_config_report_sort(struct eddy_config_report *report);
/* Prints all errors, sorted by place; `name` stands in front, lines come from `text`. */
void eddy_config_report_print(struct eddy_config_report *report, const char *name, const char *text, size_t size, FILE *out);

#endif
