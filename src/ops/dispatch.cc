#include "ops/dispatch.h"

#include "base/error.h"

namespace u2moe {

void RefuseOnCuda(const char *op) {
  throw Error(op, " does not run on CUDA yet; use --device=cpu");
}

}  // namespace u2moe
