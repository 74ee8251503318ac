/* Names of segments from what is special about their centroids. */
#include <stdio.h>
#include <string.h>

#include "trainer/groups.h"
#include "trainer/trainer.h"

/* A feature is worth a word from this far off the population's mean, in deviations (ALGORITHMS 11). */
#define NOTABLE_Z 0.5f

enum { TRAITS = 2, TRAITS_MAX = 3 };

struct trait {
  uint16_t feature; /* position in the spec */
  bool high;
};

/* The strongest traits of one segment, strongest first, one per action. */
struct portrait {
  struct trait traits[TRAITS_MAX];
  size_t count;
};

static bool already_told(const struct eddy_spec *spec, const struct portrait *portrait, uint16_t feature) {
  for (size_t i = 0; i < portrait->count; i++) {
    if (eddy_same_action(&spec->features[portrait->traits[i].feature], &spec->features[feature])) return true;
  }
  return false;
}

/* Centroid in deviations from the population's mean: without the group's weight. */
static float plain_z(const struct eddy_model_parts *parts, uint16_t slot, size_t dimension) {
  float weight = parts->weight[dimension];
  return weight > 0 ? parts->centroids[(size_t)slot * parts->dimensions + dimension] / weight : 0;
}

static bool add_strongest(const struct eddy_spec *spec, const struct eddy_model_parts *parts, uint16_t slot,
                          struct portrait *portrait) {
  float strongest = 0;
  struct trait trait = {0};
  size_t dimension = 0;
  for (uint16_t feature = 0; feature < spec->feature_count && dimension < parts->dimensions; feature++) {
    if (!spec->features[feature].cluster) continue;
    float z = plain_z(parts, slot, dimension++), size = z < 0 ? -z : z;
    if (size < NOTABLE_Z || size <= strongest || already_told(spec, portrait, feature)) continue;
    strongest = size;
    trait = (struct trait){feature, z > 0};
  }
  if (strongest > 0) portrait->traits[portrait->count++] = trait;
  return strongest > 0;
}

static struct portrait draw(const struct eddy_spec *spec, const struct eddy_model_parts *parts, uint16_t slot) {
  struct portrait portrait = {.count = 0};
  while (portrait.count < TRAITS_MAX && add_strongest(spec, parts, slot, &portrait)) continue;
  return portrait;
}

/* The first `count` traits are the same, in whatever order. */
static bool look_alike(const struct portrait *one, const struct portrait *other, size_t count) {
  size_t own = one->count < count ? one->count : count;
  if (own != (other->count < count ? other->count : count)) return false;
  for (size_t i = 0; i < own; i++) {
    bool found = false;
    for (size_t j = 0; j < own; j++) {
      found |= one->traits[i].feature == other->traits[j].feature && one->traits[i].high == other->traits[j].high;
    }
    if (!found) return false;
  }
  return true;
}

static bool is_unique(const struct eddy_spec *spec, const struct eddy_model_parts *parts, uint16_t slot, size_t traits) {
  struct portrait own = draw(spec, parts, slot);
  for (uint16_t other = 0; other < parts->clusters; other++) {
    struct portrait portrait = draw(spec, parts, other);
    if (other != slot && look_alike(&own, &portrait, traits)) return false;
  }
  return true;
}

static void write_traits(const struct eddy_spec *spec, const struct portrait *portrait, size_t count, char *text, size_t size) {
  snprintf(text, size, "average");
  size_t used = 0;
  for (size_t i = 0; i < portrait->count && i < count; i++) {
    const struct trait *trait = &portrait->traits[i];
    int more = snprintf(text + used, size - used, "%s%s %.*s", i ? ", " : "", trait->high ? "high" : "low", EDDY_NAME_MAX,
                        spec->features[trait->feature].name);
    used += (size_t)more;
  }
}

void eddy_segment_name(const struct eddy_spec *spec, const struct eddy_model_parts *parts, uint16_t slot, char *name,
                       size_t size) {
  char text[TRAITS_MAX * (EDDY_NAME_MAX + 8) + 1], tail[16] = "";
  struct portrait portrait = draw(spec, parts, slot);
  size_t traits = is_unique(spec, parts, slot, TRAITS) ? TRAITS : TRAITS_MAX;
  write_traits(spec, &portrait, traits, text, sizeof text);
  /* Where a trait does not fit, the id must: it is what keeps the name unique. */
  bool cut = strlen(text) >= size;
  if (cut || (traits == TRAITS_MAX && !is_unique(spec, parts, slot, TRAITS_MAX))) {
    snprintf(tail, sizeof tail, " #%u", parts->cards[slot].id);
  }
  size_t room = size > strlen(tail) + 1 ? size - strlen(tail) - 1 : 0;
  snprintf(name, size, "%.*s%s", (int)room, text, tail);
}
