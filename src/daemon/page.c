#include "daemon/page.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/page_bytes.h"

enum { SHA256_BYTES = 32, BASE64_CHARS = 4 * ((SHA256_BYTES + 2) / 3) };

static char headers[512];
static bool usable;
static pthread_once_t once = PTHREAD_ONCE_INIT;

struct eddy_str eddy_page(void) {
  return (struct eddy_str){(const char *)eddy_page_bytes, (uint32_t)sizeof(eddy_page_bytes)};
}

/* Where `word` begins at or after `from`. The page always has what is looked for: tests/unit/daemon/test_page.c. */
static size_t find(struct eddy_str page, size_t from, const char *word) {
  size_t len = strlen(word);
  for (size_t at = from; at + len <= page.len; at++) {
    if (memcmp(page.data + at, word, len) == 0) return at;
  }
  EDDY_ASSERT(!"the page has its tags");
  return 0;
}

/* What a browser hashes: every byte between the tags. */
static bool hash_between(const char *open, const char *close, char text[BASE64_CHARS + 1]) {
  struct eddy_str page = eddy_page();
  size_t begin = find(page, 0, open) + strlen(open), end = find(page, begin, close);
  unsigned char digest[SHA256_BYTES];
  if (EVP_Digest(page.data + begin, end - begin, digest, NULL, EVP_sha256(), NULL) != 1) return false;
  return EVP_EncodeBlock((unsigned char *)text, digest, SHA256_BYTES) == BASE64_CHARS;
}

static void write_headers(void) {
  char script[BASE64_CHARS + 1], style[BASE64_CHARS + 1];
  usable = hash_between("<script>", "</script>", script) && hash_between("<style>", "</style>", style);
  if (!usable) return;
  int len = snprintf(headers, sizeof(headers),
                     "Content-Security-Policy: default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; "
                     "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n",
                     script, style);
  EDDY_ASSERT(len > 0 && (size_t)len < sizeof(headers));
}

const char *eddy_page_headers(void) {
  pthread_once(&once, write_headers);
  return usable ? headers : NULL;
}
