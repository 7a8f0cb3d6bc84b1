// A small matrix product for the inside of ops, where one call to the BLAS would cost more than it
// computes: C (+)= A * B with A read through two strides (so A or A^T) and B packed into panels.
// Every entry of C is one sum over k in ascending order, so it does not depend on the other rows of
// the call. Included once per SIMD target (hwy/foreach_target.h).
#include <algorithm>

#include "ops/simd-inl.h"
#include "tensor/view.h"

#if defined(U2MOE_OPS_TILE_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef U2MOE_OPS_TILE_GEMM_INL_H_
#undef U2MOE_OPS_TILE_GEMM_INL_H_
#else
#define U2MOE_OPS_TILE_GEMM_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {  // a copy per file: no clash between files built for the same target

constexpr int64_t kTileRows = 4;
constexpr int64_t kTileVectors = 3;  // 4 x 3 sums and 3 + 1 operands: the 16 registers of AVX2
constexpr int64_t kTileDepth = 256;  // rows of a panel in one pass: 24 KiB with AVX2, inside L1

HWY_INLINE int64_t PanelCols() { return kTileVectors * Width(); }
HWY_INLINE int64_t RoundUp(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}
HWY_INLINE int64_t PackedSize(int64_t k, int64_t n) { return k * RoundUp(n, PanelCols()); }

// Panel p of B [K, N] holds columns [p*PanelCols(), (p+1)*PanelCols()) as [K, PanelCols()], zero
// beyond N.
HWY_INLINE void PackPanels(ConstView b, float *packed) {
  const int64_t width = PanelCols(), k = b.Rows();
  for (int64_t j0 = 0; j0 < b.Cols(); j0 += width, packed += k * width) {
    const int64_t n = std::min(width, b.Cols() - j0);
    for (int64_t i = 0; i < k; ++i) {
      const float *HWY_RESTRICT from = b.Row(i) + j0;
      float *HWY_RESTRICT to = packed + i * width;
      for (int64_t j = 0; j < n; ++j) to[j] = from[j];
      for (int64_t j = n; j < width; ++j) to[j] = 0;
    }
  }
}

// The same from the transpose of B, bt [N, K].
HWY_INLINE void PackPanelsTransposed(ConstView bt, float *packed) {
  const int64_t width = PanelCols(), k = bt.Cols();
  for (int64_t j0 = 0; j0 < bt.Rows(); j0 += width, packed += k * width) {
    const int64_t n = std::min(width, bt.Rows() - j0);
    if (n < width) std::fill(packed, packed + k * width, 0.f);
    for (int64_t j = 0; j < n; ++j) {
      const float *HWY_RESTRICT from = bt.Row(j0 + j);
      float *HWY_RESTRICT to = packed + j;
      for (int64_t i = 0; i < k; ++i) to[i * width] = from[i];
    }
  }
}

// First n floats of memory, n up to a whole vector.
HWY_INLINE FloatVec LoadUpTo(const float *p, int64_t n) {
  return n >= Width() ? LoadU(p) : LoadN(p, n);
}
HWY_INLINE void StoreUpTo(FloatVec v, float *p, int64_t n) {
  if (n >= Width()) {
    StoreU(v, p);
  } else {
    StoreN(v, p, n);
  }
}

template <int kVectors>
HWY_INLINE void StoreTileRow(FloatVec v0, FloatVec v1, FloatVec v2, bool add, float *c, int64_t n) {
  const int64_t lanes = Width(), rest = n - (kVectors - 1) * lanes;
  if constexpr (kVectors > 1) {
    if (add) v0 = hn::Add(v0, LoadU(c));
    StoreU(v0, c);
  }
  if constexpr (kVectors > 2) {
    if (add) v1 = hn::Add(v1, LoadU(c + lanes));
    StoreU(v1, c + lanes);
  }
  const auto last = kVectors == 1 ? v0 : kVectors == 2 ? v1 : v2;
  float *p = c + (kVectors - 1) * lanes;
  StoreUpTo(add ? hn::Add(last, LoadUpTo(p, rest)) : last, p, rest);
}

// One tile of C: kRows x n, n in ((kVectors - 1) * lanes, kVectors * lanes]. Named sums, since
// vectors of scalable targets cannot be array elements.
template <int kRows, int kVectors>
HWY_INLINE void Tile(const float *HWY_RESTRICT a, int64_t a_row, int64_t a_col,
                     const float *HWY_RESTRICT b, int64_t b_row, int64_t k, bool add, float *c,
                     int64_t c_row, int64_t n) {
  const int64_t lanes = Width();
  auto c00 = Zero(), c01 = c00, c02 = c00, c10 = c00, c11 = c00, c12 = c00;
  auto c20 = c00, c21 = c00, c22 = c00, c30 = c00, c31 = c00, c32 = c00;
  for (int64_t p = 0; p < k; ++p, a += a_col, b += b_row) {
    const auto b0 = LoadU(b);
    auto b1 = b0, b2 = b0;
    if constexpr (kVectors > 1) b1 = LoadU(b + lanes);
    if constexpr (kVectors > 2) b2 = LoadU(b + 2 * lanes);
    {
      const auto x = Set(a[0]);
      c00 = hn::MulAdd(x, b0, c00);
      if constexpr (kVectors > 1) c01 = hn::MulAdd(x, b1, c01);
      if constexpr (kVectors > 2) c02 = hn::MulAdd(x, b2, c02);
    }
    if constexpr (kRows > 1) {
      const auto x = Set(a[a_row]);
      c10 = hn::MulAdd(x, b0, c10);
      if constexpr (kVectors > 1) c11 = hn::MulAdd(x, b1, c11);
      if constexpr (kVectors > 2) c12 = hn::MulAdd(x, b2, c12);
    }
    if constexpr (kRows > 2) {
      const auto x = Set(a[2 * a_row]);
      c20 = hn::MulAdd(x, b0, c20);
      if constexpr (kVectors > 1) c21 = hn::MulAdd(x, b1, c21);
      if constexpr (kVectors > 2) c22 = hn::MulAdd(x, b2, c22);
    }
    if constexpr (kRows > 3) {
      const auto x = Set(a[3 * a_row]);
      c30 = hn::MulAdd(x, b0, c30);
      if constexpr (kVectors > 1) c31 = hn::MulAdd(x, b1, c31);
      if constexpr (kVectors > 2) c32 = hn::MulAdd(x, b2, c32);
    }
  }
  StoreTileRow<kVectors>(c00, c01, c02, add, c, n);
  if constexpr (kRows > 1) StoreTileRow<kVectors>(c10, c11, c12, add, c + c_row, n);
  if constexpr (kRows > 2) StoreTileRow<kVectors>(c20, c21, c22, add, c + 2 * c_row, n);
  if constexpr (kRows > 3) StoreTileRow<kVectors>(c30, c31, c32, add, c + 3 * c_row, n);
}

template <int kVectors>
HWY_NOINLINE void TileColumn(const float *a, int64_t a_row, int64_t a_col, int64_t m,
                             const float *b, int64_t b_row, int64_t k, bool add, float *c,
                             int64_t c_row, int64_t n) {
  int64_t i = 0;
  for (; i + kTileRows <= m; i += kTileRows) {
    Tile<4, kVectors>(a + i * a_row, a_row, a_col, b, b_row, k, add, c + i * c_row, c_row, n);
  }
  a += i * a_row;
  c += i * c_row;
  if (m - i == 3) Tile<3, kVectors>(a, a_row, a_col, b, b_row, k, add, c, c_row, n);
  if (m - i == 2) Tile<2, kVectors>(a, a_row, a_col, b, b_row, k, add, c, c_row, n);
  if (m - i == 1) Tile<1, kVectors>(a, a_row, a_col, b, b_row, k, add, c, c_row, n);
}

// C [m, n] (+)= A [m, k] * B [k, n]; A(i, p) = a[i*a_row + p*a_col]; panel q of B starts at
// packed + q*panel_stride (panel_stride = rows of the packed matrix * PanelCols(); a later start of
// packed selects rows). With k = 0, C is zero, or stays.
HWY_INLINE void TileGemm(const float *a, int64_t a_row, int64_t a_col, int64_t m,
                         const float *packed, int64_t panel_stride, int64_t k, int64_t n, bool add,
                         float *c, int64_t c_row) {
  const int64_t width = PanelCols(), lanes = Width();
  int64_t p0 = 0;
  do {
    const int64_t depth = std::min(kTileDepth, k - p0);
    for (int64_t j = 0; j < n; j += width) {
      const int64_t cols = std::min(width, n - j);
      const float *b = packed + j / width * panel_stride + p0 * width;
      const bool sum = add || p0 > 0;
      if (cols > 2 * lanes) {
        TileColumn<3>(a + p0 * a_col, a_row, a_col, m, b, width, depth, sum, c + j, c_row, cols);
      } else if (cols > lanes) {
        TileColumn<2>(a + p0 * a_col, a_row, a_col, m, b, width, depth, sum, c + j, c_row, cols);
      } else {
        TileColumn<1>(a + p0 * a_col, a_row, a_col, m, b, width, depth, sum, c + j, c_row, cols);
      }
    }
    p0 += kTileDepth;
  } while (p0 < k);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
