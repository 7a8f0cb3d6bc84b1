#include "ops/cuda-packs.h"
#include "ops/dropout-hash.h"
#include "ops/dropout.h"

namespace u2moe {
namespace cuda {
namespace {

template <int kWidth>
__global__ void DropoutKernel(uint64_t seed, const uint64_t *rows, int32_t threshold, float scale,
                              DeviceRows<const float> x, DeviceRows<float> y) {
  ForEachPack<kWidth>(y.rows, y.cols, [&](int64_t i, int64_t j) {
    const DropoutRowKey key(seed, rows == nullptr ? i : static_cast<int64_t>(rows[i]));
    Pack<kWidth> v = Pack<kWidth>::Load(x.Row(i) + j);
    for (int c = 0; c < kWidth; ++c) {
      const bool keep = DropoutHash(key, static_cast<uint32_t>(j + c)) >= threshold;
      v.at[c] = keep ? v.at[c] * scale : 0;
    }
    v.Store(y.Row(i) + j);
  });
}

}  // namespace

void Dropout(const Context &, uint64_t seed, Span<uint64_t> rows, float rate, ConstView x, View y) {
  if (y.Empty()) return;
  const int width = PackWidth(x, y);
  Launch("Dropout", width == 4 ? DropoutKernel<4> : DropoutKernel<1>, PackGrid(width, y), 0, seed,
         rows.data(), DropoutThreshold(rate), 1.f / (1.f - rate), x, y);
}

}  // namespace cuda
}  // namespace u2moe
