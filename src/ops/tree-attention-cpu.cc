#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/tree-attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/tree-attention-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {

// row = softmax(scale * row), n entries.
HWY_INLINE void SoftmaxRow(float *row, int64_t n, float scale) {
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t j = 0; j < n; ++j) largest = std::max(largest, row[j]);
  const auto exponential = [scale, largest](FloatVec x) HWY_ATTR {
    return Exp(hn::Mul(Set(scale), hn::Sub(x, Set(largest))));
  };
  MapRow(n, row, exponential, row);
  const float inverse = 1 / SumOfRow(row, n);
  MapRow(
      n, row, [inverse](FloatVec x) HWY_ATTR { return hn::Mul(x, Set(inverse)); }, row);
}

// y[0, n) = sum over the path of weight[j] * v[path[j]], four vectors of columns at a time.
HWY_INLINE void WeightedSum(const float *weight, const std::vector<int32_t> &path, ConstView v,
                            int64_t col, int64_t n, float *y) {
  const int64_t width = Width();
  int64_t c = 0;
  for (; c + 4 * width <= n; c += 4 * width) {
    FloatVec s0 = Zero(), s1 = Zero(), s2 = Zero(), s3 = Zero();
    for (size_t j = 0; j < path.size(); ++j) {
      const float *p = v.Row(path[j]) + col + c;
      const FloatVec w = Set(weight[j]);
      s0 = hn::MulAdd(w, LoadU(p), s0);
      s1 = hn::MulAdd(w, LoadU(p + width), s1);
      s2 = hn::MulAdd(w, LoadU(p + 2 * width), s2);
      s3 = hn::MulAdd(w, LoadU(p + 3 * width), s3);
    }
    StoreU(s0, y + c);
    StoreU(s1, y + c + width);
    StoreU(s2, y + c + 2 * width);
    StoreU(s3, y + c + 3 * width);
  }
  for (; c < n; c += width) {
    const int64_t rest = std::min(width, n - c);
    FloatVec s = Zero();
    for (size_t j = 0; j < path.size(); ++j) {
      const float *p = v.Row(path[j]) + col + c;
      s = hn::MulAdd(Set(weight[j]), rest < width ? LoadN(p, rest) : LoadU(p), s);
    }
    if (rest < width) {
      StoreN(s, y + c, rest);
    } else {
      StoreU(s, y + c);
    }
  }
}

void TreeAttentionKernel(int num_heads, Span<int32_t> parents, ConstView q, ConstView k,
                         ConstView v, View y) {
  const int64_t dk = q.Cols() / num_heads;
  const float scale = 1.f / std::sqrt(static_cast<float>(dk));
  std::vector<int32_t> path;
  std::vector<float> row;
  const int64_t first = k.Rows() - q.Rows();  // the node of row 0
  for (int64_t i = 0; i < q.Rows(); ++i) {
    path.clear();
    for (auto j = static_cast<int32_t>(first + i); j >= 0; j = parents[static_cast<size_t>(j)]) {
      path.push_back(j);
    }
    row.resize(path.size());
    for (int h = 0; h < num_heads; ++h) {
      const int64_t col = h * dk;
      for (size_t j = 0; j < path.size(); ++j) {
        row[j] = DotOfRows(q.Row(i) + col, k.Row(path[j]) + col, dk);
      }
      SoftmaxRow(row.data(), static_cast<int64_t>(path.size()), scale);
      WeightedSum(row.data(), path, v, col, dk, y.Row(i) + col);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace {
HWY_EXPORT(TreeAttentionKernel);
}  // namespace

namespace cpu {

void TreeAttention(const Context &, int num_heads, Span<int32_t> parents, ConstView q, ConstView k,
                   ConstView v, View y) {
  for (int64_t i = 0; i < k.Rows(); ++i) {
    const int32_t parent = parents[static_cast<size_t>(i)];
    CHECK(parent >= -1 && parent < i) << "parent " << parent << " of node " << i;
  }
  HWY_DYNAMIC_DISPATCH(TreeAttentionKernel)(num_heads, parents, q, k, v, y);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
