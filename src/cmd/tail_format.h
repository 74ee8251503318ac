/* `eddy tail -f FORMAT`: one record as its user wants it, with kcat's tokens. Any thread.
 *
 *   %s value   %S its bytes, -1 = none   %k key   %K its bytes   %t topic   %p partition   %o offset   %T time in ms
 *   %h headers as name=value,...   %% a percent sign   \n \r \t \\ \xNN
 */
#ifndef EDDY_CMD_TAIL_FORMAT_H
#define EDDY_CMD_TAIL_FORMAT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>

#include "eddy/types.h"

/* False with a sentence in `why` if there is something else in it. */
bool eddy_tail_format_check(const char *format, char *why, size_t why_size);
/* Is the value to be shown? Then it has to be read first. */
bool eddy_tail_format_has_value(const char *format);

/* Prints a record by a format that was checked. `value`: how the value is shown. `clean`: keys and headers without anything
 * that could steer a terminal. */
void eddy_tail_format_print(const char *format, const rd_kafka_message_t *message, struct eddy_str value, bool clean,
                            FILE *out);

#endif
