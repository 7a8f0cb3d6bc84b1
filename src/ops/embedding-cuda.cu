#include "ops/cuda-index.h"
#include "ops/embedding.h"

namespace u2moe {
namespace cuda {
namespace {

struct SameWeight {
  float weight;
  __device__ float operator()(int64_t) const { return weight; }
};

// A thread for each sine with its cosine. In double, as the table shall be the CPU's but for a last
// bit: expf of a GPU is not, and at far positions a rate's last bit is not the angle's last. Rows
// are few.
__global__ void PositionKernel(int64_t begin, float exponent, DeviceRows<float> y) {
  const int64_t pairs = (y.cols + 1) / 2;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t k = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; k < y.rows * pairs;
       k += step) {
    const int64_t r = k / pairs, i = k % pairs;
    const float rate =
        static_cast<float>(exp(static_cast<double>(static_cast<float>(2 * i) * exponent)));
    const double angle = static_cast<float>(begin + r) * rate;
    y(r, 2 * i) = static_cast<float>(sin(angle));
    if (2 * i + 1 < y.cols) y(r, 2 * i + 1) = static_cast<float>(cos(angle));
  }
}

}  // namespace

void EmbeddingForward(const Context &, ConstView table, Span<int32_t> ids, float scale, View y) {
  if (y.Empty()) return;
  CHECK_GT(table.Rows(), 0);
  GatherByIndex("EmbeddingForward", table, ids, scale, y);
}

void EmbeddingBackward(const Context &, Span<int32_t> ids, float scale, ConstView dy, View dtable) {
  if (dy.Empty() || dtable.Empty()) return;
  AddByIndex("EmbeddingBackward", dy, ids, SameWeight{scale}, dtable);
}

void PositionTable(const Context &, int64_t begin, View y) {
  if (y.Empty()) return;
  const float exponent = static_cast<float>(-(std::log(10000.0) / static_cast<double>(y.Cols())));
  Launch("PositionTable", PositionKernel, ElementGrid(y), 0, begin, exponent, y);
}

}  // namespace cuda
}  // namespace u2moe
