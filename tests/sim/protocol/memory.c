/* Memory that runs short: now and then an engine does not get what it asks for. */
#include "daemon/huge_memory.h"
#include "eddy/types.h"
#include "sim/protocol/life.h"
#include "sim/protocol/sim.h"

struct eddy_allocator __real_eddy_huge_memory_allocator(struct eddy_huge_memory *memory);
struct eddy_allocator __wrap_eddy_huge_memory_allocator(struct eddy_huge_memory *memory);

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
  struct life *life = life_now();
  if (new_size > old_size && life && !life->calm && sim_hits(life->sim, life->sim->rates.no_memory)) return NULL;
  struct eddy_allocator allocator = __real_eddy_huge_memory_allocator(ctx);
  return allocator.resize(allocator.ctx, old, old_size, new_size);
}

struct eddy_allocator __wrap_eddy_huge_memory_allocator(struct eddy_huge_memory *memory) {
  return (struct eddy_allocator){resize, memory};
}
