#include "source/kafka_trouble.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *said, *advice;
} troubles[] = {
    {"security.protocol", "check security.protocol and sasl.* under kafka.properties"},
    {"Failed to resolve", "is the host name in kafka.brokers right?"},
    {"uthentication", "check sasl.mechanism, sasl.username and sasl.password under kafka.properties"},
    {"SASL", "check security.protocol and sasl.* under kafka.properties"},
    {"SSL", "check security.protocol and ssl.* under kafka.properties"},
    {"ApiVersion", "check kafka.brokers, and security.protocol under kafka.properties"},
};

void eddy_kafka_trouble_copy(char *text, size_t size, const char *reason) {
  snprintf(text, size, "%s", reason);
  char *tail = strstr(text, " (after ");
  if (tail) *tail = '\0';
}

const char *eddy_kafka_trouble_advice(const char *reason) {
  for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
    if (strstr(reason, troubles[i].said)) return troubles[i].advice;
  }
  return "set kafka.brokers, or start them";
}
