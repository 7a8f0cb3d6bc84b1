// What the kernels of ops/packed/packed-gemm.h share: which rows and panels a tile covers, and what
// becomes of its sums. Included once per SIMD target (hwy/foreach_target.h).
#include <algorithm>

#include "ops/packed/packed-gemm.h"
#include "ops/simd-math-inl.h"

#if defined(U2MOE_OPS_PACKED_PACKED_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef U2MOE_OPS_PACKED_PACKED_GEMM_INL_H_
#undef U2MOE_OPS_PACKED_PACKED_GEMM_INL_H_
#else
#define U2MOE_OPS_PACKED_PACKED_GEMM_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {  // a copy per file: no clash between files built for the same target

// The vector v of sums for columns [col, col + lanes) of y, of which n are inside, through the
// epilogue into memory. factor: all factors of this row.
HWY_INLINE void FinishVector(FloatVec v, const Epilogue &e, FloatVec factor, int64_t col, int64_t n,
                             float *y) {
  const bool whole = n >= Width();
  if (e.bias != nullptr) v = hn::Add(v, whole ? LoadU(e.bias + col) : LoadN(e.bias + col, n));
  if (e.activation == Activation::kSwish) {
    v = hn::Mul(v, Sigmoid(v));
  } else if (e.activation == Activation::kRelu) {  // NaN stays NaN
    v = hn::IfThenZeroElse(hn::Lt(v, Zero()), v);
  }
  float *to = y + col;
  if (e.add) {
    v = hn::MulAdd(v, factor, whole ? LoadU(to) : LoadN(to, n));
  } else {
    v = hn::Mul(v, factor);
  }
  if (whole) {
    StoreU(v, to);
  } else {
    StoreN(v, to, n);
  }
}

// Row i of the call: where it comes from, where it goes, and what multiplies it.
struct TileRows {
  const GemmRows &rows;
  const Epilogue &epilogue;
  View y;

  int64_t In(int64_t i) const { return rows.in != nullptr ? rows.in[i] : i; }
  float *Out(int64_t i) const { return y.Row(rows.out != nullptr ? rows.out[i] : i); }
  float Factor(int64_t i) const {
    return rows.factor != nullptr ? epilogue.scale * rows.factor[i] : epilogue.scale;
  }
};

// Calls tile(integral_constant<int, R>, first row) for tiles of nearly equal numbers of rows R, at
// most kMost.
template <int kMost, class Tile>
HWY_INLINE void ForRowTiles(int64_t count, const Tile &tile) {
  const int64_t tiles = (count + kMost - 1) / kMost;
  int64_t i = 0;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t rows = (count - i + (tiles - t) - 1) / (tiles - t);
    switch (rows) {
#define U2MOE_ROWS(r)                                                    \
  case r:                                                                \
    if constexpr (r <= kMost) tile(std::integral_constant<int, r>(), i); \
    break;
      U2MOE_ROWS(1)
      U2MOE_ROWS(2)
      U2MOE_ROWS(3)
      U2MOE_ROWS(4)
      U2MOE_ROWS(5)
      U2MOE_ROWS(6)
      U2MOE_ROWS(7)
      U2MOE_ROWS(8)
      U2MOE_ROWS(9)
      U2MOE_ROWS(10)
      U2MOE_ROWS(11)
      U2MOE_ROWS(12)
      U2MOE_ROWS(13)
      U2MOE_ROWS(14)
#undef U2MOE_ROWS
    }
    i += rows;
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
