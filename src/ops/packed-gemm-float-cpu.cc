// Products with weights of float32 and bfloat16. Every element of the result is one chain of fused
// multiply-adds over k in ascending order.
#include "ops/packed-gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/packed-gemm-float-cpu.cc"
#include "ops/simd-targets.h"

#include "hwy/cache_control.h"
#include "ops/packed-gemm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {

constexpr int64_t kLineFloats = 16;  // of a cache line

constexpr int kPanelVectors = static_cast<int>(PackedMatrix::kPanel / hn::MaxLanes(Floats()));
#if HWY_TARGET == HWY_AVX3
constexpr int kMostRows = 14;  // 14 x 2 sums, 2 operands: of 32 registers
constexpr int kWidePanels = 2;
#else
constexpr int kMostRows = 6;  // 6 x 2 sums, 2 + 1 operands: the 16 registers of AVX2
constexpr int kWidePanels = 1;
#endif

// Lines of cache to fetch during a tile: `step` of them for every 4 inputs.
struct Ahead {
  const float *from;
  int64_t step;
};

// Rows [i, i + kRows) times kPanels panels that lie `panel_floats` apart.
template <int kRows, int kPanels>
HWY_INLINE void FloatTile(const PackedRows &x, const TileRows &rows, int64_t i, const float *panel,
                          int64_t panel_floats, int64_t depth, int64_t col, int64_t cols,
                          Ahead ahead) {
  constexpr int kVectors = kPanels * kPanelVectors;
  const int64_t lanes = Width();
  const float *a[kRows];
  for (int r = 0; r < kRows; ++r) a[r] = x.FloatRow(rows.In(i + r));
  FloatVec sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Zero();
  }
  const auto step = [&](int64_t k) HWY_ATTR {
    FloatVec b[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      const float *from = panel + v / kPanelVectors * panel_floats + k * PackedMatrix::kPanel +
                          v % kPanelVectors * lanes;
      b[v] = LoadU(from);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const FloatVec s = Set(a[r][k]);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(s, b[v], sum[r][v]);
    }
  };
  int64_t k = 0;
  for (; k + 4 <= depth; k += 4) {
    for (int64_t j = 0; j < ahead.step; ++j, ahead.from += kLineFloats)
      __builtin_prefetch(ahead.from, 0, 2);
    step(k);
    step(k + 1);
    step(k + 2);
    step(k + 3);
  }
  for (; k < depth; ++k) step(k);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const FloatVec factor = Set(rows.Factor(i + r));
    float *y = rows.Out(i + r);
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = col + v * lanes;
      if (at < cols) FinishVector(sum[r][v], rows.epilogue, factor, at, cols - at, y);
    }
  }
}

template <int kPanels, int kMost>
HWY_INLINE void FloatPanels(const PackedRows &x, const TileRows &rows, const PackedMatrix &w,
                            int64_t p) {
  const int64_t panel_floats = w.PanelBytes() / static_cast<int64_t>(sizeof(float));
  const float *panel = reinterpret_cast<const float *>(w.Panel(p));
  // While these panels are used, the next ones come from memory: every tile fetches its share.
  const int64_t tiles = (rows.rows.count + kMost - 1) / kMost;
  const bool last = p + 2 * kPanels > w.NumPanels();
  const int64_t step = last ? 0 : (4 * kPanels + tiles - 1) / tiles, lines = kPanels * w.Cols();
  int64_t tile = 0;
  ForRowTiles<kMost>(rows.rows.count, [&](auto r, int64_t i) HWY_ATTR {
    Ahead ahead{panel + kPanels * panel_floats + tile * w.Cols() / 4 * step * kLineFloats, step};
    if (tile * w.Cols() / 4 * step >= lines) ahead.step = 0;
    ++tile;
    FloatTile<decltype(r)::value, kPanels>(x, rows, i, panel, panel_floats, w.Cols(),
                                           p * PackedMatrix::kPanel, w.Rows(), ahead);
  });
}

void PackedGemmFloat32Simd(const PackedRows &x, const GemmRows &gemm_rows, const PackedMatrix &w,
                           const Epilogue &epilogue, View y) {
  const TileRows rows{gemm_rows, epilogue, y};
  constexpr int64_t kFewRows = 3;
  int64_t p = 0;
  if (gemm_rows.count <= kFewRows) {
    // Latency of sums would show with fewer chains of them.
    for (; p + 2 * kWidePanels <= w.NumPanels(); p += 2 * kWidePanels)
      FloatPanels<2 * kWidePanels, kFewRows>(x, rows, w, p);
  }
  for (; p + kWidePanels <= w.NumPanels(); p += kWidePanels)
    FloatPanels<kWidePanels, kMostRows>(x, rows, w, p);
  for (; p < w.NumPanels(); ++p) FloatPanels<1, kMostRows>(x, rows, w, p);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "ops/ref/packed-gemm.h"
namespace u2moe {
namespace {
HWY_EXPORT(PackedGemmFloat32Simd);
}  // namespace

namespace cpu {

void PackedGemmFloat32(const Context &, const PackedRows &x, const GemmRows &rows,
                       const PackedMatrix &w, const Epilogue &epilogue, View y) {
  HWY_DYNAMIC_DISPATCH(PackedGemmFloat32Simd)(x, rows, w, epilogue, y);
}

void PackedGemmBfloat16(const Context &, const PackedRows &x, const GemmRows &rows,
                        const PackedMatrix &w, const Epilogue &epilogue, View y) {
  ref::PackedGemm(x, rows, w, epilogue, y);
}

void Bfloat16Rows(const Context &, ConstView x, uint16_t *out, int64_t stride) {
  for (int64_t i = 0; i < x.Rows(); ++i) {
    for (int64_t k = 0; k < stride; ++k)
      out[i * stride + k] = k < x.Cols() ? ToBfloat16(x(i, k)) : uint16_t{0};
  }
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
