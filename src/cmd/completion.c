/* eddy completion bash: what a shell can complete, made of the usage texts. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"

static const char usage[] =
    "usage: eddy completion bash\n\n"
    "Prints a script that lets bash complete commands, options and files:\n"
    "`source <(eddy completion bash)`.\n";

static const char head[] =
    "# Completion of eddy for bash, made by `eddy completion bash`.\n"
    "_eddy() {\n"
    "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
    "  local verbs='' options='--help' values='' files='' commands='";

static const char middle[] =
    "help'\n"
    "  COMPREPLY=()\n"
    "  if [ \"$COMP_CWORD\" -eq 1 ] || [ \"$before\" = help ]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$word\")\n"
    "    return\n"
    "  fi\n"
    "  case ${COMP_WORDS[1]} in\n";

static const char tail[] =
    "  esac\n"
    "  case \" $values \" in *\" $before \"*) return ;; esac\n"
    "  if [[ $word == -* && \" $files \" != *\" $before \"* ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
    "  elif [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$verbs\" ]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$word\")\n"
    "  else\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
    "  fi\n"
    "}\n"
    "complete -F _eddy eddy\n";

static void put_branch(const struct eddy_command *command) {
  char name[32], form[] = "--help=bash";
  char *arguments[] = {name, form, NULL};
  snprintf(name, sizeof(name), "%s", command->name);
  command->call(2, arguments);
}

int eddy_cmd_completion(int argc, char **argv) {
  size_t count;
  const struct eddy_command *commands = eddy_commands(&count);
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  if (argc != 2) return eddy_cmd_misuse(argv[0], "of which shell? `eddy completion bash`");
  if (strcmp(argv[1], "bash") != 0) return eddy_cmd_misuse(argv[0], "there is none for `%s`, only for `bash`", argv[1]);
  fputs(head, stdout);
  for (size_t i = 0; i < count; i++) {
    if (commands[i].summary) printf("%s ", commands[i].name);
  }
  fputs(middle, stdout);
  for (size_t i = 0; i < count; i++) {
    if (commands[i].summary) put_branch(&commands[i]);
  }
  fputs(tail, stdout);
  return EX_OK;
}
