// Loops over elements that are bound by memory: four floats are read and written at once where
// all addresses allow it, else one.
#ifndef U2MOE_OPS_CUDA_PACKS_H_
#define U2MOE_OPS_CUDA_PACKS_H_

#include "ops/cuda-launch.h"

namespace u2moe {
namespace cuda {

// Neighbours in a row.
template <int kWidth>
struct alignas(kWidth * sizeof(float)) Pack {
  float at[kWidth];

  __device__ static Pack Load(const float *p) { return *reinterpret_cast<const Pack *>(p); }
  __device__ void Store(float *p) const { *reinterpret_cast<Pack *>(p) = *this; }
};

// 4 where rows of all views may be taken in packs of four, else 1.
inline int PackWidth(const ConstView &v) {
  const bool rows = v.Rows() <= 1 || v.Stride() % 4 == 0;
  return rows && v.Cols() % 4 == 0 && reinterpret_cast<uintptr_t>(v.Data()) % 16 == 0 ? 4 : 1;
}
template <class... Views>
int PackWidth(const ConstView &v, const Views &...rest) {
  return PackWidth(v) == 4 ? PackWidth(rest...) : 1;
}

// Threads for each pack of v, in strides (ForEachPack).
inline GridShape PackGrid(int width, ConstView v) {
  return ElementGrid(ConstView(v.Data(), v.Rows(), (v.Cols() + width - 1) / width));
}

// f(i, j) for the first entry of each pack of a matrix.
template <int kWidth, class F>
__device__ void ForEachPack(int64_t rows, int64_t cols, const F &f) {
  const int64_t packs = cols / kWidth, count = rows * packs;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  if (count < (int64_t{1} << 31)) {  // a division of 64 bits would take longer than the memory
    const auto in_row = static_cast<unsigned>(packs);
    for (int64_t k = first; k < count; k += step) {
      const unsigned i = static_cast<unsigned>(k) / in_row;
      f(i, static_cast<int64_t>(static_cast<unsigned>(k) - i * in_row) * kWidth);
    }
  } else {
    for (int64_t k = first; k < count; k += step) f(k / packs, k % packs * kWidth);
  }
}

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_OPS_CUDA_PACKS_H_
