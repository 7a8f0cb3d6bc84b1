// One libFuzzer program for all targets: U2MOE_FUZZ_TARGET names the target, U2MOE_FUZZ_SEEDS a
// folder that gets its seeds. See tools/dev/fuzz.sh.
#include <cstdio>
#include <cstdlib>

#include "fuzz/fuzz-seeds.h"
#include "fuzz/fuzz-targets.h"
#include "support/test-util.h"

namespace {
const char *target = nullptr;
}  // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
  target = std::getenv("U2MOE_FUZZ_TARGET");
  if (target == nullptr) {
    std::fprintf(stderr, "fuzz-main: set U2MOE_FUZZ_TARGET to one of:");
    for (const u2moe::FuzzTarget &t : u2moe::FuzzTargets()) std::fprintf(stderr, " %s", t.name);
    std::fprintf(stderr, "\n");
    std::exit(2);
  }
  if (const char *folder = std::getenv("U2MOE_FUZZ_SEEDS")) {
    int n = 0;
    for (const std::string &seed : u2moe::FuzzSeeds(target)) {
      u2moe::WriteFile(u2moe::Cat(folder, "/seed-", ++n), seed);
    }
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  u2moe::RunFuzzTarget(target, {reinterpret_cast<const char *>(data), size});
  return 0;
}
