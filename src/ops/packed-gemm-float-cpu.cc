// Products with weights of float32 and bfloat16. Every element of the result is one chain of fused
// multiply-adds over k in ascending order; only AVX512_BF16, whose instruction takes two inputs at
// a time, adds the pairs of bfloat16 in an order of its own (and takes denormals as zero), so that
// machines with it differ from others in the last bits.
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

// What a tile does with one line of a panel and the inputs it belongs to, by format of the weights.
struct Float32Lines {
  using Input = float;
  static HWY_INLINE const Input *Row(const PackedRows &x, int64_t i) { return x.FloatRow(i); }
  template <int kRows, int kPanels>
  static HWY_INLINE void Step(const Input *const *a, int64_t k, const float *panel,
                              int64_t panel_floats, FloatVec (*sum)[kPanels * kPanelVectors]) {
    constexpr int kVectors = kPanels * kPanelVectors;
    FloatVec b[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) b[v] = LoadLine(panel, panel_floats, k, v);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const FloatVec s = Set(a[r][k]);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(s, b[v], sum[r][v]);
    }
  }
  // Part v of line k of the panels.
  static HWY_INLINE FloatVec LoadLine(const float *panel, int64_t panel_floats, int64_t k, int v) {
    return LoadU(panel + v / kPanelVectors * panel_floats + k * PackedMatrix::kPanel +
                 v % kPanelVectors * Width());
  }
};

// The bits of two bfloat16, the first in the low half.
HWY_INLINE float Pair(const uint16_t *x) {
  float pair;
  std::memcpy(&pair, x, sizeof(pair));
  return pair;
}

// Pairs widened to float32.
struct Bfloat16Lines {
  using Input = uint16_t;
  static HWY_INLINE const Input *Row(const PackedRows &x, int64_t i) { return x.Bfloat16Row(i); }
  static HWY_INLINE FloatVec First(FloatVec pairs) {
    const hn::RebindToUnsigned<Floats> du;
    return hn::BitCast(Floats(), hn::ShiftLeft<16>(hn::BitCast(du, pairs)));
  }
  static HWY_INLINE FloatVec Second(FloatVec pairs) {
    const hn::RebindToUnsigned<Floats> du;
    return hn::BitCast(Floats(), hn::And(hn::BitCast(du, pairs), hn::Set(du, 0xffff0000u)));
  }
  template <int kRows, int kPanels>
  static HWY_INLINE void Step(const Input *const *a, int64_t k, const float *panel,
                              int64_t panel_floats, FloatVec (*sum)[kPanels * kPanelVectors]) {
    constexpr int kVectors = kPanels * kPanelVectors;
    FloatVec b[kVectors];
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) {
        const FloatVec pairs = Float32Lines::LoadLine(panel, panel_floats, k, v);
        b[v] = half == 0 ? First(pairs) : Second(pairs);
      }
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const FloatVec s = Set(FromBfloat16(a[r][2 * k + half]));
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(s, b[v], sum[r][v]);
      }
    }
  }
};

#if HWY_TARGET == HWY_AVX3
// Pairs by AVX512_BF16. Written out, since a function of this target may not call the intrinsic.
struct Bfloat16PairLines {
  using Input = uint16_t;
  static HWY_INLINE const Input *Row(const PackedRows &x, int64_t i) { return x.Bfloat16Row(i); }
  template <int kRows, int kPanels>
  static HWY_INLINE void Step(const Input *const *a, int64_t k, const float *panel,
                              int64_t panel_floats, FloatVec (*sum)[kPanels * kPanelVectors]) {
    constexpr int kVectors = kPanels * kPanelVectors;
    FloatVec b[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) b[v] = Float32Lines::LoadLine(panel, panel_floats, k, v);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const FloatVec s = Set(Pair(a[r] + 2 * k));
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v)
        asm("vdpbf16ps %2, %1, %0" : "+v"(sum[r][v].raw) : "v"(s.raw), "v"(b[v].raw));
    }
  }
};
#endif

// Rows [i, i + kRows) times kPanels panels of `depth` lines that lie `panel_floats` apart.
template <class Lines, int kRows, int kPanels>
HWY_INLINE void FloatTile(const PackedRows &x, const TileRows &rows, int64_t i, const float *panel,
                          int64_t panel_floats, int64_t depth, int64_t col, int64_t cols,
                          Ahead ahead) {
  constexpr int kVectors = kPanels * kPanelVectors;
  const int64_t lanes = Width();
  const typename Lines::Input *a[kRows];
  for (int r = 0; r < kRows; ++r) a[r] = Lines::Row(x, rows.In(i + r));
  FloatVec sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Zero();
  }
  const auto step = [&](int64_t k) HWY_ATTR {
    Lines::template Step<kRows, kPanels>(a, k, panel, panel_floats, sum);
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

template <class Lines, int kPanels, int kMost>
HWY_INLINE void FloatPanels(const PackedRows &x, const TileRows &rows, const PackedMatrix &w,
                            int64_t p) {
  const int64_t panel_floats = w.PanelBytes() / static_cast<int64_t>(sizeof(float));
  const int64_t depth = panel_floats / PackedMatrix::kPanel;
  const float *panel = reinterpret_cast<const float *>(w.Panel(p));
  // While these panels are used, the next ones come from memory: every tile fetches its share.
  const int64_t tiles = (rows.rows.count + kMost - 1) / kMost;
  const bool last = p + 2 * kPanels > w.NumPanels();
  const int64_t step = last ? 0 : (4 * kPanels + tiles - 1) / tiles, lines = kPanels * depth;
  int64_t tile = 0;
  ForRowTiles<kMost>(rows.rows.count, [&](auto r, int64_t i) HWY_ATTR {
    Ahead ahead{panel + kPanels * panel_floats + tile * (depth / 4) * step * kLineFloats, step};
    if (tile * (depth / 4) * step >= lines) ahead.step = 0;
    ++tile;
    FloatTile<Lines, decltype(r)::value, kPanels>(x, rows, i, panel, panel_floats, depth,
                                                  p * PackedMatrix::kPanel, w.Rows(), ahead);
  });
}

template <class Lines>
void FloatGemm(const PackedRows &x, const GemmRows &gemm_rows, const PackedMatrix &w,
               const Epilogue &epilogue, View y) {
  const TileRows rows{gemm_rows, epilogue, y};
  constexpr int64_t kFewRows = 3;
  int64_t p = 0;
  if (gemm_rows.count <= kFewRows) {
    // Latency of sums would show with fewer chains of them.
    for (; p + 2 * kWidePanels <= w.NumPanels(); p += 2 * kWidePanels)
      FloatPanels<Lines, 2 * kWidePanels, kFewRows>(x, rows, w, p);
  }
  for (; p + kWidePanels <= w.NumPanels(); p += kWidePanels)
    FloatPanels<Lines, kWidePanels, kMostRows>(x, rows, w, p);
  for (; p < w.NumPanels(); ++p) FloatPanels<Lines, 1, kMostRows>(x, rows, w, p);
}

void PackedGemmFloat32Simd(const PackedRows &x, const GemmRows &rows, const PackedMatrix &w,
                           const Epilogue &epilogue, View y) {
  FloatGemm<Float32Lines>(x, rows, w, epilogue, y);
}

void PackedGemmBfloat16Simd(const PackedRows &x, const GemmRows &rows, const PackedMatrix &w,
                            const Epilogue &epilogue, View y) {
#if HWY_TARGET == HWY_AVX3
  static const bool has_pairs = __builtin_cpu_supports("avx512bf16") != 0;
  if (has_pairs) return FloatGemm<Bfloat16PairLines>(x, rows, w, epilogue, y);
#endif
  FloatGemm<Bfloat16Lines>(x, rows, w, epilogue, y);
}

// Nearest, ties to even; NaN stays NaN, whatever its bits.
void Bfloat16RowsSimd(ConstView x, uint16_t *out, int64_t stride) {
  const hn::RebindToUnsigned<Floats> du;
  const hn::RebindToSigned<Floats> di;
  const hn::Rebind<uint16_t, Floats> d16;
  const auto narrow = [&](FloatVec v) HWY_ATTR {
    const auto bits = hn::BitCast(du, v);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
    const auto rounded = hn::Add(hn::Add(bits, odd), hn::Set(du, 0x7fff));
    const auto number = hn::RebindMask(du, hn::Eq(v, v));  // Ne is false for NaN
    const auto kept = hn::IfThenElse(number, rounded, hn::Or(bits, hn::Set(du, 0x400000)));
    return hn::DemoteTo(d16, hn::BitCast(di, hn::ShiftRight<16>(kept)));
  };
  const int64_t lanes = Width();
  for (int64_t i = 0; i < x.Rows(); ++i) {
    uint16_t *to = out + i * stride;
    int64_t k = 0;
    for (; k + lanes <= x.Cols(); k += lanes) hn::StoreU(narrow(LoadU(x.Row(i) + k)), d16, to + k);
    if (k < x.Cols()) {
      HWY_ALIGN uint16_t rest[hn::MaxLanes(Floats())];
      hn::Store(narrow(LoadN(x.Row(i) + k, x.Cols() - k)), d16, rest);
      std::copy(rest, rest + (x.Cols() - k), to + k);
    }
    std::fill(to + x.Cols(), to + stride, uint16_t{0});
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace {
HWY_EXPORT(PackedGemmFloat32Simd);
HWY_EXPORT(PackedGemmBfloat16Simd);
HWY_EXPORT(Bfloat16RowsSimd);
}  // namespace

namespace cpu {

void PackedGemmFloat32(const Context &, const PackedRows &x, const GemmRows &rows,
                       const PackedMatrix &w, const Epilogue &epilogue, View y) {
  HWY_DYNAMIC_DISPATCH(PackedGemmFloat32Simd)(x, rows, w, epilogue, y);
}

void PackedGemmBfloat16(const Context &, const PackedRows &x, const GemmRows &rows,
                        const PackedMatrix &w, const Epilogue &epilogue, View y) {
  HWY_DYNAMIC_DISPATCH(PackedGemmBfloat16Simd)(x, rows, w, epilogue, y);
}

void Bfloat16Rows(const Context &, ConstView x, uint16_t *out, int64_t stride) {
  HWY_DYNAMIC_DISPATCH(Bfloat16RowsSimd)(x, out, stride);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
