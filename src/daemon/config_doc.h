/* A YAML file as a tree whose every node knows its place. Built from libyaml's events; nothing of eddy's keys is known here.
 *
 * Bounded whatever the file holds: size, depth, entries of a mapping, and nodes counted as if every alias were written out, so
 * that a "billion laughs" file is refused in the time of reading it. Refused as well: duplicate keys, several documents, tags,
 * keys that are not text, NUL characters. Owns all of its memory; O(size). One thread.
 */
#ifndef EDDY_DAEMON_CONFIG_DOC_H
#define EDDY_DAEMON_CONFIG_DOC_H

#include <stdint.h>

#include "daemon/config_report.h"

enum {
  EDDY_CONFIG_FILE_MAX = 1 << 20,
  EDDY_CONFIG_DEPTH_MAX = 32,
  EDDY_CONFIG_NODES_MAX = 100000,
  EDDY_CONFIG_ENTRIES_MAX = 1000,
  EDDY_CONFIG_ANCHORS_MAX = 1000,
};

enum eddy_config_kind { EDDY_CONFIG_SCALAR, EDDY_CONFIG_LIST, EDDY_CONFIG_MAP, EDDY_CONFIG_ALIAS };

struct eddy_config_node {
  enum eddy_config_kind kind;
  struct eddy_place place;
  char *raw;  /* scalar: as the file says */
  char *text; /* scalar: after ${...} was filled in; the same pointer as raw where there was nothing to fill in */
  bool quoted, is_key;
  bool broken;                           /* an error about it was reported: say nothing more */
  struct eddy_config_node *first, *last; /* children: items of a list; keys and values of a map in turn */
  struct eddy_config_node *next;         /* sibling */
  const struct eddy_config_node *target; /* of an alias */
  int children;
  int height;                         /* levels below, aliases written out */
  uint32_t weight;                    /* nodes below and itself, aliases written out */
  struct eddy_config_node *allocated; /* chain of all nodes */
};

struct eddy_config_doc {
  struct eddy_config_node *root; /* NULL: an empty file, or nothing could be read */
  struct eddy_config_node *nodes;
  bool cut; /* a syntax error ended the reading: what is missing says nothing */
};

/* Reads `text`. Syntax errors go to `report`; what was read before one is kept, without the entry it is in. */
void eddy_config_doc_read(struct eddy_config_doc *doc, const char *text, size_t size, struct eddy_config_report *report);
void eddy_config_doc_fini(struct eddy_config_doc *doc);

/* What a child stands for: itself, or the target of an alias. */
static inline const struct eddy_config_node *eddy_config_target(const struct eddy_config_node *node) {
  return node->kind == EDDY_CONFIG_ALIAS ? node->target : node;
}

#endif
