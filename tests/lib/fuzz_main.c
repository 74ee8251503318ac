/* Replays a corpus through a fuzz target: every file of every folder named on the command line, so that crashes that were
 * found once stay found. With libFuzzer this file is left out and the library brings its own main. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return -1;
  if (fseek(file, 0, SEEK_END) != 0) {
    fclose(file);
    return -1;
  }
  long size = ftell(file);
  rewind(file);
  uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
  size_t read = data ? fread(data, 1, (size_t)size, file) : 0;
  fclose(file);
  if (data && read == (size_t)size) LLVMFuzzerTestOneInput(data, read);
  free(data);
  return 0;
}

static int replay_folder(const char *folder) {
  DIR *dir = opendir(folder);
  if (!dir) {
    fprintf(stderr, "cannot open the corpus %s\n", folder);
    return -1;
  }
  int files = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    char path[4096];
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (replay_file(path) == 0) files++;
  }
  closedir(dir);
  printf("%s: %d inputs\n", folder, files);
  return files;
}

int main(int argc, char **argv) {
  int files = 0;
  for (int i = 1; i < argc; i++) {
    int found = replay_folder(argv[i]);
    if (found < 0) return 1;
    files += found;
  }
  return files > 0 ? 0 : 1; /* an empty corpus tests nothing: red */
}
