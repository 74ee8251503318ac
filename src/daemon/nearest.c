#include "daemon/nearest.h"

#include <string.h>

enum { LENGTH_MAX = 64 }; /* longer names are no candidates */

static int min2(int a, int b) {
  return a < b ? a : b;
}

static char folded(char c) {
  if (c >= 'A' && c <= 'Z') return (char)(c - 'A' + 'a');
  return c == '-' ? '_' : c;
}

/* Three rows of the matrix of Damerau and Levenshtein are enough for swaps of neighbours. */
static int edit_distance(const char *a, int a_len, const char *b, int b_len) {
  int rows[3][LENGTH_MAX + 1];
  for (int j = 0; j <= b_len; j++) rows[0][j] = j;
  for (int i = 1; i <= a_len; i++) {
    int *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
    row[0] = i;
    for (int j = 1; j <= b_len; j++) {
      int same = folded(a[i - 1]) == folded(b[j - 1]) ? 0 : 1;
      row[j] = min2(min2(above[j] + 1, row[j - 1] + 1), above[j - 1] + same);
      if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1]))
        row[j] = min2(row[j], above2[j - 2] + 1);
    }
  }
  return rows[a_len % 3][b_len];
}

struct eddy_nearest eddy_nearest_begin(const char *wanted) {
  size_t length = strlen(wanted);
  int limit = length < 6 ? 1 : (int)(length < LENGTH_MAX ? length : LENGTH_MAX) / 3;
  return (struct eddy_nearest){.wanted = wanted, .best = NULL, .distance = limit + 1};
}

void eddy_nearest_offer(struct eddy_nearest *nearest, const char *candidate) {
  size_t a = strlen(nearest->wanted), b = strlen(candidate);
  if (a > LENGTH_MAX || b > LENGTH_MAX) return;
  int distance = edit_distance(nearest->wanted, (int)a, candidate, (int)b);
  if (distance < nearest->distance && distance < (int)b) {
    nearest->distance = distance;
    nearest->best = candidate;
  }
}
