#include "daemon/config_expand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { NAME_MAX_LENGTH = 255, TEXT_MAX = 256 * 1024 };

struct expansion {
  struct eddy_config_node *node;
  const char *folder;
  struct eddy_config_report *report;
  struct eddy_buffer text;
  const char *at; /* in node->raw */
};

/* The place of `at` inside the scalar: exact for texts on one line without escapes, the beginning of the scalar elsewhere. */
static struct eddy_place place_in(const struct expansion *expansion, const char *at) {
  struct eddy_place place = expansion->node->place;
  const char *raw = expansion->node->raw;
  if (memchr(raw, '\n', strlen(raw)) || memchr(raw, '\\', strlen(raw))) return place;
  for (const char *c = raw; c < at; c++)
    if (((unsigned char)*c & 0xc0) != 0x80) place.column++;
  if (expansion->node->quoted) place.column++;
  return place;
}

static bool complain(struct expansion *expansion, const char *at, const char *what, const char *name, const char *hint) {
  eddy_config_report_add(expansion->report, place_in(expansion, at), "${%.100s}: %s", name, what);
  eddy_config_report_hint(expansion->report, "%s", hint);
  return false;
}

static bool append(struct expansion *expansion, const char *bytes, size_t size) {
  if (expansion->text.size + size <= TEXT_MAX && eddy_buffer_append(&expansion->text, bytes, size) == 0) return true;
  eddy_config_report_add(expansion->report, expansion->node->place, "with everything filled in this text is too long");
  return false;
}

/* ${NAME} and ${NAME:-default} ------------------------------------------------------------------------------ */

static bool is_variable_name(const char *name) {
  size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
  return length > 0 && name[length] == '\0' && !(name[0] >= '0' && name[0] <= '9');
}

static bool append_variable(struct expansion *expansion, const char *at, char *name) {
  char *fallback = strstr(name, ":-");
  if (fallback) {
    *fallback = '\0';
    fallback += 2;
  }
  if (!is_variable_name(name))
    return complain(expansion, at, "this is no name of an environment variable", name, "write $${ for a literal ${");
  const char *value = getenv(name);
  if (fallback && (!value || !*value)) value = fallback;
  if (!value) return complain(expansion, at, "the environment variable is not set", name, "set it, or write ${NAME:-default}");
  return append(expansion, value, strlen(value));
}

/* ${file:PATH} ---------------------------------------------------------------------------------------------- */

static char *join_path(const char *folder, const char *path) {
  if (!folder || path[0] == '/') return strdup(path);
  size_t size = strlen(folder) + strlen(path) + 2;
  char *joined = malloc(size);
  if (joined) snprintf(joined, size, "%s/%s", folder, path);
  return joined;
}

/* A sentence about what is wrong, NULL if nothing is. Not blocking on a FIFO, not reading a device. */
static const char *read_secret(const char *path, char *bytes, size_t *size) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat about;
  if (descriptor < 0) return errno == ENOENT ? "there is no such file" : "the file cannot be opened";
  const char *wrong = NULL;
  if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) wrong = "this is not a regular file";
  for (ssize_t got = 1; !wrong && got > 0 && *size <= EDDY_CONFIG_SECRET_MAX;) {
    got = read(descriptor, bytes + *size, EDDY_CONFIG_SECRET_MAX + 1 - *size);
    if (got < 0)
      wrong = "the file cannot be read";
    else
      *size += (size_t)got;
  }
  close(descriptor);
  if (!wrong && *size > EDDY_CONFIG_SECRET_MAX) wrong = "the file is larger than 64 KiB";
  if (!wrong && memchr(bytes, '\0', *size)) wrong = "the file holds a NUL character";
  return wrong;
}

static size_t without_newline(const char *bytes, size_t size) {
  if (size > 0 && bytes[size - 1] == '\n') size--;
  if (size > 0 && bytes[size - 1] == '\r') size--;
  return size;
}

static bool append_file(struct expansion *expansion, const char *at, const char *name) {
  char *path = join_path(expansion->folder, name + strlen("file:"));
  char *bytes = malloc(EDDY_CONFIG_SECRET_MAX + 1);
  size_t size = 0;
  const char *wrong = path && bytes ? read_secret(path, bytes, &size) : "out of memory";
  bool fine = wrong ? complain(expansion, at, wrong, name, "the path is relative to the folder of the configuration file")
                    : append(expansion, bytes, without_newline(bytes, size));
  free(path);
  free(bytes);
  return fine;
}

/* One scalar ------------------------------------------------------------------------------------------------ */

/* at[0..1] is "${". */
static bool append_reference(struct expansion *expansion, const char *at) {
  char name[NAME_MAX_LENGTH + 1];
  const char *end = strchr(at, '}');
  if (!end || end - at - 2 > NAME_MAX_LENGTH) {
    eddy_config_report_add(expansion->report, place_in(expansion, at), "${ without its closing brace");
    eddy_config_report_hint(expansion->report, "write $${ for a literal ${");
    return false;
  }
  size_t length = (size_t)(end - at - 2);
  memcpy(name, at + 2, length);
  name[length] = '\0';
  expansion->at = end + 1;
  return strncmp(name, "file:", 5) == 0 ? append_file(expansion, at, name) : append_variable(expansion, at, name);
}

static bool append_next(struct expansion *expansion) {
  const char *at = expansion->at;
  if (strncmp(at, "$${", 3) == 0) {
    expansion->at += 3;
    return append(expansion, "${", 2);
  }
  if (strncmp(at, "${", 2) == 0) return append_reference(expansion, at);
  size_t plain = 1 + strcspn(at + 1, "$");
  expansion->at += plain;
  return append(expansion, at, plain);
}

static void expand_node(struct eddy_config_node *node, const char *folder, struct eddy_config_report *report) {
  struct expansion expansion = {.node = node, .folder = folder, .report = report, .at = node->raw};
  eddy_buffer_init(&expansion.text, NULL);
  bool fine = true;
  while (fine && *expansion.at) fine = append_next(&expansion);
  fine = fine && append(&expansion, "", 1);
  char *text = fine ? strdup((const char *)expansion.text.data) : NULL;
  if (text)
    node->text = text;
  else
    node->broken = true;
  eddy_buffer_fini(&expansion.text);
}

void eddy_config_expand(struct eddy_config_doc *doc, const char *folder, struct eddy_config_report *report) {
  for (struct eddy_config_node *node = doc->nodes; node; node = node->allocated)
    if (node->kind == EDDY_CONFIG_SCALAR && node->raw && !node->is_key && strstr(node->raw, "${"))
      expand_node(node, folder, report);
}
