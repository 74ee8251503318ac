#include "sink/redis_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(char *why, size_t why_size, const char *sentence) {
  if (why) snprintf(why, why_size, "%s", sentence);
  return -1;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* Copies text[0..size) with %XX decoded; -1 if it does not fit, is malformed or hides a zero byte. */
static int copy_decoded(char *to, size_t capacity, const char *text, size_t size) {
  size_t length = 0;
  for (size_t i = 0; i < size; i++) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= size) return -1;
      int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0 || high + low == 0) return -1;
      c = (char)(high * 16 + low);
      i += 2;
    }
    if (length + 1 >= capacity) return -1;
    to[length++] = c;
  }
  to[length] = '\0';
  return 0;
}

/* A decimal number in [0, max] that fills the whole text; -1 otherwise. */
static int parse_number(const char *text, int max) {
  char *end;
  if (*text < '0' || *text > '9') return -1;
  long value = strtol(text, &end, 10);
  return *end == '\0' && value <= max ? (int)value : -1;
}

static int parse_unix(struct eddy_redis_url *url, const char *text, char *why, size_t why_size) {
  const char *query = strchr(text, '?');
  size_t length = query ? (size_t)(query - text) : strlen(text);
  if (length == 0 || text[0] != '/' || copy_decoded(url->path, sizeof url->path, text, length) != 0) {
    return refuse(why, why_size, "a socket is written unix:///path, at most 107 bytes");
  }
  if (!query) return 0;
  url->database = strncmp(query, "?db=", 4) == 0 ? parse_number(query + 4, 1000000) : -1;
  return url->database >= 0 ? 0 : refuse(why, why_size, "behind the socket only ?db=NUMBER may stand");
}

static int parse_credentials(struct eddy_redis_url *url, const char *text, size_t size) {
  const char *colon = memchr(text, ':', size);
  size_t user = colon ? (size_t)(colon - text) : size;
  if (copy_decoded(url->user, sizeof url->user, text, user) != 0) return -1;
  return colon ? copy_decoded(url->password, sizeof url->password, colon + 1, size - user - 1) : 0;
}

static int parse_address(struct eddy_redis_url *url, char *address, char *why, size_t why_size) {
  char *slash = strchr(address, '/');
  if (slash) {
    *slash = '\0';
    url->database = slash[1] ? parse_number(slash + 1, 1000000) : 0;
    if (url->database < 0) return refuse(why, why_size, "the database behind the last / must be a number");
  }
  char *colon = strrchr(address, ':');
  if (address[0] == '[') { /* an IPv6 address */
    char *bracket = strchr(address, ']');
    if (!bracket || (bracket[1] != ':' && bracket[1] != '\0')) return refuse(why, why_size, "an IPv6 address ends with ]");
    *bracket = '\0';
    address++;
    colon = bracket[1] == ':' ? bracket + 1 : NULL;
  }
  if (colon) {
    *colon = '\0';
    url->port = parse_number(colon + 1, 65535);
    if (url->port <= 0) return refuse(why, why_size, "the port must be a number from 1 to 65535");
  }
  if (*address == '\0' || strlen(address) >= sizeof url->host) return refuse(why, why_size, "the host is missing or too long");
  memcpy(url->host, address, strlen(address) + 1);
  return 0;
}

int eddy_redis_url_parse(struct eddy_redis_url *url, const char *text, char *why, size_t why_size) {
  char rest[1024];
  memset(url, 0, sizeof *url);
  url->port = 6379;
  if (strncmp(text, "unix://", 7) == 0) return parse_unix(url, text + 7, why, why_size);
  if (strncmp(text, "rediss://", 9) == 0) {
    return refuse(why, why_size,
                  "TLS is not available with this hiredis; put a TLS proxy beside eddy and use unix:// or redis://");
  }
  if (strncmp(text, "redis://", 8) != 0) return refuse(why, why_size, "an address begins with redis:// or unix://");
  const char *address = text + 8, *at = strrchr(address, '@');
  if (at) {
    if (parse_credentials(url, address, (size_t)(at - address)) != 0) {
      return refuse(why, why_size, "user or password is too long or not percent-encoded properly");
    }
    address = at + 1;
  }
  if (strlen(address) >= sizeof rest) return refuse(why, why_size, "the address is too long");
  memcpy(rest, address, strlen(address) + 1);
  return parse_address(url, rest, why, why_size);
}

void eddy_redis_url_where(const struct eddy_redis_url *url, char *text, size_t size) {
  if (url->path[0])
    snprintf(text, size, "%s", url->path);
  else
    snprintf(text, size, "%s:%d", url->host, url->port);
}
