#include "ops/depthwise-conv.h"

#include <algorithm>

#include "tensor/tensor.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/depthwise-conv-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {

constexpr int64_t kRows = 8;  // outputs summed together: one load of a weight serves them all

// y[r] = sum_{j < taps} w[j] * x[r + j] (+ bias) for r < kRows, one vector of n channels. w_step
// may be negative: the same loop runs the taps backwards for the gradient of the input.
HWY_INLINE void EightRows(const float *x, int64_t x_row, const float *w, int64_t w_step,
                          int64_t taps, FloatVec bias, float *y, int64_t y_row, int64_t n) {
  const bool whole = n >= Width();
  FloatVec s0 = bias, s1 = bias, s2 = bias, s3 = bias, s4 = bias, s5 = bias, s6 = bias, s7 = bias;
  if (whole) {
    for (int64_t j = 0; j < taps; ++j, x += x_row, w += w_step) {
      const FloatVec wj = LoadU(w);
      s0 = hn::MulAdd(wj, LoadU(x), s0);
      s1 = hn::MulAdd(wj, LoadU(x + x_row), s1);
      s2 = hn::MulAdd(wj, LoadU(x + 2 * x_row), s2);
      s3 = hn::MulAdd(wj, LoadU(x + 3 * x_row), s3);
      s4 = hn::MulAdd(wj, LoadU(x + 4 * x_row), s4);
      s5 = hn::MulAdd(wj, LoadU(x + 5 * x_row), s5);
      s6 = hn::MulAdd(wj, LoadU(x + 6 * x_row), s6);
      s7 = hn::MulAdd(wj, LoadU(x + 7 * x_row), s7);
    }
    StoreU(s0, y);
    StoreU(s1, y + y_row);
    StoreU(s2, y + 2 * y_row);
    StoreU(s3, y + 3 * y_row);
    StoreU(s4, y + 4 * y_row);
    StoreU(s5, y + 5 * y_row);
    StoreU(s6, y + 6 * y_row);
    StoreU(s7, y + 7 * y_row);
    return;
  }
  for (int64_t j = 0; j < taps; ++j, x += x_row, w += w_step) {
    const FloatVec wj = LoadU(w);
    s0 = hn::MulAdd(wj, LoadN(x, n), s0);
    s1 = hn::MulAdd(wj, LoadN(x + x_row, n), s1);
    s2 = hn::MulAdd(wj, LoadN(x + 2 * x_row, n), s2);
    s3 = hn::MulAdd(wj, LoadN(x + 3 * x_row, n), s3);
    s4 = hn::MulAdd(wj, LoadN(x + 4 * x_row, n), s4);
    s5 = hn::MulAdd(wj, LoadN(x + 5 * x_row, n), s5);
    s6 = hn::MulAdd(wj, LoadN(x + 6 * x_row, n), s6);
    s7 = hn::MulAdd(wj, LoadN(x + 7 * x_row, n), s7);
  }
  StoreN(s0, y, n);
  StoreN(s1, y + y_row, n);
  StoreN(s2, y + 2 * y_row, n);
  StoreN(s3, y + 3 * y_row, n);
  StoreN(s4, y + 4 * y_row, n);
  StoreN(s5, y + 5 * y_row, n);
  StoreN(s6, y + 6 * y_row, n);
  StoreN(s7, y + 7 * y_row, n);
}

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

HWY_INLINE void OneRow(const float *x, int64_t x_row, const float *w, int64_t w_step, int64_t taps,
                       FloatVec bias, float *y, int64_t n) {
  FloatVec sum = bias;
  for (int64_t j = 0; j < taps; ++j, x += x_row, w += w_step) {
    sum = hn::MulAdd(LoadU(w), LoadUpTo(x, n), sum);
  }
  StoreUpTo(sum, y, n);
}

// y[t] = bias + sum_j w[j * w_step] * x[t + j] for all rows of y; bias may be null.
HWY_INLINE void Slide(const float *x, int64_t x_row, const float *w, int64_t w_step, int64_t taps,
                      const float *bias, View y) {
  const int64_t lanes = Width();
  int64_t t = 0;
  for (; t < y.Rows(); t += y.Rows() - t >= kRows ? kRows : 1) {
    const bool eight = y.Rows() - t >= kRows;
    for (int64_t c = 0; c < y.Cols(); c += lanes) {
      const int64_t n = y.Cols() - c;
      const FloatVec start = bias == nullptr ? Zero() : LoadUpTo(bias + c, n);
      if (eight) {
        EightRows(x + t * x_row + c, x_row, w + c, w_step, taps, start, y.Row(t) + c, y.Stride(),
                  n);
      } else {
        OneRow(x + t * x_row + c, x_row, w + c, w_step, taps, start, y.Row(t) + c, n);
      }
    }
  }
}

// [W, D] with rows padded to whole vectors: a tap is then a run of channels.
Tensor Taps(ConstView weight) {
  const int64_t dim = weight.Rows(), padded = (dim + Width() - 1) / Width() * Width();
  Tensor taps = Tensor::Zeros(weight.Cols(), padded);
  for (int64_t d = 0; d < dim; ++d) {
    const float *w = weight.Row(d);
    for (int64_t j = 0; j < weight.Cols(); ++j) taps.Data()[j * padded + d] = w[j];
  }
  return taps;
}

void DepthwiseConvForwardSimd(ConstView x, ConstView weight, ConstView bias, View y) {
  const Tensor taps = Taps(weight);
  Slide(x.Data(), x.Stride(), taps.Data(), taps.Cols(), taps.Rows(), bias.Data(), y);
}

// sums[j] += sum_t dy[t] * x[t + j] for j < 4, one vector of n channels.
HWY_INLINE void FourTaps(const float *x, int64_t x_row, const float *dy, int64_t dy_row,
                         int64_t rows, float *sums, int64_t sums_row, int64_t n) {
  FloatVec s0 = Zero(), s1 = s0, s2 = s0, s3 = s0;
  if (n >= Width()) {
    FloatVec x0 = LoadU(x), x1 = LoadU(x + x_row), x2 = LoadU(x + 2 * x_row);
    for (int64_t t = 0; t < rows; ++t, x += x_row, dy += dy_row) {
      const FloatVec g = LoadU(dy), x3 = LoadU(x + 3 * x_row);
      s0 = hn::MulAdd(g, x0, s0);
      s1 = hn::MulAdd(g, x1, s1);
      s2 = hn::MulAdd(g, x2, s2);
      s3 = hn::MulAdd(g, x3, s3);
      x0 = x1;
      x1 = x2;
      x2 = x3;
    }
  } else {
    for (int64_t t = 0; t < rows; ++t, x += x_row, dy += dy_row) {
      const FloatVec g = LoadN(dy, n);
      s0 = hn::MulAdd(g, LoadN(x, n), s0);
      s1 = hn::MulAdd(g, LoadN(x + x_row, n), s1);
      s2 = hn::MulAdd(g, LoadN(x + 2 * x_row, n), s2);
      s3 = hn::MulAdd(g, LoadN(x + 3 * x_row, n), s3);
    }
  }
  StoreU(hn::Add(LoadU(sums), s0), sums);
  StoreU(hn::Add(LoadU(sums + sums_row), s1), sums + sums_row);
  StoreU(hn::Add(LoadU(sums + 2 * sums_row), s2), sums + 2 * sums_row);
  StoreU(hn::Add(LoadU(sums + 3 * sums_row), s3), sums + 3 * sums_row);
}

HWY_INLINE void OneTap(const float *x, int64_t x_row, const float *dy, int64_t dy_row, int64_t rows,
                       float *sums, int64_t n) {
  FloatVec sum = LoadU(sums);
  for (int64_t t = 0; t < rows; ++t, x += x_row, dy += dy_row) {
    sum = hn::MulAdd(LoadUpTo(dy, n), LoadUpTo(x, n), sum);
  }
  StoreU(sum, sums);
}

void DepthwiseConvBackwardSimd(ConstView x, ConstView weight, ConstView dy, View dx, View dweight,
                               View dbias) {
  constexpr int64_t kBlock = 64;  // rows of x and dy that stay in the cache for all taps
  const int64_t lanes = Width(), taps_n = weight.Cols(), dim = dy.Cols(), rows = dy.Rows();
  if (dy.Empty()) {
    for (int64_t s = 0; s < dx.Rows(); ++s) std::fill(dx.Row(s), dx.Row(s) + dx.Cols(), 0.f);
    return;
  }
  const Tensor taps = Taps(weight);
  Tensor sums = Tensor::Zeros(taps_n, taps.Cols());
  for (int64_t t = 0; t < rows; t += kBlock) {
    const int64_t n_rows = std::min(kBlock, rows - t);
    AddColumnSums(dy.RowRange(t, n_rows), dbias.Data());
    for (int64_t c = 0; c < dim; c += lanes) {
      int64_t j = 0;
      for (; j + 4 <= taps_n; j += 4) {
        FourTaps(x.Row(t + j) + c, x.Stride(), dy.Row(t) + c, dy.Stride(), n_rows,
                 sums.Data() + j * sums.Cols() + c, sums.Cols(), dim - c);
      }
      for (; j < taps_n; ++j) {
        OneTap(x.Row(t + j) + c, x.Stride(), dy.Row(t) + c, dy.Stride(), n_rows,
               sums.Data() + j * sums.Cols() + c, dim - c);
      }
    }
  }
  for (int64_t d = 0; d < dim; ++d) {
    for (int64_t j = 0; j < taps_n; ++j) dweight(d, j) += sums.Data()[j * sums.Cols() + d];
  }
  // dx[s] = sum_j w[j] dy[s - j] over the j for which s - j is a row of dy. In the middle all taps
  // count; the rows at both ends have a range of their own.
  const int64_t middle_end = std::max(rows, taps_n - 1);
  for (int64_t s = 0; s < dx.Rows(); ++s) {
    if (s == taps_n - 1 && rows > taps_n - 1) {
      Slide(dy.Data(), dy.Stride(), taps.Data() + (taps_n - 1) * taps.Cols(), -taps.Cols(), taps_n,
            nullptr, dx.RowRange(s, rows - s));
      s = middle_end - 1;
      continue;
    }
    const int64_t first = std::max<int64_t>(0, s - taps_n + 1), last = std::min(rows - 1, s);
    for (int64_t c = 0; c < dim; c += lanes) {
      OneRow(dy.Row(first) + c, dy.Stride(), taps.Data() + (s - first) * taps.Cols() + c,
             -taps.Cols(), last - first + 1, Zero(), dx.Row(s) + c, dim - c);
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
HWY_EXPORT(DepthwiseConvForwardSimd);
HWY_EXPORT(DepthwiseConvBackwardSimd);
}  // namespace

namespace cpu {

void DepthwiseConvForward(const Context &, ConstView x, ConstView weight, ConstView bias, View y) {
  HWY_DYNAMIC_DISPATCH(DepthwiseConvForwardSimd)(x, weight, bias, y);
}

void DepthwiseConvBackward(const Context &, ConstView x, ConstView weight, ConstView dy, View dx,
                           View dweight, View dbias) {
  HWY_DYNAMIC_DISPATCH(DepthwiseConvBackwardSimd)(x, weight, dy, dx, dweight, dbias);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
