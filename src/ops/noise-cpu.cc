#include "base/rng.h"
#include "ops/noise.h"

namespace u2moe {
namespace cpu {

void AddNormalNoise(const Context &, Span<uint64_t> seeds, double deviation, View y) {
  for (int64_t r = 0; r < y.Rows(); ++r) {
    Rng rng(seeds[static_cast<size_t>(r)]);
    for (int64_t d = 0; d < y.Cols(); ++d) y(r, d) += static_cast<float>(deviation * rng.Normal());
  }
}

void MultiplyByUniform(const Context &, Span<uint64_t> seeds, double spread, View y) {
  for (int64_t r = 0; r < y.Rows(); ++r) {
    Rng rng(seeds[static_cast<size_t>(r)]);
    for (int64_t d = 0; d < y.Cols(); ++d)
      y(r, d) *= static_cast<float>(rng.Uniform(1 - spread, 1 + spread));
  }
}

}  // namespace cpu
}  // namespace u2moe
