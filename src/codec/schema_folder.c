/* Writer schemas from a folder: for teams without a registry, for tests, and for the demo. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "codec/avro_schema.h"
#include "codec/event_decoder.h"

enum { FILES_MAX = 10000, TEXT_MAX = 1 << 20 };

#define NS_PER_SECOND INT64_C(1000000000)
/* File systems stamp with the kernel's tick: a change this soon after a reading may leave the same stamp. */
#define STAMP_DOUBT_NS (NS_PER_SECOND / 50)

struct schema_file {
  bool has_id;
  uint32_t id;
  uint64_t fingerprint;
  char *text;
  size_t size;
};

struct schema_files {
  struct schema_file *at;
  size_t count, capacity;
};

struct eddy_schema_folder {
  char *path;
  struct schema_files files;
  int64_t read_at;    /* monotonic clock, ns */
  int64_t changed_at; /* stamp of the folder when it was read, ns; -1 = not to be trusted */
};

/* Files ------------------------------------------------------------------------------------------------------------------- */

static void free_files(struct schema_files *files) {
  for (size_t i = 0; i < files->count; i++) free(files->at[i].text);
  free(files->at);
  *files = (struct schema_files){0};
}

static char *read_stream(FILE *file, size_t *size) {
  char *text = malloc(TEXT_MAX + 1);
  if (!text) return NULL;
  *size = fread(text, 1, TEXT_MAX + 1, file);
  if (*size > TEXT_MAX || ferror(file)) {
    free(text);
    return NULL;
  }
  char *fitting = realloc(text, *size ? *size : 1);
  return fitting ? fitting : text;
}

/* The whole file, at most 1 MiB. */
static char *read_text(const char *folder, const char *name, size_t *size) {
  char path[4096];
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  if (length < 0 || (size_t)length >= sizeof path) return NULL;
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  char *text = read_stream(file, size);
  fclose(file);
  return text;
}

/* "7.avsc" and "7-orders.avsc" have id 7. */
static bool parse_id(const char *name, uint32_t *id) {
  uint64_t value = 0;
  const char *at = name;
  for (; *at >= '0' && *at <= '9'; at++) {
    value = value * 10 + (uint64_t)(*at - '0');
    if (value > UINT32_MAX) return false;
  }
  *id = (uint32_t)value;
  return at > name && (*at == '.' || *at == '-');
}

static bool load_file(const char *folder, const char *name, struct schema_file *file, char *why, size_t why_size) {
  char problem[256] = "it cannot be read, or is longer than 1 MiB";
  *file = (struct schema_file){0};
  file->text = read_text(folder, name, &file->size);
  struct eddy_avro_schema *schema = file->text ? eddy_avro_schema_parse(file->text, file->size, problem, sizeof problem) : NULL;
  if (!schema) {
    snprintf(why, why_size, "%s/%s: %s", folder, name, problem);
    free(file->text);
    return false;
  }
  file->fingerprint = eddy_avro_schema_fingerprint(schema);
  file->has_id = parse_id(name, &file->id);
  eddy_avro_schema_free(schema);
  return true;
}

static const struct schema_file *find_id(const struct schema_files *files, uint32_t id) {
  for (size_t i = 0; i < files->count; i++) {
    if (files->at[i].has_id && files->at[i].id == id) return &files->at[i];
  }
  return NULL;
}

static bool add_file(struct schema_files *files, struct schema_file file, char *why, size_t why_size) {
  struct schema_file *grown = files->at;
  const char *problem = NULL;
  if (file.has_id && find_id(files, file.id)) problem = "two files have the schema id";
  if (files->count == FILES_MAX) problem = "there are more than 10,000 schemas; the last";
  if (!problem && files->count == files->capacity) {
    files->capacity = files->capacity ? files->capacity * 2 : 16;
    grown = realloc(files->at, files->capacity * sizeof *grown);
    if (!grown) problem = "memory is short for";
  }
  if (problem) {
    snprintf(why, why_size, "%s %u", problem, file.id);
    free(file.text);
    return false;
  }
  files->at = grown;
  files->at[files->count++] = file;
  return true;
}

static bool is_schema_name(const char *name) {
  size_t size = strlen(name);
  return name[0] != '.' && size > 5 && strcmp(name + size - 5, ".avsc") == 0;
}

/* Reads every schema; `strict` ends at the first that is wrong, else those are passed over. */
static bool read_files(const char *path, struct schema_files *files, bool strict, char *why, size_t why_size) {
  DIR *folder = opendir(path);
  if (!folder) {
    snprintf(why, why_size, "%s: %s", path, strerror(errno));
    return false;
  }
  bool good = true;
  for (struct dirent *entry; good && (entry = readdir(folder)) != NULL;) {
    struct schema_file file;
    if (!is_schema_name(entry->d_name)) continue;
    good = load_file(path, entry->d_name, &file, why, why_size) && add_file(files, file, why, why_size);
    if (!strict) good = true;
  }
  closedir(folder);
  return good;
}

/* Reading again ----------------------------------------------------------------------------------------------------------- */

static int64_t nanoseconds(struct timespec time) {
  return (int64_t)time.tv_sec * NS_PER_SECOND + time.tv_nsec;
}

static int64_t clock_ns(clockid_t clock) {
  struct timespec now = {0, 0};
  clock_gettime(clock, &now);
  return nanoseconds(now);
}

static int64_t folder_stamp(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 ? nanoseconds(status.st_mtim) : -1;
}

/* The stamp is taken before the reading, so that what changes during it is seen next time. One from the future (a clock that is
 * wrong) is no reason for doubt: the next change has another. */
static bool read_again(struct eddy_schema_folder *folder, bool strict, char *why, size_t why_size) {
  struct schema_files files = {0};
  int64_t stamp = folder_stamp(folder->path);
  int64_t age = clock_ns(CLOCK_REALTIME) - stamp;
  folder->changed_at = age > -STAMP_DOUBT_NS && age < STAMP_DOUBT_NS ? -1 : stamp;
  folder->read_at = clock_ns(CLOCK_MONOTONIC);
  if (!read_files(folder->path, &files, strict, why, why_size)) {
    free_files(&files);
    return false;
  }
  free_files(&folder->files);
  folder->files = files;
  return true;
}

static void refresh(struct eddy_schema_folder *folder) {
  char why[8];
  bool changed = folder->changed_at < 0 || folder_stamp(folder->path) != folder->changed_at;
  if (changed || clock_ns(CLOCK_MONOTONIC) - folder->read_at >= NS_PER_SECOND) read_again(folder, false, why, sizeof why);
}

/* The source -------------------------------------------------------------------------------------------------------------- */

static const char *give(const struct schema_file *file, size_t *size) {
  if (!file) return NULL;
  *size = file->size;
  return file->text;
}

static const char *source_find_id(void *ctx, uint32_t id, size_t *size, bool *retry) {
  struct eddy_schema_folder *folder = ctx;
  const struct schema_file *file = find_id(&folder->files, id);
  *retry = false;
  if (!file) {
    refresh(folder);
    file = find_id(&folder->files, id);
  }
  return give(file, size);
}

static const struct schema_file *find_fingerprint(const struct schema_files *files, uint64_t fingerprint) {
  for (size_t i = 0; i < files->count; i++) {
    if (files->at[i].fingerprint == fingerprint) return &files->at[i];
  }
  return NULL;
}

static const char *source_find_fingerprint(void *ctx, uint64_t fingerprint, size_t *size, bool *retry) {
  struct eddy_schema_folder *folder = ctx;
  const struct schema_file *file = find_fingerprint(&folder->files, fingerprint);
  *retry = false;
  if (!file) {
    refresh(folder);
    file = find_fingerprint(&folder->files, fingerprint);
  }
  return give(file, size);
}

int eddy_schema_folder_open(struct eddy_schema_folder **folder, const char *path, char *why, size_t why_size) {
  struct eddy_schema_folder *opened = calloc(1, sizeof *opened);
  *folder = NULL;
  if (opened) opened->path = strdup(path);
  if (!opened || !opened->path) {
    snprintf(why, why_size, "memory is short");
  } else if (read_again(opened, true, why, why_size)) {
    *folder = opened;
    return 0;
  }
  eddy_schema_folder_close(opened);
  return -1;
}

void eddy_schema_folder_close(struct eddy_schema_folder *folder) {
  if (!folder) return;
  free_files(&folder->files);
  free(folder->path);
  free(folder);
}

struct eddy_schema_source eddy_schema_folder_source(struct eddy_schema_folder *folder) {
  return (struct eddy_schema_source){source_find_id, source_find_fingerprint, folder};
}
