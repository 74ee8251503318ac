/* eddy config reference: every key, from the table that also reads the file. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "daemon/config.h"

static const char usage[] =
    "usage: eddy config reference\n\n"
    "Prints every key of the configuration with its form, range, default and meaning, as Markdown.\n";

int eddy_cmd_config(int argc, char **argv) {
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  if (argc != 2) return eddy_cmd_misuse(argv[0], "what about it? `eddy config reference`");
  if (strcmp(argv[1], "reference") != 0) return eddy_cmd_misuse(argv[0], "there is no `%s`, only `reference`", argv[1]);
  eddy_config_reference(stdout);
  return EX_OK;
}
