/* Where a running instance answers: the address that --url says, else http.listen of the configuration. For commands that ask
 * one. What goes wrong is said on stderr in the name of the command. */
#ifndef EDDY_CMD_INSTANCE_H
#define EDDY_CMD_INSTANCE_H

#include "daemon/http_get.h"

/* What the command line says. */
struct eddy_cmd_asking {
  const char *command;      /* its name, for messages */
  const char *config, *url; /* or NULL */
  bool personal;            /* what is asked for needs http.token, where there is one */
};

struct eddy_cmd_instance {
  struct eddy_http_url url;                /* path "/" unless --url has one */
  char where[EDDY_HTTP_URL_PART_MAX + 32]; /* host:port */
  char token[EDDY_HTTP_TOKEN_MAX + 1];     /* http.token of the configuration, "" = none */
};

/* 0; 64, 78 after a message. With --url the configuration is read for the token alone, and only if a file was named. */
int eddy_cmd_instance_find(struct eddy_cmd_instance *instance, const struct eddy_cmd_asking *asking);

/* "http://WHERE/PATH: why" and what to do about it. Returns 69. */
int eddy_cmd_instance_silent(const struct eddy_cmd_instance *instance, const struct eddy_cmd_asking *asking, const char *why);

#endif
