/* eddy version: its own and those of the libraries it runs with. */
#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <sysexits.h>
#include <uv.h>
#include <yaml.h>

#include "base/version.h"
#include "cmd/cmd.h"

static const char usage[] = "usage: eddy version\n\nPrints the versions of eddy and of the libraries it runs with.\n";

int eddy_cmd_version(int argc, char **argv) {
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  if (argc != 1) return eddy_cmd_misuse(argv[0], "it takes no arguments");
  printf("eddy %s\n", EDDY_VERSION);
  printf("librdkafka %s\n", rd_kafka_version_str());
  printf("libuv %s\n", uv_version_string());
  printf("hiredis %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH); /* built with; it does not tell at run time */
  printf("libavro %s\n", EDDY_AVRO_VERSION);
  printf("libyaml %s\n", yaml_get_version_string());
  printf("jansson %s\n", jansson_version_str());
  printf("libcurl %s\n", curl_version_info(CURLVERSION_NOW)->version);
  return EX_OK;
}
