#ifndef U2MOE_TESTS_SUPPORT_CUDA_EMULATED_GRID_H_
#define U2MOE_TESTS_SUPPORT_CUDA_EMULATED_GRID_H_

#include <functional>

#include "base/rng.h"
#include "support/cuda/emulation.h"

namespace u2moe {
namespace emulated {

struct Grid {
  const char *name = "";
  Index grid, block;
  size_t shared_bytes = 0;
  std::function<void()> thread;
};

// All threads of a grid to their ends, in an order that rng draws. Throws what one of them threw,
// and a CheckFailure for what emulation.h promises; the others are unwound then.
void RunGrid(const Grid &grid, Rng *rng);

}  // namespace emulated
}  // namespace u2moe

#endif  // U2MOE_TESTS_SUPPORT_CUDA_EMULATED_GRID_H_
