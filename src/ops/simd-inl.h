// Helpers for the kernels of <op>-cpu.cc (see ops/simd-targets.h), compiled once per target. Tails
// of rows are computed with the same vector operations as full vectors: the value of an element
// never depends on its position or on the number of columns.
#if defined(U2MOE_OPS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef U2MOE_OPS_SIMD_INL_H_
#undef U2MOE_OPS_SIMD_INL_H_
#else
#define U2MOE_OPS_SIMD_INL_H_
#endif

#include <cstdint>
#include <cstring>

#include "hwy/highway.h"
#include "ops/extent.h"
#include "tensor/view.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVec = hn::Vec<Floats>;

// Number of floats in a vector.
HWY_INLINE int64_t Width() { return static_cast<int64_t>(hn::Lanes(Floats())); }

// The first n < Width() floats at p, zeros above; no byte beyond them is read.
HWY_INLINE FloatVec LoadN(const float *p, int64_t n) {
  const Floats d;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  return hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(n)), d, p);
#else
  HWY_ALIGN float buffer[hn::MaxLanes(d)] = {};
  std::memcpy(buffer, p, static_cast<size_t>(n) * sizeof(float));
  return hn::Load(d, buffer);
#endif
}

// Writes the first n < Width() floats of v to p and no byte beyond them.
HWY_INLINE void StoreN(FloatVec v, float *p, int64_t n) {
  const Floats d;
#if (HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3) && HWY_MAJOR >= 1  // Ubuntu 22.04: 0.16
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(n)), d, p);
#else
  HWY_ALIGN float buffer[hn::MaxLanes(d)];
  hn::Store(v, d, buffer);
  std::memcpy(p, buffer, static_cast<size_t>(n) * sizeof(float));
#endif
}

HWY_INLINE FloatVec LoadU(const float *p) { return hn::LoadU(Floats(), p); }
HWY_INLINE void StoreU(FloatVec v, float *p) { hn::StoreU(v, Floats(), p); }
HWY_INLINE FloatVec Set(float x) { return hn::Set(Floats(), x); }
HWY_INLINE FloatVec Zero() { return hn::Zero(Floats()); }
HWY_INLINE float Sum(FloatVec v) { return hn::GetLane(hn::SumOfLanes(Floats(), v)); }
HWY_INLINE float Max(FloatVec v) { return hn::GetLane(hn::MaxOfLanes(Floats(), v)); }

// y[j] = op(x[j]...) for j in [0, cols): op takes and returns vectors.
template <class Op, class... X>
HWY_INLINE void MapRow(int64_t cols, float *y, const Op &op, X *...x) {
  const int64_t width = Width();
  int64_t j = 0;
  for (; j + width <= cols; j += width) StoreU(op(LoadU(x + j)...), y + j);
  if (j < cols) StoreN(op(LoadN(x + j, cols - j)...), y + j, cols - j);
}

// y = op(x...), element by element, for views of one shape. Any x may be y.
template <class Op, class... X>
HWY_INLINE void Map(View y, const Op &op, const X &...x) {
  const Extent e = FlatExtent(y, x...);
  for (int64_t i = 0; i < e.rows; ++i) MapRow(e.cols, y.Row(i), op, x.Row(i)...);
}

// v with zeros in all but its first n lanes.
HWY_INLINE FloatVec KeepN(FloatVec v, int64_t n) {
  return hn::IfThenElseZero(hn::FirstN(Floats(), static_cast<size_t>(n)), v);
}

// A sum over the columns of a row: term(s, x...) returns s plus the terms of a vector.
// Four running sums; the order of additions depends on cols only.
template <class Term, class... X>
HWY_INLINE float ReduceRow(int64_t cols, const Term &term, X *...x) {
  const int64_t width = Width();
  FloatVec s0 = Zero(), s1 = Zero(), s2 = Zero(), s3 = Zero();
  int64_t j = 0;
  for (; j + 4 * width <= cols; j += 4 * width) {
    s0 = term(s0, LoadU(x + j)...);
    s1 = term(s1, LoadU(x + j + width)...);
    s2 = term(s2, LoadU(x + j + 2 * width)...);
    s3 = term(s3, LoadU(x + j + 3 * width)...);
  }
  for (; j + width <= cols; j += width) s0 = term(s0, LoadU(x + j)...);
  if (j < cols) s1 = hn::Add(s1, KeepN(term(Zero(), LoadN(x + j, cols - j)...), cols - j));
  return Sum(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
}

HWY_INLINE float SumOfRow(const float *x, int64_t cols) {
  return ReduceRow(
      cols, [](FloatVec s, FloatVec v) HWY_ATTR { return hn::Add(s, v); }, x);
}

HWY_INLINE float DotOfRows(const float *a, const float *b, int64_t cols) {
  return ReduceRow(
      cols, [](FloatVec s, FloatVec u, FloatVec v) HWY_ATTR { return hn::MulAdd(u, v, s); }, a, b);
}

// sum[j] += x[0][j] + x[1][j] + ... Eight rows at a time are summed in registers, as a tree: fewer
// passes over sum, and smaller rounding errors. A column's order of additions depends on the rows
// only.
HWY_INLINE void AddColumnSums(ConstView x, float *sum) {
  const auto add1 = [](FloatVec s, FloatVec a) HWY_ATTR { return hn::Add(s, a); };
  const auto add8 = [](FloatVec s, FloatVec a, FloatVec b, FloatVec c, FloatVec d, FloatVec e,
                       FloatVec f, FloatVec g, FloatVec h) HWY_ATTR {
    return hn::Add(
        s, hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, d)), hn::Add(hn::Add(e, f), hn::Add(g, h))));
  };
  int64_t i = 0;
  for (; i + 8 <= x.Rows(); i += 8) {
    MapRow(x.Cols(), sum, add8, sum, x.Row(i), x.Row(i + 1), x.Row(i + 2), x.Row(i + 3),
           x.Row(i + 4), x.Row(i + 5), x.Row(i + 6), x.Row(i + 7));
  }
  for (; i < x.Rows(); ++i) MapRow(x.Cols(), sum, add1, sum, x.Row(i));
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#endif  // U2MOE_OPS_SIMD_INL_H_
