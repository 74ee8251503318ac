#include "source/registry_url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { URL_MAX = 1024 };

static int refuse(char *why, size_t why_size, const char *sentence) {
  snprintf(why, why_size, "%s", sentence);
  return -1;
}

/* A part as a text of malloc(), NULL if it is absent or memory is short. */
static char *part(CURLU *parts, CURLUPart what, unsigned flags) {
  char *found = NULL, *copy = NULL;
  if (curl_url_get(parts, what, &found, flags) == CURLUE_OK) copy = strdup(found);
  curl_free(found);
  return copy;
}

static bool has(CURLU *parts, CURLUPart what) {
  char *found = NULL;
  bool there = curl_url_get(parts, what, &found, 0) == CURLUE_OK;
  curl_free(found);
  return there;
}

static bool is_web(CURLU *parts) {
  char *scheme = part(parts, CURLUPART_SCHEME, 0);
  bool web = scheme && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
  free(scheme);
  return web;
}

static int take_apart(struct eddy_registry_url *url, CURLU *parts, char *why, size_t why_size) {
  if (!is_web(parts)) return refuse(why, why_size, "an address begins with http:// or https://");
  if (has(parts, CURLUPART_QUERY) || has(parts, CURLUPART_FRAGMENT)) return refuse(why, why_size, "? and # have no place here");
  bool user = has(parts, CURLUPART_USER), password = has(parts, CURLUPART_PASSWORD);
  if (user) url->user = part(parts, CURLUPART_USER, CURLU_URLDECODE);
  if (password) url->password = part(parts, CURLUPART_PASSWORD, CURLU_URLDECODE);
  if ((user && !url->user) || (password && !url->password))
    return refuse(why, why_size, "user or password is not percent-encoded properly");
  curl_url_set(parts, CURLUPART_USER, NULL, 0);
  curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0);
  url->base = part(parts, CURLUPART_URL, 0);
  if (!url->base) return refuse(why, why_size, "out of memory");
  for (size_t length = strlen(url->base); length > 0 && url->base[length - 1] == '/';) url->base[--length] = '\0';
  return 0;
}

int eddy_registry_url_parse(struct eddy_registry_url *url, const char *text, size_t size, char *why, size_t why_size) {
  char copy[URL_MAX];
  *url = (struct eddy_registry_url){0};
  if (size == 0 || size >= sizeof copy) return refuse(why, why_size, "an address has 1 to 1023 characters");
  memcpy(copy, text, size);
  copy[size] = '\0';
  if (!strstr(copy, "://")) return refuse(why, why_size, "an address begins with http:// or https://");
  CURLU *parts = curl_url();
  if (!parts) return refuse(why, why_size, "out of memory");
  CURLUcode error = curl_url_set(parts, CURLUPART_URL, copy, CURLU_NON_SUPPORT_SCHEME);
  int failed = error == CURLUE_OK ? take_apart(url, parts, why, why_size) : refuse(why, why_size, curl_url_strerror(error));
  curl_url_cleanup(parts);
  if (failed) eddy_registry_url_fini(url);
  return failed;
}

void eddy_registry_url_fini(struct eddy_registry_url *url) {
  free(url->base);
  free(url->user);
  free(url->password);
  *url = (struct eddy_registry_url){0};
}

bool eddy_registry_url_next(const char **rest, struct eddy_str *address) {
  if (!*rest) return false;
  const char *at = *rest + strspn(*rest, " ");
  *address = (struct eddy_str){at, (uint32_t)strcspn(at, ",")};
  at += address->len;
  *rest = *at ? at + 1 : NULL;
  return true;
}
