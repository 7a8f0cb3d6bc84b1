#include "ops/dispatch.h"

#include "base/error.h"
#if HAVE_CUDA
#include "ops/cuda-launch.h"
#endif

namespace u2moe {

void RefuseOnCuda(const char *op) {
  throw Error(op, " does not run on CUDA yet; use --device=cpu");
}

#if HAVE_CUDA
namespace {
bool all_on_cuda = false;
}  // namespace

bool OpRunsOnCuda(const Context &ctx) { return ctx.OnCuda() || all_on_cuda; }

void RunOpsOnCuda(bool on) {
  all_on_cuda = on;
  cuda::SynchronizeEachLaunch(on);
}
#endif

}  // namespace u2moe
