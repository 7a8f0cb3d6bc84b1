// Products with weights of int8 and int4, and the codes of activations. Sums of codes are exact
// int32 (up to 65536 inputs in a group), and what follows is the same few float operations
// everywhere, so no result depends on the instruction set.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/packed/packed-gemm.h"
#include "ops/packed/tile-unit.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/packed/packed-gemm-int-cpu.cc"
#include "ops/simd-targets.h"

#include "hwy/cache_control.h"
#include "ops/packed/packed-gemm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {

using Ints = hn::RebindToSigned<Floats>;
using IntVec = hn::Vec<Ints>;
constexpr int64_t kPanel = PackedMatrix::kPanel;

// Rows and panels of a tile: for many rows, and for few, whose time is that of the weights' way
// from memory.
#if HWY_TARGET == HWY_AVX3
constexpr int kMostRows = 14, kWidePanels = 2;  // 14 x 2 sums, 2 operands: of 32 registers
constexpr int kFewRows = 4, kFewPanels = 4;
#else
constexpr int kMostRows = 4, kWidePanels = 1;  // 4 x 2 sums; weights, ones, code, its magnitude
constexpr int kFewRows = 1, kFewPanels = 2;
#endif

// The products of kRows rows with kPanels panels over one group of inputs.
struct Group {
  // [steps][kRows]: four successive codes of a row as the bytes of one word.
  const int32_t *codes;
  int64_t blocks;               // of weights; a block of int4 takes two steps
  const uint8_t *const *panel;  // the group's first block in each panel
  const int32_t *start;         // [kRows] what corrects for codes stored without sign
  int64_t ahead;                // weights so many bytes ahead are fetched
};

// Calls finish(r, v, sums) for row r and vector v of the tile's outputs, in registers if possible.
#if HWY_TARGET == HWY_AVX3  // with VNNI, else the part for AVX2 runs

// sum[n] + w[n][0] a[0] + ... + w[n][3] a[3], w without sign, a with.
// As assembly since Highway's target has no VNNI and compilers differ in how to add it.
HWY_INLINE IntVec AddDots(IntVec sum, hn::Vec<hn::ScalableTag<uint8_t>> w, IntVec a) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(w.raw), "v"(a.raw));
  return sum;
}

template <int kRows, int kPanels, bool kNibbles, class Finish>
HWY_INLINE void SumGroup(const Group &group, const Finish &finish) {
  const hn::ScalableTag<uint8_t> bytes;
  IntVec sum[kRows][kPanels];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kPanels; ++v) sum[r][v] = hn::Set(Ints(), group.start[r]);
  }
  const uint8_t *panel[kPanels];
  for (int v = 0; v < kPanels; ++v) panel[v] = group.panel[v];
  const auto step = [&](const int32_t *codes, int64_t at) HWY_ATTR {
    hn::Vec<decltype(bytes)> w[kPanels];
#pragma GCC unroll 16
    for (int v = 0; v < kPanels; ++v) {
      w[v] = hn::LoadU(bytes, panel[v] + at);
      __builtin_prefetch(panel[v] + at + group.ahead, 0, 2);
    }
    if constexpr (kNibbles) {
      const hn::Repartition<uint16_t, decltype(bytes)> words;
      const auto low = hn::Set(bytes, 15);
      hn::Vec<decltype(bytes)> high[kPanels];
#pragma GCC unroll 16
      for (int v = 0; v < kPanels; ++v) {
        high[v] = hn::And(hn::BitCast(bytes, hn::ShiftRight<4>(hn::BitCast(words, w[v]))), low);
        w[v] = hn::And(w[v], low);
      }
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const IntVec a = hn::Set(Ints(), codes[r]);
#pragma GCC unroll 16
        for (int v = 0; v < kPanels; ++v) sum[r][v] = AddDots(sum[r][v], w[v], a);
      }
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const IntVec a = hn::Set(Ints(), codes[kRows + r]);
#pragma GCC unroll 16
        for (int v = 0; v < kPanels; ++v) sum[r][v] = AddDots(sum[r][v], high[v], a);
      }
    } else {
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const IntVec a = hn::Set(Ints(), codes[r]);
#pragma GCC unroll 16
        for (int v = 0; v < kPanels; ++v) sum[r][v] = AddDots(sum[r][v], w[v], a);
      }
    }
  };
  constexpr int64_t kWords = kNibbles ? 2 * kRows : kRows;
  const int32_t *codes = group.codes;
  int64_t at = 0;
  const int64_t end = group.blocks * 64;
  for (; at + 128 <= end; at += 128, codes += 2 * kWords) {
    step(codes, at);
    step(codes + kWords, at + 64);
  }
  if (at < end) step(codes, at);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kPanels; ++v) finish(r, v, sum[r][v]);
  }
}

#elif HWY_TARGET == HWY_AVX2

template <int kRows, int kPanels, bool kNibbles, class Finish>
HWY_INLINE void SumGroup(const Group &group, const Finish &finish) {
  constexpr int kVectors = 2 * kPanels;
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      // Codes of int8 are used with their sign, which leaves nothing to correct.
      sum[r][v] = kNibbles ? _mm256_set1_epi32(group.start[r]) : _mm256_setzero_si256();
    }
  }
  const int32_t *codes = group.codes;
  for (int64_t at = 0; at < group.blocks * 64; at += 64) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      const __m256i w = _mm256_loadu_si256(
          reinterpret_cast<const __m256i *>(group.panel[v / 2] + at + v % 2 * 32));
      if (v % 2 == 0) __builtin_prefetch(group.panel[v / 2] + at + group.ahead, 0, 2);
      if constexpr (kNibbles) {
        const __m256i low = _mm256_and_si256(w, _mm256_set1_epi8(15)),
                      high = _mm256_and_si256(_mm256_srli_epi16(w, 4), _mm256_set1_epi8(15));
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          // Pairs of 15 * 128 and the sum of two of them fit 16 bits.
          const __m256i pairs =
              _mm256_add_epi16(_mm256_maddubs_epi16(low, _mm256_set1_epi32(codes[r])),
                               _mm256_maddubs_epi16(high, _mm256_set1_epi32(codes[kRows + r])));
          sum[r][v] = _mm256_add_epi32(sum[r][v], _mm256_madd_epi16(pairs, ones));
        }
      } else {
        // |a| * (sign of a) w: unlike 255 * 127, pairs of 128 * 127 fit 16 bits.
        const __m256i code = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          const __m256i a = _mm256_set1_epi32(codes[r]);
          const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(code, a));
          sum[r][v] = _mm256_add_epi32(sum[r][v], _mm256_madd_epi16(pairs, ones));
        }
      }
    }
    codes += kNibbles ? 2 * kRows : kRows;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) finish(r, v, IntVec{sum[r][v]});
  }
}

#else

template <int kRows, int kPanels, bool kNibbles, class Finish>
HWY_INLINE void SumGroup(const Group &group, const Finish &finish) {
  for (int r = 0; r < kRows; ++r) {
    for (int p = 0; p < kPanels; ++p) {
      int32_t sum[kPanel];
      std::fill_n(sum, kPanel, group.start[r]);
      const int32_t *codes = group.codes + r;
      for (int64_t b = 0; b < group.blocks; ++b) {
        const uint8_t *w = group.panel[p] + b * 64;
        for (int half = 0; half <= (kNibbles ? 1 : 0); ++half, codes += kRows) {
          int8_t a[4];
          std::memcpy(a, codes, sizeof(a));
          for (int64_t n = 0; n < kPanel; ++n) {
            for (int64_t i = 0; i < 4; ++i) {
              const int32_t code = w[4 * n + i];
              sum[n] += a[i] * (kNibbles ? code >> (4 * half) & 15 : code);
            }
          }
        }
      }
      const int64_t lanes = Width();
      for (int64_t n = 0; n < kPanel; n += lanes)
        finish(r, static_cast<int>((p * kPanel + n) / lanes), hn::LoadU(Ints(), sum + n));
    }
  }
}

#endif

// total [+]= the sums of a group times its scales.
HWY_INLINE void AddGroup(IntVec sum, const float *scales, bool first, float *total) {
  const FloatVec value = hn::ConvertTo(Floats(), sum), scale = LoadU(scales);
  StoreU(first ? hn::Mul(value, scale) : hn::MulAdd(value, scale, LoadU(total)), total);
}

// The totals of row i of the call for the panels [p, p + kPanels), through zero point, scale and
// epilogue into memory; scales as PackedMatrix::PanelScales has them.
template <int kPanels>
HWY_INLINE void FinishRow(const PackedRows &x, const TileRows &rows, int64_t i, const float *totals,
                          const PackedMatrix &w, int64_t p, const float *const *scales) {
  const int64_t col = p * kPanel, cols = w.Rows(), lanes = Width();
  const float *scale = x.Scale(rows.In(i));
  const FloatVec factor = Set(rows.Factor(i));
  float *y = rows.Out(i);
  for (int64_t at = 0; at < kPanels * kPanel && col + at < cols; at += lanes) {
    const FloatVec correction = LoadU(scales[at / kPanel] - kPanel + at % kPanel);
    FloatVec value = hn::NegMulAdd(Set(scale[1]), correction, LoadU(totals + at));
    value = hn::Mul(value, Set(scale[0]));
    FinishVector(value, rows.epilogue, factor, col + at, cols - col - at, y);
  }
}

// Of a panel and those after it; panels beyond the last repeat it and are not stored.
template <int kPanels>
struct Panels {
  const uint8_t *codes[kPanels];
  const float *scales[kPanels];

  Panels(const PackedMatrix &w, int64_t p) {
    for (int v = 0; v < kPanels; ++v) {
      const int64_t q = std::min(p + v, w.NumPanels() - 1);
      codes[v] = w.Panel(q);
      scales[v] = w.PanelScales(q);
    }
  }
};

// Minus what codes stored without sign add to the sums of a row over group g.
HWY_INLINE int32_t SumStart(const int8_t *row, int64_t cols, const PackedMatrix &w, int64_t g) {
  const int32_t offset = w.Format() == WeightFormat::kInt8 ? 128 : 8;
  const int64_t first = g * w.GroupSize(), last = std::min(cols, first + w.GroupSize());
  int32_t sum = 0;
  for (int64_t k = first; k < last; ++k) sum += row[k];
  return -offset * sum;
}

// The rows of a call in tiles, as the kernels read them.
struct Tiles {
  const int32_t *codes;   // tile after tile [steps][rows]
  const int32_t *starts;  // tile after tile [groups][rows]
  int64_t steps;
};

template <int kRows, int kPanels, bool kNibbles>
HWY_INLINE void CodeTile(const PackedRows &x, const TileRows &rows, const Tiles &tiles, int64_t i,
                         int64_t tile_begin, const PackedMatrix &w, int64_t p, int64_t ahead) {
  const int64_t lanes = Width(), groups = w.NumGroups();
  constexpr int64_t kInputs = kNibbles ? 8 : 4;  // of a block
  const int64_t all_blocks = w.PanelBytes() / 64;
  const int64_t group_blocks = groups > 1 ? w.GroupSize() / kInputs : all_blocks;
  Panels<kPanels> panels(w, p);
  HWY_ALIGN float totals[kRows][kPanels * kPanel];
  const int32_t *codes = tiles.codes + i * tiles.steps, *starts = tiles.starts + i * groups;
  for (int64_t g = 0; g < groups; ++g) {
    Group group;
    group.codes = codes + g * group_blocks * (kInputs / 4) * kRows;
    group.blocks = std::min(group_blocks, all_blocks - g * group_blocks);
    group.panel = panels.codes;
    group.start = starts + g * kRows;
    group.ahead = ahead;
    SumGroup<kRows, kPanels, kNibbles>(group, [&](int r, int v, IntVec sum) HWY_ATTR {
      const int64_t at = v * lanes;
      AddGroup(sum, panels.scales[at / kPanel] + g * kPanel + at % kPanel, g == 0, totals[r] + at);
    });
    for (int v = 0; v < kPanels; ++v) {
      panels.codes[v] += group.blocks * 64;
      if (ahead > 0) {
        const float *next = panels.scales[v] + (kPanels * (groups + 1) + g) * kPanel;
        __builtin_prefetch(next, 0, 2);
        if (g == 0) __builtin_prefetch(next - kPanel, 0, 2);
      }
    }
  }
  for (int r = 0; r < kRows; ++r)
    FinishRow<kPanels>(x, rows, tile_begin + i + r, totals[r], w, p, panels.scales);
}

// Rows [begin, begin + count) of the call; kMost is the same in both functions.
template <int kMost>
void FillTiles(const PackedRows &x, const TileRows &rows, int64_t begin, int64_t count,
               const PackedMatrix &w, int32_t *codes, int32_t *starts) {
  const int64_t steps = x.Stride() / 4, groups = w.NumGroups();
  ForRowTiles<kMost>(count, [&](auto tile_rows, int64_t i) HWY_ATTR {
    constexpr int kRows = decltype(tile_rows)::value;
    for (int r = 0; r < kRows; ++r) {
      const int8_t *row = x.CodeRow(rows.In(begin + i + r));
      int32_t *to = codes + i * steps + r;
      for (int64_t s = 0; s < steps; ++s) std::memcpy(to + s * kRows, row + 4 * s, 4);
      for (int64_t g = 0; g < groups; ++g)
        starts[i * groups + g * kRows + r] = SumStart(row, x.Cols(), w, g);
    }
  });
}

template <int kMost, int kPanels, bool kNibbles>
void CodeRows(const PackedRows &x, const TileRows &rows, int64_t begin, int64_t count,
              const PackedMatrix &w, int32_t *codes, int32_t *starts) {
  FillTiles<kMost>(x, rows, begin, count, w, codes, starts);
  const Tiles tiles{codes, starts, x.Stride() / 4};
  // While the first tile uses these panels, the next ones come from memory into the second-level
  // cache: they do not fit the first one. One panel after another and few rows is what processors
  // foresee better by themselves.
  const int64_t ahead = kPanels == 1 && count <= 2 * kMost ? 0 : kPanels * w.PanelBytes();
  for (int64_t p = 0; p < w.NumPanels(); p += kPanels) {
    ForRowTiles<kMost>(count, [&](auto r, int64_t i) HWY_ATTR {
      CodeTile<decltype(r)::value, kPanels, kNibbles>(x, rows, tiles, i, begin, w, p,
                                                      i == 0 ? ahead : 0);
    });
  }
}

// Two panels as a tile unit reads them: one code a byte, a whole number of steps.
template <bool kNibbles>
void FillPanels(const PackedMatrix &w, int64_t steps, uint8_t *bytes, Panels<2> *panels) {
  const int64_t blocks = w.PanelBytes() / 64, panel_bytes = steps * CodeTiles::kInputs * kPanel;
  for (int v = 0; v < 2; ++v) {
    uint8_t *to = bytes + v * panel_bytes;
    const uint8_t *from = panels->codes[v];
    if constexpr (kNibbles) {
      for (int64_t b = 0; b < blocks; ++b) {
        for (int64_t i = 0; i < 64; ++i) {
          to[128 * b + i] = from[64 * b + i] & 15;
          to[128 * b + 64 + i] = from[64 * b + i] >> 4;
        }
      }
    } else {
      std::memcpy(to, from, static_cast<size_t>(64 * blocks));
    }
    const int64_t filled = blocks * (kNibbles ? 128 : 64);
    std::fill(to + filled, to + panel_bytes, uint8_t{0});
    panels->codes[v] = to;
  }
}

// Rows [begin, begin + count) of the call by a tile unit, in memory for `most` of them: how much is
// taken must not depend on the data, as the number of rows may.
template <bool kNibbles>
void UnitRows(const TileUnit &unit, const PackedRows &x, const TileRows &rows, int64_t begin,
              int64_t count, int64_t most, const PackedMatrix &w) {
  constexpr int64_t kBlock = 2 * CodeTiles::kRows, kOutputs = 2 * kPanel;
  const int64_t groups = w.NumGroups(), lanes = Width();
  const int64_t steps = (w.Cols() + CodeTiles::kInputs - 1) / CodeTiles::kInputs;
  const int64_t stride = steps * CodeTiles::kInputs;
  const int64_t blocks = (count + kBlock - 1) / kBlock;
  const bool fill = kNibbles || w.Cols() % CodeTiles::kInputs != 0;
  // Rows of codes and two panels of them, as floats that hold four.
  const Tensor scratch(most + (fill ? kOutputs : 0), stride / 4), starts(most, groups);
  auto *codes = reinterpret_cast<int8_t *>(const_cast<float *>(scratch.Data()));
  auto *filled = reinterpret_cast<uint8_t *>(codes + most * stride);
  auto *start = reinterpret_cast<int32_t *>(const_cast<float *>(starts.Data()));
  for (int64_t r = 0; r < blocks * kBlock; ++r) {
    int8_t *to = codes + r * stride;
    const int64_t given = r < count ? x.Cols() : 0;
    if (r < count) {
      const int8_t *row = x.CodeRow(rows.In(begin + r));
      std::copy_n(row, given, to);
      for (int64_t g = 0; g < groups; ++g) start[r * groups + g] = SumStart(row, given, w, g);
    }
    std::fill(to + given, to + stride, int8_t{0});
  }
  HWY_ALIGN int32_t sums[kBlock][kOutputs];
  HWY_ALIGN float totals[kBlock][kOutputs];
  for (int64_t p = 0; p < w.NumPanels(); p += 2) {
    Panels<2> panels(w, p);
    if (fill) FillPanels<kNibbles>(w, steps, filled, &panels);
    for (int64_t r = 0; r < count; r += kBlock) {
      const int64_t block_rows = std::min(kBlock, count - r);
      for (int64_t g = 0; g < groups; ++g) {
        const int64_t first = g * w.GroupSize(), last = std::min(w.Cols(), first + w.GroupSize());
        CodeTiles in;
        in.codes = codes + r * stride + first;
        in.stride = stride;
        in.row_tiles = block_rows > CodeTiles::kRows ? 2 : 1;
        for (int v = 0; v < 2; ++v) in.panel[v] = panels.codes[v] + first * kPanel;
        in.steps = (last - first + CodeTiles::kInputs - 1) / CodeTiles::kInputs;
        unit.Sum(in, sums[0]);
        for (int64_t i = 0; i < block_rows; ++i) {
          const IntVec begin_sum = hn::Set(Ints(), start[(r + i) * groups + g]);
          for (int64_t at = 0; at < kOutputs; at += lanes) {
            AddGroup(hn::Add(hn::LoadU(Ints(), sums[i] + at), begin_sum),
                     panels.scales[at / kPanel] + g * kPanel + at % kPanel, g == 0, totals[i] + at);
          }
        }
      }
      for (int64_t i = 0; i < block_rows; ++i)
        FinishRow<2>(x, rows, begin + r + i, totals[i], w, p, panels.scales);
    }
  }
}

// Whether a tile unit is asked: groups must end with steps, and with few rows the time is that of
// the weights' way from memory, which vectors with their orders to fetch ahead go as fast.
bool SuitsUnit(const GemmRows &rows, const PackedMatrix &w) {
  return rows.count > 8 && (w.NumGroups() == 1 || w.GroupSize() % CodeTiles::kInputs == 0);
}

template <bool kNibbles>
void PackedGemmFormat(const TileUnit *unit, const PackedRows &x, const GemmRows &gemm_rows,
                      const PackedMatrix &w, const Epilogue &epilogue, View y) {
  const TileRows rows{gemm_rows, epilogue, y};
  // Rows whose codes stay in the second-level cache beside a few panels.
  constexpr int64_t kCacheBytes = 256 << 10;
  const int64_t steps = x.Stride() / 4;
  const bool by_unit = unit != nullptr && SuitsUnit(gemm_rows, w);
  const int64_t whole = by_unit ? 2 * CodeTiles::kRows : kMostRows;
  const int64_t most = std::max<int64_t>(1, kCacheBytes / (4 * steps) / whole) * whole;
  const int64_t block = std::min(gemm_rows.count, most);
  if (by_unit) {
    unit->Begin();
    for (int64_t begin = 0; begin < gemm_rows.count; begin += block)
      UnitRows<kNibbles>(*unit, x, rows, begin, std::min(block, gemm_rows.count - begin), most, w);
    unit->End();
    return;
  }
  // As large for a few rows, whose number may depend on the data, as for many; they touch less.
  const Tensor scratch(most, steps + w.NumGroups());
  auto *codes = reinterpret_cast<int32_t *>(const_cast<float *>(scratch.Data()));
  int32_t *starts = codes + block * steps;
  for (int64_t begin = 0; begin < gemm_rows.count; begin += block) {
    const int64_t count = std::min(block, gemm_rows.count - begin);
    if (gemm_rows.count <= kFewRows) {
      CodeRows<kFewRows, kFewPanels, kNibbles>(x, rows, begin, count, w, codes, starts);
    } else {
      CodeRows<kMostRows, kWidePanels, kNibbles>(x, rows, begin, count, w, codes, starts);
    }
  }
}

void PackedGemmCodesSimd(const TileUnit *unit, const PackedRows &x, const GemmRows &rows,
                         const PackedMatrix &w, const Epilogue &epilogue, View y) {
  if (w.Format() == WeightFormat::kInt8) {
    PackedGemmFormat<false>(unit, x, rows, w, epilogue, y);
  } else {
    PackedGemmFormat<true>(unit, x, rows, w, epilogue, y);
  }
}

void QuantizeRowsSimd(ConstView x, int8_t *codes, int64_t stride, View scales) {
  const hn::Rebind<int8_t, Floats> bytes;
  const int64_t lanes = Width(), cols = x.Cols();
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const float *row = x.Row(i);
    // Times zero, what is not finite becomes NaN.
    FloatVec lows = Zero(), highs = Zero(), finite = Zero();
    const auto take = [&](FloatVec v) HWY_ATTR {
      lows = hn::Min(lows, v);
      highs = hn::Max(highs, v);
      finite = hn::MulAdd(v, Zero(), finite);
    };
    int64_t k = 0;
    for (; k + lanes <= cols; k += lanes) take(LoadU(row + k));
    if (k < cols) take(LoadN(row + k, cols - k));
    if (!(Sum(finite) == 0))
      throw DataError("activations hold NaN or infinity; check features and model");
    const float low = hn::GetLane(hn::MinOfLanes(Floats(), lows)), high = Max(highs);
    const float scale = high / 255 - low / 255, inverse = scale > 1e-30f ? 1 / scale : 0;
    const float zero = std::nearbyint(-128 - low * inverse);
    int8_t *to = codes + i * stride;
    const auto code = [&](FloatVec v) HWY_ATTR {
      const auto rounded = hn::NearestInt(hn::Mul(v, Set(inverse)));
      return hn::DemoteTo(bytes, hn::Add(rounded, hn::Set(Ints(), static_cast<int32_t>(zero))));
    };
    for (k = 0; k + lanes <= cols; k += lanes) hn::StoreU(code(LoadU(row + k)), bytes, to + k);
    if (k < cols) {
      HWY_ALIGN int8_t buffer[hn::MaxLanes(Floats())];
      hn::StoreU(code(LoadN(row + k, cols - k)), bytes, buffer);
      std::memcpy(to + k, buffer, static_cast<size_t>(cols - k));
    }
    std::fill(to + cols, to + stride, int8_t{0});
    scales(i, 0) = scale;
    scales(i, 1) = zero;
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace {
HWY_EXPORT(PackedGemmCodesSimd);
HWY_EXPORT(QuantizeRowsSimd);

// AVX-512 without VNNI (the first generation): the kernels of AVX2, whose results are the same. Not
// asked of Highway, whose answer costs microseconds in a virtual machine.
#if (HWY_TARGETS & HWY_AVX2) && (HWY_TARGETS & HWY_AVX3)
#define U2MOE_CODES_DISPATCH(fn)                                              \
  (__builtin_cpu_supports("avx512f") && !__builtin_cpu_supports("avx512vnni") \
       ? N_AVX2::fn                                                           \
       : HWY_DYNAMIC_DISPATCH(fn))
#else
#define U2MOE_CODES_DISPATCH(fn) HWY_DYNAMIC_DISPATCH(fn)
#endif
}  // namespace

namespace cpu {

void PackedGemmCodes(const Context &, const PackedRows &x, const GemmRows &rows,
                     const PackedMatrix &w, const Epilogue &epilogue, View y) {
  PackedGemmCodes(UsedTileUnit(), x, rows, w, epilogue, y);
}

void PackedGemmCodes(const TileUnit *unit, const PackedRows &x, const GemmRows &rows,
                     const PackedMatrix &w, const Epilogue &epilogue, View y) {
  U2MOE_CODES_DISPATCH(PackedGemmCodesSimd)(unit, x, rows, w, epilogue, y);
}

void QuantizeRows(const Context &, ConstView x, int8_t *codes, int64_t stride, View scales) {
  HWY_DYNAMIC_DISPATCH(QuantizeRowsSimd)(x, codes, stride, scales);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
