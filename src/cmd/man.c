/* eddy man: the pages eddy(1) and eddy.yaml(5), made of what --help and `eddy config reference` print. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/version.h"
#include "cmd/cmd.h"
#include "cmd/usage_form.h"
#include "daemon/config.h"

static const char usage[] =
    "usage: eddy man [eddy.yaml]\n\n"
    "Prints the manual page eddy(1), or eddy.yaml(5), in roff: `eddy man | man -l -` shows it.\n";

/* eddy(1) -------------------------------------------------------------------------------------------------------------------*/

static const char head[] =
    ".TH EDDY 1 \"\" \"eddy " EDDY_VERSION
    "\" \"User Commands\"\n"
    ".SH NAME\neddy \\- says in real time what changed about your customers\n"
    ".SH SYNOPSIS\n.B eddy\n.I COMMAND\n[\\fIOPTIONS\\fR]\n"
    ".SH DESCRIPTION\n"
    "Reads customer events from Kafka, keeps a recency\\-weighted profile per user, groups users live, and publishes segment\n"
    "changes and triggers with their reasons to Kafka and Redis. State, outputs and input offsets are one Kafka transaction.\n"
    ".PP\nData goes to standard output, messages go to standard error. Options that take a FILE take the configuration, see\n"
    ".BR eddy.yaml (5).\n"
    ".SH COMMANDS\n";

static const char tail[] =
    ".SH EXIT STATUS\n"
    "As in sysexits.h: 0 success, 64 wrong usage, 65 wrong data, 66 no such input, 69 something that is needed is not there, "
    "70\n"
    "an error in eddy, 71 the system lacks memory or threads, 74 output that could not be written, 75 try again, 77 not\n"
    "permitted, 78 a configuration or state that somebody has to look at.\n"
    ".SH ENVIRONMENT\n.TP\n.B NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID\n"
    "Set by systemd: \\fBeddy run\\fR tells it when it is ready and that it is alive.\n"
    ".SH FILES\n.TP\n.I /etc/eddy/eddy.yaml\nThe configuration of the service of the Debian package.\n"
    ".SH SEE ALSO\n.BR eddy.yaml (5)\n";

static void put_command(const struct eddy_command *command) {
  char name[32], form[] = "--help=man";
  char *arguments[] = {name, form, NULL};
  snprintf(name, sizeof(name), "%s", command->name);
  printf(".SS %s\n", name);
  command->call(2, arguments);
}

static void put_commands_page(void) {
  size_t count;
  const struct eddy_command *commands = eddy_commands(&count);
  fputs(head, stdout);
  for (size_t i = 0; i < count; i++) {
    if (commands[i].summary) put_command(&commands[i]);
  }
  fputs(tail, stdout);
}

/* eddy.yaml(5) --------------------------------------------------------------------------------------------------------------*/

static const char yaml_head[] = ".TH EDDY.YAML 5 \"\" \"eddy " EDDY_VERSION
                                "\" \"File Formats\"\n"
                                ".SH NAME\neddy.yaml \\- configuration of eddy\n"
                                ".SH DESCRIPTION\n";

/* "| `key` | value | default | meaning |": the meaning, then the rest. */
static void put_row(const char *row) {
  const char *cells[4] = {row + 2};
  size_t sizes[4];
  for (int i = 0; i < 4; i++) {
    const char *end = strstr(cells[i], " |");
    if (!end) return;
    sizes[i] = (size_t)(end - cells[i]);
    if (i < 3) cells[i + 1] = end + 3;
  }
  fputs(".TP\n", stdout);
  eddy_roff_put(cells[0], sizes[0], stdout);
  eddy_roff_put(cells[3], sizes[3], stdout);
  fputs(".br\n", stdout);
  eddy_roff_put(cells[1], sizes[1], stdout);
  fputs(".br\ndefault: ", stdout);
  eddy_roff_put(cells[2], sizes[2], stdout);
}

static void put_heading(const char *title) {
  fputs(".SH ", stdout);
  for (; *title; title++) fputc(toupper((unsigned char)*title), stdout);
  fputc('\n', stdout);
}

static void put_markdown(const char *line) {
  if (strncmp(line, "## ", 3) == 0)
    put_heading(line + 3);
  else if (strncmp(line, "| `", 3) == 0)
    put_row(line);
  else if (line[0] == '\0')
    fputs(".PP\n", stdout);
  else if (line[0] != '#' && line[0] != '|')
    eddy_roff_put(line, strlen(line), stdout);
}

static int put_configuration_page(void) {
  char *text = NULL;
  size_t size;
  FILE *memory = open_memstream(&text, &size);
  if (memory) eddy_config_reference(memory);
  if (!memory || fclose(memory) != 0) {
    free(text);
    return EX_OSERR;
  }
  fputs(yaml_head, stdout);
  for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = '\0';
    put_markdown(line);
  }
  fputs(".SH SEE ALSO\n.BR eddy (1)\n", stdout);
  free(text);
  return EX_OK;
}

int eddy_cmd_man(int argc, char **argv) {
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  if (argc > 2) return eddy_cmd_misuse(argv[0], "what is %s? There is one page at a time", argv[2]);
  if (argc == 2 && strcmp(argv[1], "eddy.yaml") != 0)
    return eddy_cmd_misuse(argv[0], "there is no page `%s`, only `eddy.yaml`", argv[1]);
  if (argc == 2) return put_configuration_page();
  put_commands_page();
  return EX_OK;
}
