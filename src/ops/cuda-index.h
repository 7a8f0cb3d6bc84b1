// Rows by lists of indices: what gathers them and what adds them up.
#ifndef U2MOE_OPS_CUDA_INDEX_H_
#define U2MOE_OPS_CUDA_INDEX_H_

#include <cmath>
#include <memory>

#include "base/span.h"
#include "ops/cuda-block.h"
#include "ops/cuda-packs.h"

namespace u2moe {
namespace cuda {

// Rows whose index is out of range become NaN: nobody waits here to ask.
template <int kWidth>
__global__ void GatherKernel(DeviceRows<const float> x, const int32_t *index, float scale,
                             DeviceRows<float> y) {
  ForEachPack<kWidth>(y.rows, y.cols, [&](int64_t s, int64_t j) {
    const int64_t i = index[s];
    const bool inside = i >= 0 && i < x.rows;
    Pack<kWidth> v = Pack<kWidth>::Load(x.Row(inside ? i : 0) + j);
    for (float &e : v.at) e = inside ? scale * e : NAN;
    v.Store(y.Row(s) + j);
  });
}

// y[s, :] = scale * x[index[s], :]; x has a row.
inline void GatherByIndex(const char *name, ConstView x, Span<int32_t> index, float scale, View y) {
  const int width = PackWidth(x, y);
  Launch(name, width == 4 ? GatherKernel<4> : GatherKernel<1>, PackGrid(width, y), 0, x,
         index.data(), scale, y);
}

constexpr int64_t kRowsOfWarp = 32, kWarpsThatList = 4;

// The entries of `index` by row: slots[ranges[2 r]], ..., slots[ranges[2 r + 1] - 1] are the s with
// index[s] == r, in their order. A warp for each 32 rows goes through the list twice, to count what
// is its own and what lies before, then to write; so no block waits for another, and there is
// nothing to sort. The time grows with rows times slots, but reaches that of moving rows of some
// hundred floats only near 1e5 rows and slots. Indices out of range are in no row.
template <class T>  // int32_t
__global__ void ListSlotsKernel(const T *index, int64_t count, int64_t rows, T *ranges, T *slots) {
  const unsigned lane = threadIdx.x % warpSize;
  const int64_t warp = blockIdx.x * kWarpsThatList + threadIdx.x / warpSize;
  const int64_t first = warp * kRowsOfWarp, row = first + lane;  // lane's own
  if (first >= rows) return;
  T next = 0;  // where the next slot of the lane's row goes
  for (int pass = 0; pass < 2; ++pass) {
    T below = 0, own = 0;
    for (int64_t begin = 0; begin < count; begin += warpSize) {
      const int64_t s = begin + lane;
      const int64_t at = s < count ? index[s] : -1, place = at - first;
      const bool here = place >= 0 && place < kRowsOfWarp && at < rows;
      below += at >= 0 && place < 0;
      const unsigned any = __ballot_sync(~0u, here);
      if (any == 0) continue;
      // same: lanes whose slots are of the row of this lane's slot; mine: of this lane's row.
      unsigned same = any, mine = any;
      for (unsigned bit = 0; bit < 5; ++bit) {
        const unsigned set = __ballot_sync(~0u, here && (place >> bit & 1));
        same &= place >> bit & 1 ? set : ~set;
        mine &= lane >> bit & 1 ? set : ~set;
      }
      const T to = __shfl_sync(~0u, next, here ? static_cast<int>(place) : 0);
      if (pass == 1 && here) slots[to + __popc(same & ((1u << lane) - 1))] = static_cast<T>(s);
      if (pass == 1) next += __popc(mine);
      own += __popc(mine);
    }
    if (pass == 1) break;
    T before = own;  // of the rows up to the lane's, by prefix sum
    for (unsigned lanes = 1; lanes < warpSize; lanes *= 2) {
      const T other = __shfl_up_sync(~0u, before, lanes);
      if (lane >= lanes) before += other;
    }
    next = ReduceWarp<SumOf>(below) + before - own;
    if (row < rows) {
      ranges[2 * row] = next;
      ranges[2 * row + 1] = next + own;
    }
  }
}

// A block for each row of y, which is read and written once, if it has slots at all.
template <int kWidth, class Weight>
__global__ void AddSlotsKernel(DeviceRows<const float> x, const int32_t *ranges,
                               const int32_t *slots, Weight weight, DeviceRows<float> y) {
  const int64_t i = blockIdx.x;
  const int32_t begin = ranges[2 * i], end = ranges[2 * i + 1];
  if (begin == end) return;
  for (int64_t j = threadIdx.x * kWidth; j < y.cols; j += blockDim.x * kWidth) {
    Pack<kWidth> sum = Pack<kWidth>::Load(y.Row(i) + j);
    for (int32_t k = begin; k < end; ++k) {
      const int64_t s = slots[k];
      const float w = weight(s);
      const Pack<kWidth> v = Pack<kWidth>::Load(x.Row(s) + j);
      for (int c = 0; c < kWidth; ++c) sum.at[c] = fmaf(w, v.at[c], sum.at[c]);
    }
    sum.Store(y.Row(i) + j);
  }
}

// y[index[s], :] += weight(s) * x[s, :] in the order of s. weight: a __device__ function object.
template <class Weight>
void AddByIndex(const char *name, ConstView x, Span<int32_t> index, const Weight &weight, View y) {
  const int64_t count = x.Rows(), rows = y.Rows();
  const std::shared_ptr<float> memory = AllocateFloats(2 * rows + count);
  auto *ranges = reinterpret_cast<int32_t *>(memory.get()), *slots = ranges + 2 * rows;
  constexpr int64_t kRowsOfBlock = kRowsOfWarp * kWarpsThatList;
  const int64_t blocks = (rows + kRowsOfBlock - 1) / kRowsOfBlock;
  Launch(name, ListSlotsKernel<int32_t>,
         {dim3(static_cast<unsigned>(blocks)), dim3(static_cast<unsigned>(kRowsOfBlock))}, 0,
         index.data(), count, rows, ranges, slots);
  const int width = PackWidth(x, y);
  Launch(name, width == 4 ? AddSlotsKernel<4, Weight> : AddSlotsKernel<1, Weight>,
         RowGrid(rows, y.Cols() / width), 0, x, ranges, slots, weight, y);
}

}  // namespace cuda
}  // namespace u2moe

#endif  // U2MOE_OPS_CUDA_INDEX_H_
