/* Any bytes as a configuration file: no crash, no leak, and what passes without an error is a specification that the core takes.
 * ${file:...} stays closed: the name has no folder and the corpus no paths, and devices and FIFOs are refused anyway. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static FILE *nowhere;
  struct eddy_config config;
  if (!nowhere) nowhere = fopen("/dev/null", "w");
  int errors = eddy_config_parse(&config, "fuzz.yaml", (const char *)data, size, nowhere);
  if (errors == 0) EDDY_ASSERT(eddy_spec_check(&config.spec, NULL, 0) == 0);
  eddy_config_free(&config);
  return 0;
}
