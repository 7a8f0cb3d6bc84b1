#include "ops/packed/conv2d-tiles.h"

#include <algorithm>
#include <vector>

#include "tensor/tensor.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/packed/conv2d-tiles-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {

// With M(z) = z (z - 1) (z + 1) (z - 2): tap polynomials u + v z at a point a, over M'(a); inputs
// times the coefficients of M(z) / (z - a); outputs i of the products times a^i. Infinity has v,
// M(z) and the last output.
constexpr double kTaps[kTilePoints][2] = {
    {1.0 / 2, 0}, {-1.0 / 2, -1.0 / 2}, {-1.0 / 6, 1.0 / 6}, {1.0 / 6, 2.0 / 6}, {0, 1}};

// A factor of the taps 0, 1 and 2 of one dimension.
double TapFactor(int64_t factor, int64_t tap) {
  if (factor == kTilePoints) return tap == 1 ? 1 : 0;
  return tap == 1 ? 0 : kTaps[factor][tap / 2];
}

HWY_INLINE void InPoints(const FloatVec *x, FloatVec *at) {
  const FloatVec two = Set(2), three = Set(3);
  const FloatVec d = hn::Sub(x[3], x[1]);
  at[0] = hn::MulAdd(two, hn::Sub(x[0], x[2]), d);
  at[1] = hn::Sub(d, hn::Add(x[1], x[2]));
  at[2] = hn::MulAdd(three, hn::Sub(x[1], x[2]), d);
  at[3] = d;
  at[4] = hn::NegMulAdd(two, d, hn::Sub(x[4], x[2]));
}

HWY_INLINE void OutPoints(const FloatVec *at, FloatVec *y) {
  const FloatVec sum = hn::Add(at[1], at[2]), d = hn::Sub(at[1], at[2]);
  y[0] = hn::Add(hn::Add(at[0], sum), at[3]);
  y[1] = hn::MulAdd(Set(2), at[3], d);
  y[2] = hn::MulAdd(Set(4), at[3], sum);
  y[3] = hn::Add(hn::MulAdd(Set(8), at[3], d), at[4]);
}

// Vectors of channels [c, c + lanes), of which there are n in the last one.
template <bool kWhole>
HWY_INLINE FloatVec Load(const float *p, int64_t n) {
  return kWhole ? LoadU(p) : LoadN(p, n);
}
template <bool kWhole>
HWY_INLINE void Store(FloatVec v, float *p, int64_t n) {
  kWhole ? StoreU(v, p) : StoreN(v, p, n);
}

void WeightsSimd(const PackedMatrix &w, float *out) {
  const int64_t size = w.Cols() / 9 * PackedMatrix::kPanel;  // of a tap's part of a panel
  const int64_t matrix = w.NumPanels() * size;
  for (int64_t p = 0; p < w.NumPanels(); ++p) {
    const float *panel = reinterpret_cast<const float *>(w.Panel(p));
    for (int64_t i = 0; i < kTileFactors * kTileFactors; ++i) {
      const float *taps[4];
      FloatVec factors[4] = {Zero(), Zero(), Zero(), Zero()};
      int64_t n = 0;
      for (int64_t tap = 0; tap < 9; ++tap) {
        const double factor =
            TapFactor(i / kTileFactors, tap / 3) * TapFactor(i % kTileFactors, tap % 3);
        if (factor == 0) continue;
        factors[n] = Set(static_cast<float>(factor));
        taps[n++] = panel + tap * size;
      }
      float *to = out + i * matrix + p * size;
      for (int64_t k = 0; k < size; k += Width()) {
        FloatVec sum = hn::Mul(factors[0], LoadU(taps[0] + k));
        for (int64_t j = 1; j < n; ++j) sum = hn::MulAdd(factors[j], LoadU(taps[j] + k), sum);
        StoreU(sum, to + k);
      }
    }
  }
}

// Row (t, f) of x, or zeros beyond its end.
struct Inputs {
  const Conv2dTileBlock &block;
  ConstView x;
  const float *zeros;
  const float *operator()(int64_t t, int64_t f) const {
    const int64_t freq = block.shape.in_freq;
    return t < block.in_time && f < freq ? x.Row(t * freq + f) : zeros;
  }
};

constexpr int64_t kTileInputs = 2 * kTileOutputs + 1;

// Even frames of one tile: [time point][input frequency] -> rows of even_even and even_odd.
struct EvenTile {
  const float *x[kTilePoints][kTileInputs];
  float *even_even[kTilePoints][kTilePoints];
  float *even_odd[kTilePoints][kTileOutputs];
  int64_t outputs;  // in frequency

  template <bool kWhole>
  HWY_INLINE void In(int64_t c, int64_t n) const {
    FloatVec even[kTilePoints][kTilePoints];  // of time, of inputs in frequency
    for (int64_t f = 0; f < kTileInputs; ++f) {
      FloatVec from[kTilePoints], at[kTilePoints];
      for (int64_t t = 0; t < kTilePoints; ++t) from[t] = Load<kWhole>(x[t][f] + c, n);
      InPoints(from, at);
      if (f % 2 == 0) {
        for (int64_t t = 0; t < kTilePoints; ++t) even[t][f / 2] = at[t];
      } else if (f / 2 < outputs) {
        for (int64_t t = 0; t < kTilePoints; ++t) Store<kWhole>(at[t], even_odd[t][f / 2] + c, n);
      }
    }
    for (int64_t t = 0; t < kTilePoints; ++t) {
      FloatVec at[kTilePoints];
      InPoints(even[t], at);
      for (int64_t f = 0; f < kTilePoints; ++f) Store<kWhole>(at[f], even_even[t][f] + c, n);
    }
  }
};

// An odd frame of one tile.
struct OddTile {
  const float *x[kTilePoints];
  float *odd_even[kTilePoints];

  template <bool kWhole>
  HWY_INLINE void In(int64_t c, int64_t n) const {
    FloatVec from[kTilePoints], at[kTilePoints];
    for (int64_t f = 0; f < kTilePoints; ++f) from[f] = Load<kWhole>(x[f] + c, n);
    InPoints(from, at);
    for (int64_t f = 0; f < kTilePoints; ++f) Store<kWhole>(at[f], odd_even[f] + c, n);
  }
};

template <class Tile>
HWY_INLINE void AllIn(const Tile &tile, int64_t channels) {
  int64_t c = 0;
  for (; c + Width() <= channels; c += Width()) tile.template In<true>(c, Width());
  if (c < channels) tile.template In<false>(c, channels - c);
}

void InSimd(const Conv2dTileBlock &block, ConstView x, View even_even, View even_odd,
            View odd_even) {
  const int64_t channels = block.shape.in_channels, out_freq = block.shape.OutFreq();
  const int64_t ee = block.EvenEvenRows(), eo = block.EvenOddRows(), oe = block.OddEvenRows();
  const Tensor zeros = Tensor::Zeros(1, channels);
  const Inputs inputs{block, x, zeros.Data()};
  for (int64_t tile = 0; tile < ee; ++tile) {
    const int64_t time = tile / block.FreqTiles(), freq = tile % block.FreqTiles();
    const int64_t f0 = freq * kTileOutputs;
    EvenTile even;
    even.outputs = std::min(kTileOutputs, out_freq - f0);
    for (int64_t p = 0; p < kTilePoints; ++p) {
      for (int64_t f = 0; f < kTileInputs; ++f) {
        even.x[p][f] = inputs(2 * (block.first + time * kTileOutputs + p), 2 * f0 + f);
      }
      for (int64_t q = 0; q < kTilePoints; ++q)
        even.even_even[p][q] = even_even.Row((p * kTilePoints + q) * ee + tile);
      for (int64_t f = 0; f < even.outputs; ++f)
        even.even_odd[p][f] = even_odd.Row(p * eo + time * out_freq + f0 + f);
    }
    AllIn(even, channels);
    const int64_t begin = time * kTileOutputs, end = std::min(block.frames, begin + kTileOutputs);
    for (int64_t t = begin; t < end; ++t) {
      OddTile odd;
      for (int64_t q = 0; q < kTilePoints; ++q) {
        odd.x[q] = inputs(2 * (block.first + t) + 1, 2 * (f0 + q));
        odd.odd_even[q] = odd_even.Row(q * oe + t * block.FreqTiles() + freq);
      }
      AllIn(odd, channels);
    }
  }
}

// The products of one tile.
struct OutTile {
  const float *even_even[kTilePoints][kTilePoints];
  const float *even_odd[kTilePoints][kTileOutputs];
  const float *odd_even[kTileOutputs][kTilePoints];
  float *y[kTileOutputs][kTileOutputs];
  int64_t times, freqs;

  template <bool kWhole>
  HWY_INLINE void Out(int64_t c, int64_t n) const {
    FloatVec even[kTileOutputs][kTilePoints];  // in frequency, of time
    for (int64_t p = 0; p < kTilePoints; ++p) {
      FloatVec at[kTilePoints], out[kTileOutputs];
      for (int64_t q = 0; q < kTilePoints; ++q) at[q] = Load<kWhole>(even_even[p][q] + c, n);
      OutPoints(at, out);
      for (int64_t f = 0; f < kTileOutputs; ++f) {
        if (f < freqs) out[f] = hn::Add(out[f], Load<kWhole>(even_odd[p][f] + c, n));
        even[f][p] = out[f];
      }
    }
    FloatVec sum[kTileOutputs][kTileOutputs];  // in frequency, in time
    for (int64_t f = 0; f < kTileOutputs; ++f) OutPoints(even[f], sum[f]);
    for (int64_t t = 0; t < kTileOutputs; ++t) {
      if (t >= times) break;
      FloatVec at[kTilePoints], out[kTileOutputs];
      for (int64_t q = 0; q < kTilePoints; ++q) at[q] = Load<kWhole>(odd_even[t][q] + c, n);
      OutPoints(at, out);
      for (int64_t f = 0; f < kTileOutputs; ++f) {
        if (f >= freqs) break;
        float *to = y[t][f] + c;
        const FloatVec v = hn::Add(Load<kWhole>(to, n), hn::Add(out[f], sum[f][t]));
        Store<kWhole>(hn::IfThenZeroElse(hn::Lt(v, Zero()), v), to, n);  // NaN stays NaN
      }
    }
  }
};

void OutSimd(const Conv2dTileBlock &block, ConstView even_even, ConstView even_odd,
             ConstView odd_even, View y) {
  const int64_t channels = block.shape.out_channels, out_freq = block.shape.OutFreq();
  const int64_t ee = block.EvenEvenRows(), eo = block.EvenOddRows(), oe = block.OddEvenRows();
  for (int64_t i = 0; i < ee; ++i) {
    const int64_t time = i / block.FreqTiles(), freq = i % block.FreqTiles();
    const int64_t t0 = time * kTileOutputs, f0 = freq * kTileOutputs;
    OutTile tile;
    tile.times = std::min(kTileOutputs, block.frames - t0);
    tile.freqs = std::min(kTileOutputs, out_freq - f0);
    for (int64_t p = 0; p < kTilePoints; ++p) {
      for (int64_t q = 0; q < kTilePoints; ++q)
        tile.even_even[p][q] = even_even.Row((p * kTilePoints + q) * ee + i);
      for (int64_t f = 0; f < tile.freqs; ++f)
        tile.even_odd[p][f] = even_odd.Row(p * eo + time * out_freq + f0 + f);
      for (int64_t t = 0; t < tile.times; ++t)
        tile.odd_even[t][p] = odd_even.Row(p * oe + (t0 + t) * block.FreqTiles() + freq);
    }
    for (int64_t t = 0; t < tile.times; ++t) {
      for (int64_t f = 0; f < tile.freqs; ++f) tile.y[t][f] = y.Row((t0 + t) * out_freq + f0 + f);
    }
    int64_t c = 0;
    for (; c + Width() <= channels; c += Width()) tile.Out<true>(c, Width());
    if (c < channels) tile.Out<false>(c, channels - c);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace {
HWY_EXPORT(WeightsSimd);
HWY_EXPORT(InSimd);
HWY_EXPORT(OutSimd);
}  // namespace

namespace cpu {

void Conv2dTileWeights(const Context &, const PackedMatrix &w, float *out) {
  HWY_DYNAMIC_DISPATCH(WeightsSimd)(w, out);
}

void Conv2dTilesIn(const Context &, const Conv2dTileBlock &block, ConstView x, View even_even,
                   View even_odd, View odd_even) {
  HWY_DYNAMIC_DISPATCH(InSimd)(block, x, even_even, even_odd, odd_even);
}

void Conv2dTilesOut(const Context &, const Conv2dTileBlock &block, ConstView even_even,
                    ConstView even_odd, ConstView odd_even, View y) {
  HWY_DYNAMIC_DISPATCH(OutSimd)(block, even_even, even_odd, odd_even, y);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
