// Products with weights of float32 and bfloat16. Every element of the result is one chain of fused
// multiply-adds over k in ascending order; only AVX512_BF16, whose instruction takes two inputs at
// a time, adds the pairs of bfloat16 in an order of its own (and takes denormals as zero), so that
// machines with it differ from others in the last bits.
#include "ops/packed/packed-gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/packed/packed-gemm-float-cpu.cc"
#include "ops/simd-targets.h"

#include "hwy/cache_control.h"
#include "ops/packed/packed-gemm-inl.h"

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

// Part v of line k of the panels, which lie `panel_floats` apart.
HWY_INLINE FloatVec LoadLine(const float *panel, int64_t panel_floats, int64_t k, int v) {
  return LoadU(panel + v / kPanelVectors * panel_floats + k * PackedMatrix::kPanel +
               v % kPanelVectors * Width());
}

// sum += a * b. For AVX2, whose 16 registers the sums nearly fill, as assembly: compilers otherwise
// write some results over a or b.
HWY_INLINE void AddProduct(FloatVec a, FloatVec b, FloatVec *sum) {
#if HWY_TARGET == HWY_AVX2
  asm("vfmadd231ps %2, %1, %0" : "+x"(sum->raw) : "x"(a.raw), "x"(b.raw));
#else
  *sum = hn::MulAdd(a, b, *sum);
#endif
}

// What a tile does with one line of a panel and the inputs it belongs to, by format of the weights:
// sum[r * vectors + v] for all rows r and vectors v. The indices of arrays of vectors are constants
// from the beginning, as expanded from lists of them; loops that are unrolled later leave the sums
// in memory.
template <class Input, size_t kVectors, size_t... kV, size_t... kI>
HWY_INLINE void AddProducts(const Input &input, const float *panel, int64_t panel_floats, int64_t k,
                            FloatVec *sum, std::index_sequence<kV...>, std::index_sequence<kI...>) {
  const FloatVec b[kVectors] = {input.Weights(LoadLine(panel, panel_floats, k, kV))...};
  (input.Add(kI / kVectors, k, b[kI % kVectors], &sum[kI]), ...);
}

template <int kRows>
struct Float32Lines {
  explicit Float32Lines(const PackedRows &x, const TileRows &rows, int64_t i) {
    for (int r = 0; r < kRows; ++r) a[r] = x.FloatRow(rows.In(i + r));
  }
  HWY_INLINE FloatVec Weights(FloatVec line) const { return line; }
  HWY_INLINE void Add(size_t r, int64_t k, FloatVec b, FloatVec *sum) const {
    AddProduct(Set(a[r][k]), b, sum);
  }
  template <int kVectors>
  HWY_INLINE void Step(int64_t k, const float *panel, int64_t panel_floats, FloatVec *sum) const {
    AddProducts<Float32Lines, kVectors>(*this, panel, panel_floats, k, sum,
                                        std::make_index_sequence<kVectors>(),
                                        std::make_index_sequence<kRows * kVectors>());
  }
  const float *a[kRows];
};

// Pairs of bfloat16 widened to float32: the first of each, then the second.
template <int kRows>
struct Bfloat16Lines {
  explicit Bfloat16Lines(const PackedRows &x, const TileRows &rows, int64_t i) {
    for (int r = 0; r < kRows; ++r) a[r] = x.Bfloat16Row(rows.In(i + r));
  }
  struct First {
    const Bfloat16Lines &lines;
    HWY_INLINE FloatVec Weights(FloatVec pairs) const {
      const hn::RebindToUnsigned<Floats> du;
      return hn::BitCast(Floats(), hn::ShiftLeft<16>(hn::BitCast(du, pairs)));
    }
    HWY_INLINE void Add(size_t r, int64_t k, FloatVec b, FloatVec *sum) const {
      AddProduct(Set(FromBfloat16(lines.a[r][2 * k])), b, sum);
    }
  };
  struct Second {
    const Bfloat16Lines &lines;
    HWY_INLINE FloatVec Weights(FloatVec pairs) const {
      const hn::RebindToUnsigned<Floats> du;
      return hn::BitCast(Floats(), hn::And(hn::BitCast(du, pairs), hn::Set(du, 0xffff0000u)));
    }
    HWY_INLINE void Add(size_t r, int64_t k, FloatVec b, FloatVec *sum) const {
      AddProduct(Set(FromBfloat16(lines.a[r][2 * k + 1])), b, sum);
    }
  };
  template <int kVectors>
  HWY_INLINE void Step(int64_t k, const float *panel, int64_t panel_floats, FloatVec *sum) const {
    const std::make_index_sequence<kVectors> vectors;
    const std::make_index_sequence<kRows * kVectors> sums;
    AddProducts<First, kVectors>(First{*this}, panel, panel_floats, k, sum, vectors, sums);
    AddProducts<Second, kVectors>(Second{*this}, panel, panel_floats, k, sum, vectors, sums);
  }
  const uint16_t *a[kRows];
};

#if HWY_TARGET == HWY_AVX3
// Pairs by AVX512_BF16. Written out, since a function of this target may not call the intrinsic.
template <int kRows>
struct Bfloat16PairLines {
  explicit Bfloat16PairLines(const PackedRows &x, const TileRows &rows, int64_t i) {
    for (int r = 0; r < kRows; ++r) a[r] = x.Bfloat16Row(rows.In(i + r));
  }
  HWY_INLINE FloatVec Weights(FloatVec pairs) const { return pairs; }
  HWY_INLINE void Add(size_t r, int64_t k, FloatVec b, FloatVec *sum) const {
    float pair;  // the first in the low half of its bits
    std::memcpy(&pair, a[r] + 2 * k, sizeof(pair));
    const FloatVec s = Set(pair);
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum->raw) : "v"(s.raw), "v"(b.raw));
  }
  template <int kVectors>
  HWY_INLINE void Step(int64_t k, const float *panel, int64_t panel_floats, FloatVec *sum) const {
    AddProducts<Bfloat16PairLines, kVectors>(*this, panel, panel_floats, k, sum,
                                             std::make_index_sequence<kVectors>(),
                                             std::make_index_sequence<kRows * kVectors>());
  }
  const uint16_t *a[kRows];
};
#endif

// Sums of a tile [count, vectors * lanes] through the epilogue into y.
HWY_NOINLINE void FinishTile(const TileRows &rows, int64_t i, int64_t count, const float *sums,
                             int64_t vectors, int64_t col, int64_t cols) {
  const int64_t lanes = Width();
  for (int64_t r = 0; r < count; ++r) {
    const FloatVec factor = Set(rows.Factor(i + r));
    float *y = rows.Out(i + r);
    for (int64_t v = 0; v < vectors; ++v, sums += lanes) {
      const int64_t at = col + v * lanes;
      if (at < cols) FinishVector(LoadU(sums), rows.epilogue, factor, at, cols - at, y);
    }
  }
}

template <size_t... kI>
HWY_INLINE void SetZero(FloatVec *sum, std::index_sequence<kI...>) {
  ((sum[kI] = Zero()), ...);
}
template <size_t... kI>
HWY_INLINE void StoreAll(const FloatVec *sum, float *to, std::index_sequence<kI...>) {
  (StoreU(sum[kI], to + static_cast<int64_t>(kI) * Width()), ...);
}

// Rows [i, i + kRows) times kPanels panels of `depth` lines that lie `panel_floats` apart.
template <template <int> class Lines, int kRows, int kPanels>
HWY_INLINE void FloatTile(const PackedRows &x, const TileRows &rows, int64_t i, const float *panel,
                          int64_t panel_floats, int64_t depth, int64_t col, int64_t cols,
                          Ahead ahead) {
  constexpr int kVectors = kPanels * kPanelVectors;
  const std::make_index_sequence<kRows * kVectors> all;
  const Lines<kRows> lines(x, rows, i);
  FloatVec sum[kRows * kVectors];
  SetZero(sum, all);
  int64_t k = 0;
  for (; k + 4 <= depth; k += 4) {
    for (int64_t j = 0; j < ahead.step; ++j, ahead.from += kLineFloats)
      __builtin_prefetch(ahead.from, 0, 2);
    lines.template Step<kVectors>(k, panel, panel_floats, sum);
    lines.template Step<kVectors>(k + 1, panel, panel_floats, sum);
    lines.template Step<kVectors>(k + 2, panel, panel_floats, sum);
    lines.template Step<kVectors>(k + 3, panel, panel_floats, sum);
  }
  for (; k < depth; ++k) lines.template Step<kVectors>(k, panel, panel_floats, sum);
  HWY_ALIGN float sums[kRows * kPanels * PackedMatrix::kPanel];
  StoreAll(sum, sums, all);
  FinishTile(rows, i, kRows, sums, kVectors, col, cols);
}

template <template <int> class Lines, int kPanels, int kMost>
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

template <template <int> class Lines>
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
