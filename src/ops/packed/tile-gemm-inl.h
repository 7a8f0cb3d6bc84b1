// Matrix products for the inside of ops, where a call to the BLAS would cost more than it computes
// or needs its operands copied first: C (+)= A * B with A read through two strides (so A or A^T)
// and B packed into panels. Every entry of C is one sum over k in ascending order, so it does not
// depend on the other rows of the call. Included once per SIMD target (hwy/foreach_target.h).
#include <algorithm>
#include <type_traits>

#include "hwy/cache_control.h"
#include "ops/simd-inl.h"
#include "tensor/view.h"

#if defined(U2MOE_OPS_PACKED_TILE_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef U2MOE_OPS_PACKED_TILE_GEMM_INL_H_
#undef U2MOE_OPS_PACKED_TILE_GEMM_INL_H_
#else
#define U2MOE_OPS_PACKED_TILE_GEMM_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {  // a copy per file: no clash between files built for the same target

constexpr int64_t kTileRows = 4;
constexpr int64_t kTileVectors = 3;  // 4 x 3 sums and 3 + 1 operands: the 16 registers of AVX2
constexpr int64_t kTileDepth = 256;  // rows of a panel in one pass: 24 KiB with AVX2, inside L1
constexpr int64_t kLineFloats = 16;  // of a cache line

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
    for (int64_t i0 = 0; i0 < k; i0 += kTileDepth) {  // the part of the panel stays in L1
      const int64_t depth = std::min(kTileDepth, k - i0);
      for (int64_t j = 0; j < n; ++j) {
        const float *HWY_RESTRICT from = bt.Row(j0 + j) + i0;
        float *HWY_RESTRICT to = packed + i0 * width + j;
        for (int64_t i = 0; i < depth; ++i) to[i * width] = from[i];
      }
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

// Where element (i, j) of an operand lies: at row(i) + column(j), each a multiple of a stride or
// looked up.
struct Stride {
  int64_t step;
  int64_t operator()(int64_t i) const { return i * step; }
};
struct Table {
  const int64_t *offsets;
  int64_t operator()(int64_t i) const { return offsets[i]; }
};

// What happens to the C of a product: it may start from zero, from itself, or from a row of biases.
struct Start {
  bool add = false;             // C += A * B
  const float *bias = nullptr;  // C = bias + A * B; readable up to a whole vector
};

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

// One tile of C: kRows x n, n in ((kVectors - 1) * lanes, kVectors * lanes]. kMasked: rows of B end
// after n columns (kVectors is then 1). Named sums, since vectors of scalable targets cannot be
// array elements.
template <int kRows, int kVectors, bool kMasked, class ACol, class BRow>
HWY_INLINE void Tile(const float *a0, const float *a1, const float *a2, const float *a3, ACol a_col,
                     const float *b, BRow b_row, int64_t k, Start start, float *c0, float *c1,
                     float *c2, float *c3, int64_t n) {
  const int64_t lanes = Width();
  if (start.add) {  // old sums come while the new ones are computed
    for (int64_t j = 0; j < n; j += kLineFloats) {
      hwy::Prefetch(c0 + j);
      if (kRows > 1) hwy::Prefetch(c1 + j);
      if (kRows > 2) hwy::Prefetch(c2 + j);
      if (kRows > 3) hwy::Prefetch(c3 + j);
    }
  }
  FloatVec c00 = Zero(), c01 = c00, c02 = c00;
  if (start.bias != nullptr) {
    c00 = LoadU(start.bias);
    if constexpr (kVectors > 1) c01 = LoadU(start.bias + lanes);
    if constexpr (kVectors > 2) c02 = LoadU(start.bias + 2 * lanes);
  }
  FloatVec c10 = c00, c11 = c01, c12 = c02, c20 = c00, c21 = c01, c22 = c02, c30 = c00, c31 = c01,
           c32 = c02;
  for (int64_t p = 0; p < k; ++p) {
    const float *row = b + b_row(p);
    const int64_t q = a_col(p);
    const FloatVec b0 = kMasked ? LoadN(row, n) : LoadU(row);
    FloatVec b1 = b0, b2 = b0;
    if constexpr (kVectors > 1) b1 = LoadU(row + lanes);
    if constexpr (kVectors > 2) b2 = LoadU(row + 2 * lanes);
    {
      const FloatVec x = Set(a0[q]);
      c00 = hn::MulAdd(x, b0, c00);
      if constexpr (kVectors > 1) c01 = hn::MulAdd(x, b1, c01);
      if constexpr (kVectors > 2) c02 = hn::MulAdd(x, b2, c02);
    }
    if constexpr (kRows > 1) {
      const FloatVec x = Set(a1[q]);
      c10 = hn::MulAdd(x, b0, c10);
      if constexpr (kVectors > 1) c11 = hn::MulAdd(x, b1, c11);
      if constexpr (kVectors > 2) c12 = hn::MulAdd(x, b2, c12);
    }
    if constexpr (kRows > 2) {
      const FloatVec x = Set(a2[q]);
      c20 = hn::MulAdd(x, b0, c20);
      if constexpr (kVectors > 1) c21 = hn::MulAdd(x, b1, c21);
      if constexpr (kVectors > 2) c22 = hn::MulAdd(x, b2, c22);
    }
    if constexpr (kRows > 3) {
      const FloatVec x = Set(a3[q]);
      c30 = hn::MulAdd(x, b0, c30);
      if constexpr (kVectors > 1) c31 = hn::MulAdd(x, b1, c31);
      if constexpr (kVectors > 2) c32 = hn::MulAdd(x, b2, c32);
    }
  }
  // Row after row: where rows of C overlap, each sees the sums of those before it.
  StoreTileRow<kVectors>(c00, c01, c02, start.add, c0, n);
  if constexpr (kRows > 1) StoreTileRow<kVectors>(c10, c11, c12, start.add, c1, n);
  if constexpr (kRows > 2) StoreTileRow<kVectors>(c20, c21, c22, start.add, c2, n);
  if constexpr (kRows > 3) StoreTileRow<kVectors>(c30, c31, c32, start.add, c3, n);
}

template <int kVectors, bool kMasked, class ARow, class ACol, class BRow, class CRow>
HWY_NOINLINE void TileColumn(const float *a, ARow a_row, ACol a_col, int64_t m, const float *b,
                             BRow b_row, int64_t k, Start start, float *c, CRow c_row, int64_t n) {
  const auto tile = [&](auto rows, int64_t i) HWY_ATTR {
    constexpr int kRows = decltype(rows)::value;
    const int64_t i1 = kRows > 1 ? i + 1 : i, i2 = kRows > 2 ? i + 2 : i,
                  i3 = kRows > 3 ? i + 3 : i;
    Tile<kRows, kVectors, kMasked>(a + a_row(i), a + a_row(i1), a + a_row(i2), a + a_row(i3), a_col,
                                   b, b_row, k, start, c + c_row(i), c + c_row(i1), c + c_row(i2),
                                   c + c_row(i3), n);
  };
  int64_t i = 0;
  for (; i + kTileRows <= m; i += kTileRows) tile(std::integral_constant<int, 4>(), i);
  if (m - i == 3) tile(std::integral_constant<int, 3>(), i);
  if (m - i == 2) tile(std::integral_constant<int, 2>(), i);
  if (m - i == 1) tile(std::integral_constant<int, 1>(), i);
}

// C [m, n] = or += A [m, k] * B [k, n] for n up to PanelCols(). kPadded: rows of B may be read up
// to a whole vector. k should not be much above kTileDepth.
template <bool kPadded, class ARow, class ACol, class BRow, class CRow>
HWY_INLINE void TilePanel(const float *a, ARow a_row, ACol a_col, int64_t m, const float *b,
                          BRow b_row, int64_t k, Start start, float *c, CRow c_row, int64_t n) {
  const int64_t lanes = Width(), whole = kPadded ? n : n / lanes * lanes;
  if (whole > 2 * lanes) {
    TileColumn<3, false>(a, a_row, a_col, m, b, b_row, k, start, c, c_row, whole);
  } else if (whole > lanes) {
    TileColumn<2, false>(a, a_row, a_col, m, b, b_row, k, start, c, c_row, whole);
  } else if (whole > 0) {
    TileColumn<1, false>(a, a_row, a_col, m, b, b_row, k, start, c, c_row, whole);
  }
  if constexpr (!kPadded) {
    if (whole == n) return;
    if (start.bias != nullptr) start.bias += whole;
    TileColumn<1, true>(a, a_row, a_col, m, b + whole, b_row, k, start, c + whole, c_row,
                        n - whole);
  }
}

// C [m, n] = or += A [m, k] * B [k, n]; A(i, p) = a[i*a_row + p*a_col]; panel q of B starts at
// packed + q*panel_stride (panel_stride = rows of the packed matrix * PanelCols(); a later start of
// packed selects rows). With k = 0, C is zero, or stays.
HWY_INLINE void TileGemm(const float *a, int64_t a_row, int64_t a_col, int64_t m,
                         const float *packed, int64_t panel_stride, int64_t k, int64_t n, bool add,
                         float *c, int64_t c_row) {
  const int64_t width = PanelCols();
  int64_t p0 = 0;
  do {
    const int64_t depth = std::min(kTileDepth, k - p0);
    for (int64_t j = 0; j < n; j += width) {
      Start start;
      start.add = add || p0 > 0;
      TilePanel<true>(a + p0 * a_col, Stride{a_row}, Stride{a_col}, m,
                      packed + j / width * panel_stride + p0 * width, Stride{width}, depth, start,
                      c + j, Stride{c_row}, std::min(width, n - j));
    }
    p0 += kTileDepth;
  } while (p0 < k);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
