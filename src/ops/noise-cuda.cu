#include "base/random-bits.h"
#include "ops/cuda-launch.h"
#include "ops/noise.h"

namespace u2moe {
namespace cuda {
namespace {

// A thread for each row, as its numbers follow one from another: rows are router logits and gates,
// many and short. Equal to those of the CPU but for the last bit of a double.
__global__ void NormalKernel(const uint64_t *seeds, double deviation, DeviceRows<float> y) {
  const int64_t r = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (r >= y.rows) return;
  uint64_t words[4];
  SeedWords(seeds[r], words);
  for (int64_t d = 0; d < y.cols; d += 2) {
    double first, second;
    NormalPair(words, &first, &second);
    y(r, d) += static_cast<float>(deviation * first);
    if (d + 1 < y.cols) y(r, d + 1) += static_cast<float>(deviation * second);
  }
}

__global__ void UniformKernel(const uint64_t *seeds, double spread, DeviceRows<float> y) {
  const int64_t r = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (r >= y.rows) return;
  uint64_t words[4];
  SeedWords(seeds[r], words);
  const double low = 1 - spread, high = 1 + spread;
  for (int64_t d = 0; d < y.cols; ++d)
    y(r, d) *= static_cast<float>(low + (high - low) * UniformOf(NextBits(words)));
}

// Small blocks, as rows may be few.
GridShape ThreadForEachRow(ConstView y) {
  constexpr int64_t kThreads = 64;
  return {dim3(static_cast<unsigned>((y.Rows() + kThreads - 1) / kThreads)), dim3(kThreads)};
}

}  // namespace

void AddNormalNoise(const Context &, Span<uint64_t> seeds, double deviation, View y) {
  if (y.Empty()) return;
  Launch("AddNormalNoise", NormalKernel, ThreadForEachRow(y), 0, seeds.data(), deviation, y);
}

void MultiplyByUniform(const Context &, Span<uint64_t> seeds, double spread, View y) {
  if (y.Empty()) return;
  Launch("MultiplyByUniform", UniformKernel, ThreadForEachRow(y), 0, seeds.data(), spread, y);
}

}  // namespace cuda
}  // namespace u2moe
