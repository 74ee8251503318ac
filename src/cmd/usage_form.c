#include "cmd/usage_form.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static const char prefix[] = "usage: eddy ";

/* Lines ---------------------------------------------------------------------------------------------------------------------*/

struct line {
  const char *text; /* behind its indentation */
  size_t size, indent;
};

static bool next_line(const char **at, struct line *line) {
  if (**at == '\0') return false;
  size_t whole = strcspn(*at, "\n");
  line->indent = strspn(*at, " ");
  line->text = *at + line->indent;
  line->size = whole - line->indent;
  *at += whole + ((*at)[whole] == '\n');
  return true;
}

/* Bytes up to the two spaces that end a term; all of them if there are none. */
static size_t term_size(const struct line *line) {
  for (size_t i = 0; i + 1 < line->size; i++) {
    if (line->text[i] == ' ' && line->text[i + 1] == ' ') return i;
  }
  return line->size;
}

/* man -----------------------------------------------------------------------------------------------------------------------*/

void eddy_roff_put(const char *text, size_t size, FILE *out) {
  bool bold = false;
  if (size > 0 && (text[0] == '.' || text[0] == '\'')) fputs("\\&", out);
  for (size_t i = 0; i < size; i++) {
    if (text[i] == '`')
      fputs((bold = !bold) ? "\\fB" : "\\fR", out);
    else if (text[i] == '\\')
      fputs("\\e", out);
    else if (text[i] == '-')
      fputs("\\-", out);
    else
      fputc(text[i], out);
  }
  fputs(bold ? "\\fR\n" : "\n", out);
}

static void put_synopsis(const struct line *line, FILE *out) {
  size_t skip = strncmp(line->text, "usage: ", 7) == 0 ? 7 : 0;
  fputs(".PP\n.B ", out);
  eddy_roff_put(line->text + skip, line->size - skip, out);
}

static void put_term(const struct line *line, FILE *out) {
  size_t size = term_size(line), gap = size;
  fputs(".TP\n.B ", out);
  eddy_roff_put(line->text, size, out);
  while (gap < line->size && line->text[gap] == ' ') gap++;
  if (gap < line->size) eddy_roff_put(line->text + gap, line->size - gap, out);
}

void eddy_usage_man(const char *usage, FILE *out) {
  enum { TERM_INDENT_MAX = 6 }; /* options without a letter are indented this far */
  struct line line;
  bool synopsis = true;
  for (const char *at = usage; next_line(&at, &line);) {
    if (line.size == 0) {
      synopsis = false;
      fputs(".PP\n", out);
    } else if (synopsis) {
      put_synopsis(&line, out);
    } else if (line.indent > 0 && line.indent <= TERM_INDENT_MAX) {
      put_term(&line, out);
    } else {
      eddy_roff_put(line.text, line.size, out);
    }
  }
}

/* bash ----------------------------------------------------------------------------------------------------------------------*/

/* Calls `take` with each word of a term: "-c, --config FILE". */
static size_t next_word(const char *text, size_t size, size_t *at) {
  while (*at < size && (text[*at] == ' ' || text[*at] == ',')) ++*at;
  size_t begin = *at;
  while (*at < size && text[*at] != ' ' && text[*at] != ',') ++*at;
  return *at - begin;
}

enum kind { ALL, WITH_VALUE, WITH_FILE };

/* What stands behind the options of the line. */
static enum kind kind_of(const struct line *line) {
  enum kind kind = ALL;
  size_t size = term_size(line);
  for (size_t at = 0, length; (length = next_word(line->text, size, &at)) > 0;) {
    const char *word = line->text + at - length;
    if (word[0] == '-') continue;
    kind = length == 4 && (memcmp(word, "FILE", 4) == 0 || memcmp(word, "PATH", 4) == 0) ? WITH_FILE : WITH_VALUE;
  }
  return kind;
}

/* Options of one kind, or ALL of them. */
static void put_options(const char *usage, enum kind kind, FILE *out) {
  struct line line;
  for (const char *at = usage; next_line(&at, &line);) {
    if (line.indent == 0 || line.size == 0 || line.text[0] != '-' || (kind != ALL && kind_of(&line) != kind)) continue;
    size_t size = term_size(&line);
    for (size_t end = 0, length; (length = next_word(line.text, size, &end)) > 0;) {
      const char *word = line.text + end - length;
      if (word[0] == '-') fprintf(out, "%.*s ", (int)length, word);
    }
  }
}

/* "topics create" -> create; "dlq list|retry" -> both. */
static void put_verbs(const char *usage, FILE *out) {
  struct line line;
  for (const char *at = usage; next_line(&at, &line) && line.size > 0;) {
    size_t end = strncmp(line.text, "usage: ", 7) == 0 ? 7 : 0, length = 0;
    for (int word = 0; word < 3; word++) length = next_word(line.text, line.size, &end); /* eddy NAME VERB */
    const char *verb = line.text + end - length;
    if (length == 0 || !islower((unsigned char)verb[0])) continue;
    for (size_t i = 0; i < length; i++) fputc(verb[i] == '|' ? ' ' : verb[i], out);
    fputc(' ', out);
  }
}

void eddy_usage_bash(const char *usage, FILE *out) {
  if (strncmp(usage, prefix, sizeof(prefix) - 1) != 0) return;
  const char *name = usage + sizeof(prefix) - 1;
  fprintf(out, "    %.*s)\n      verbs=\"", (int)strcspn(name, " \n"), name);
  put_verbs(usage, out);
  fputs("\"\n      options=\"", out);
  put_options(usage, ALL, out);
  fputs("--help\"\n      values=\"", out);
  put_options(usage, WITH_VALUE, out);
  fputs("\"\n      files=\"", out);
  put_options(usage, WITH_FILE, out);
  fputs("\"\n      ;;\n", out);
}
