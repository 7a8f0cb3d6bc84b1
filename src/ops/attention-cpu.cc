#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/attention-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/packed/tile-gemm-inl.h"
#include "ops/simd-math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {

// row[j] = exp(score - largest score) for j in [begin, end), 0 outside, of the scores
// scale * (row[j] + bias[j]). Returns their sum, or 1 where there are none: row / sum is the
// softmax. width is a multiple of the vector length, and row and bias are readable up to it.
HWY_INLINE float ExpRow(float *HWY_RESTRICT row, const float *HWY_RESTRICT bias, float scale,
                        int64_t begin, int64_t end, int64_t width) {
  const Floats d;
  const int64_t lanes = Width();
  if (begin >= end) {
    std::fill(row, row + width, 0.f);
    return 1;
  }
  constexpr float kMinusInf = -std::numeric_limits<float>::infinity();
  std::fill(row, row + begin, kMinusInf);
  std::fill(row + end, row + width, kMinusInf);
  FloatVec largest = Set(kMinusInf);
  const FloatVec factor = Set(scale);
  for (int64_t j = 0; j < width; j += lanes) {
    const FloatVec x = hn::Mul(factor, hn::Add(LoadU(row + j), LoadU(bias + j)));
    StoreU(x, row + j);
    largest = hn::Max(largest, x);
  }
  largest = hn::MaxOfLanes(d, largest);
  FloatVec sum = Zero();
  for (int64_t j = 0; j < width; j += lanes) {
    const FloatVec e = Exp(hn::Sub(LoadU(row + j), largest));
    StoreU(e, row + j);
    sum = hn::Add(sum, e);
  }
  return Sum(sum);
}

HWY_INLINE void ScaleRow(float factor, const float *x, int64_t n, float *y) {
  MapRow(
      n, y, [factor](FloatVec v) HWY_ATTR { return hn::Mul(v, Set(factor)); }, x);
}

// Query rows taken together: their scores should stay in L2 and every key fetched should serve many
// rows. With a chunk mask, whole chunks, few enough that little of what is computed is masked.
constexpr int64_t kMaxBlock = 64;
int64_t RowsPerBlock(const AttentionMask &mask, int64_t num_keys) {
  constexpr int64_t kMinRows = 16, kFloats = 65536;
  if (mask.kind == AttentionMask::Kind::kChunk && mask.chunk <= kMaxBlock) {
    return (kMinRows + mask.chunk - 1) / mask.chunk * mask.chunk;
  }
  const int64_t rows = kFloats / std::max<int64_t>(num_keys, 1) / kTileRows * kTileRows;
  return std::min(kMaxBlock, std::max(kMinRows, rows));
}

// For few queries (a decoder's next token) packing the keys would cost more than the products.
void FewQueries(int num_heads, const AttentionMask &mask, ConstView q, ConstView k, ConstView v,
                ConstView key_bias, View y, Tensor *probs) {
  const int64_t tq = q.Rows(), tk = k.Rows(), dk = q.Cols() / num_heads,
                padded = RoundUp(tk, Width());
  const float scale = 1.f / std::sqrt(static_cast<float>(dk));
  Tensor scores(1, padded), bias = Tensor::Zeros(1, padded);
  for (int h = 0; h < num_heads; ++h) {
    const int64_t col = h * dk;
    if (!key_bias.Empty()) {
      for (int64_t j = 0; j < tk; ++j) bias.Data()[j] = key_bias(j, h);
    }
    for (int64_t i = 0; i < tq; ++i) {
      float *row = scores.Data(), *to = y.Row(i) + col;
      const int64_t begin = std::min(tk, mask.Begin(i)), end = std::max(begin, mask.End(i, tk));
      for (int64_t j = begin; j < end; ++j) row[j] = DotOfRows(q.Row(i) + col, k.Row(j) + col, dk);
      const float inverse = 1 / ExpRow(row, bias.Data(), scale, begin, end, padded);
      if (probs != nullptr) ScaleRow(inverse, row, tk, probs->Data() + (h * tq + i) * tk);
      for (int64_t c = 0; c < dk; c += PanelCols()) {
        TilePanel<false>(row + begin, Stride{0}, Stride{1}, 1,
                         v.Data() + begin * v.Stride() + col + c, Stride{v.Stride()}, end - begin,
                         Start(), to + c, Stride{0}, std::min(PanelCols(), dk - c));
      }
      ScaleRow(inverse, to, dk, to);
    }
  }
}

void AttentionForwardSimd(int num_heads, const AttentionMask &mask, ConstView q, ConstView k,
                          ConstView v, ConstView key_bias, View y, Tensor *probs) {
  if (q.Rows() <= kFewQueries) {
    FewQueries(num_heads, mask, q, k, v, key_bias, y, probs);
    return;
  }
  const int64_t tq = q.Rows(), tk = k.Rows(), dk = q.Cols() / num_heads;
  const int64_t width = PanelCols(), padded = RoundUp(tk, width);
  const float scale = 1.f / std::sqrt(static_cast<float>(dk));
  const int64_t block = std::min(tq, RowsPerBlock(mask, tk));
  int64_t widest = 0;
  for (int64_t i = 0; i < tq; i += block) {
    const int64_t begin = mask.Begin(i) / width * width;
    widest = std::max(widest, mask.End(std::min(i + block, tq) - 1, tk) - begin);
  }
  const int64_t stride = RoundUp(std::max<int64_t>(widest, 1), Width());
  Tensor packed_k(1, PackedSize(dk, tk)), packed_v(1, PackedSize(tk, dk)), scores(block, stride);
  Tensor bias = Tensor::Zeros(1, padded);
  for (int h = 0; h < num_heads; ++h) {
    const int64_t col = h * dk;
    PackPanelsTransposed(k.ColRange(col, dk), packed_k.Data());
    PackPanels(v.ColRange(col, dk), packed_v.Data());
    if (!key_bias.Empty()) {
      for (int64_t j = 0; j < tk; ++j) bias.Data()[j] = key_bias(j, h);
    }
    for (int64_t i0 = 0; i0 < tq; i0 += block) {
      const int64_t rows = std::min(block, tq - i0);
      // Begin and End grow with the row. Keys start at a panel, so that sums run in the same order
      // whatever rows share the block.
      const int64_t begin = std::min(tk, mask.Begin(i0)) / width * width;
      const int64_t end = std::max(begin, mask.End(i0 + rows - 1, tk));
      const int64_t cols = RoundUp(end - begin, Width());
      float inverse[kMaxBlock];
      if (cols > 0) {
        TileGemm(q.Row(i0) + col, q.Stride(), 1, rows, packed_k.Data() + begin * dk, dk * width, dk,
                 cols, false, scores.Data(), stride);
      }
      for (int64_t i = 0; i < rows; ++i) {
        float *row = scores.Data() + i * stride;
        inverse[i] = 1 / ExpRow(row, bias.Data() + begin, scale, mask.Begin(i0 + i) - begin,
                                mask.End(i0 + i, tk) - begin, cols);
        if (probs == nullptr || tk == 0) continue;
        float *to = probs->Data() + (h * tq + i0 + i) * tk;
        std::fill(to, to + begin, 0.f);
        ScaleRow(inverse[i], row, end - begin, to + begin);
        std::fill(to + end, to + tk, 0.f);
      }
      TileGemm(scores.Data(), stride, 1, rows, packed_v.Data() + begin * width, tk * width,
               end - begin, dk, false, y.Row(i0) + col, y.Stride());
      for (int64_t i = 0; i < rows; ++i)
        ScaleRow(inverse[i], y.Row(i0 + i) + col, dk, y.Row(i0 + i) + col);
    }
  }
}

// Columns [*begin, *end) outside which all rows of p are 0: what the mask left visible.
HWY_INLINE void NonZeroRange(const float *p, int64_t rows, int64_t cols, int64_t *begin,
                             int64_t *end) {
  *begin = cols;
  *end = 0;
  for (int64_t i = 0; i < rows; ++i, p += cols) {
    int64_t first = 0, last = cols;
    while (first < *begin && p[first] == 0) ++first;
    while (last > *end && p[last - 1] == 0) --last;
    *begin = std::min(*begin, first);
    *end = std::max(*end, last);
  }
}

// ds[j] = scale * p[j] * (ds[j] - sum p ds), with the gradient of the probabilities in ds.
HWY_INLINE void SoftmaxBackwardRow(const float *HWY_RESTRICT p, float scale, int64_t n,
                                   float *HWY_RESTRICT ds) {
  const Floats d;
  const int64_t lanes = Width();
  auto sum = Zero();
  for (int64_t j = 0; j < n; j += lanes) {
    sum = hn::MulAdd(LoadUpTo(p + j, n - j), LoadUpTo(ds + j, n - j), sum);
  }
  sum = hn::SumOfLanes(d, sum);
  const auto factor = Set(scale);
  for (int64_t j = 0; j < n; j += lanes) {
    const auto g = hn::Mul(LoadUpTo(p + j, n - j), hn::Sub(LoadUpTo(ds + j, n - j), sum));
    StoreUpTo(hn::Mul(g, factor), ds + j, n - j);
  }
}

void AttentionBackwardSimd(int num_heads, ConstView q, ConstView k, ConstView v,
                           const Tensor &probs, ConstView dy, View dq, View dk, View dv,
                           View dkey_bias) {
  constexpr int64_t kBlock = 64;
  const int64_t tq = q.Rows(), tk = k.Rows(), dim = q.Cols() / num_heads, width = PanelCols();
  const float scale = 1.f / std::sqrt(static_cast<float>(dim));
  const int64_t stride = RoundUp(std::max<int64_t>(tk, 1), width);
  for (int64_t j = 0; j < tk; ++j) {
    std::fill(dk.Row(j), dk.Row(j) + dk.Cols(), 0.f);
    std::fill(dv.Row(j), dv.Row(j) + dv.Cols(), 0.f);
  }
  Tensor value_t(1, PackedSize(dim, tk)), keys(1, PackedSize(tk, dim)), ds(kBlock, stride);
  Tensor queries(1, PackedSize(kBlock, dim)), dys(1, PackedSize(kBlock, dim)), bias(1, stride);
  for (int h = 0; h < num_heads; ++h) {
    const int64_t col = h * dim;
    PackPanelsTransposed(v.ColRange(col, dim), value_t.Data());
    PackPanels(k.ColRange(col, dim), keys.Data());
    bias.SetZero();
    for (int64_t i0 = 0; i0 < tq; i0 += kBlock) {
      const int64_t rows = std::min(kBlock, tq - i0);
      const float *p = tk > 0 ? probs.Data() + (h * tq + i0) * tk : nullptr;
      int64_t begin = 0, end = 0;
      NonZeroRange(p, rows, tk, &begin, &end);
      begin = begin / width * width;
      end = std::max(begin, end);
      const int64_t cols = end - begin;
      if (cols > 0) {
        TileGemm(dy.Row(i0) + col, dy.Stride(), 1, rows, value_t.Data() + begin * dim, dim * width,
                 dim, cols, false, ds.Data(), stride);
        for (int64_t i = 0; i < rows; ++i) {
          float *row = ds.Data() + i * stride;
          SoftmaxBackwardRow(p + i * tk + begin, scale, cols, row);
          float *HWY_RESTRICT sum = bias.Data() + begin;
          for (int64_t j = 0; j < cols; ++j) sum[j] += row[j];
        }
      }
      TileGemm(ds.Data(), stride, 1, rows, keys.Data() + begin * width, tk * width, cols, dim,
               false, dq.Row(i0) + col, dq.Stride());
      if (cols == 0) continue;
      PackPanels(q.RowRange(i0, rows).ColRange(col, dim), queries.Data());
      PackPanels(dy.RowRange(i0, rows).ColRange(col, dim), dys.Data());
      TileGemm(ds.Data(), 1, stride, cols, queries.Data(), rows * width, rows, dim, true,
               dk.Row(begin) + col, dk.Stride());
      TileGemm(p + begin, 1, tk, cols, dys.Data(), rows * width, rows, dim, true,
               dv.Row(begin) + col, dv.Stride());
    }
    if (!dkey_bias.Empty()) {
      for (int64_t j = 0; j < tk; ++j) dkey_bias(j, h) = bias.Data()[j];
    }
  }
}

void RelPositionKeysForwardSimd(int num_heads, ConstView k, ConstView p, ConstView u, ConstView vb,
                                View kp, View key_bias) {
  const int64_t dk = k.Cols() / num_heads;
  for (int64_t j = 0; j < k.Rows(); ++j) {
    for (int64_t h = 0; h < num_heads; ++h) {
      const int64_t col = h * dk;
      key_bias(j, h) = DotOfRows(k.Row(j) + col, u.Data() + col, dk) +
                       DotOfRows(p.Row(j) + col, vb.Data() + col, dk);
    }
    const float *a = k.Row(j), *b = p.Row(j);
    float *to = kp.Row(j);
    for (int64_t c = 0; c < k.Cols(); ++c) to[c] = a[c] + b[c];
  }
}

void RelPositionKeysBackwardSimd(int num_heads, ConstView k, ConstView p, ConstView u, ConstView vb,
                                 ConstView dkp, ConstView dkey_bias, View dk, View dp, View du,
                                 View dvb) {
  const int64_t dim = k.Cols() / num_heads;
  for (int64_t j = 0; j < k.Rows(); ++j) {
    for (int64_t h = 0; h < num_heads; ++h) {
      const float g = dkey_bias(j, h);
      const int64_t col = h * dim;
      const float *HWY_RESTRICT kj = k.Row(j) + col, *HWY_RESTRICT pj = p.Row(j) + col;
      const float *HWY_RESTRICT uh = u.Data() + col, *HWY_RESTRICT vh = vb.Data() + col;
      const float *HWY_RESTRICT from = dkp.Row(j) + col;
      float *HWY_RESTRICT dkj = dk.Row(j) + col, *HWY_RESTRICT dpj = dp.Row(j) + col;
      float *HWY_RESTRICT duh = du.Data() + col, *HWY_RESTRICT dvh = dvb.Data() + col;
      for (int64_t c = 0; c < dim; ++c) {
        dkj[c] = from[c] + g * uh[c];
        dpj[c] += from[c] + g * vh[c];
        duh[c] += g * kj[c];
        dvh[c] += g * pj[c];
      }
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
HWY_EXPORT(AttentionForwardSimd);
HWY_EXPORT(AttentionBackwardSimd);
HWY_EXPORT(RelPositionKeysForwardSimd);
HWY_EXPORT(RelPositionKeysBackwardSimd);
}  // namespace

namespace cpu {

void AttentionForward(const Context &, int num_heads, const AttentionMask &mask,
                      Span<AttentionSequence> batch) {
  for (const AttentionSequence &s : batch) {
    if (s.y.Empty()) continue;
    HWY_DYNAMIC_DISPATCH(AttentionForwardSimd)
    (num_heads, mask, s.q, s.k, s.v, s.key_bias, s.y, s.probs);
  }
}

void AttentionBackward(const Context &, int num_heads, Span<AttentionGradient> batch) {
  for (const AttentionGradient &s : batch) {
    HWY_DYNAMIC_DISPATCH(AttentionBackwardSimd)
    (num_heads, s.q, s.k, s.v, *s.probs, s.dy, s.dq, s.dk, s.dv, s.dkey_bias);
  }
}

void RelPositionKeysForward(const Context &, int num_heads, ConstView u, ConstView vb,
                            Span<RelPositionKeys> batch) {
  for (const RelPositionKeys &s : batch) {
    HWY_DYNAMIC_DISPATCH(RelPositionKeysForwardSimd)
    (num_heads, s.k, s.p, u, vb, s.kp, s.key_bias);
  }
}

void RelPositionKeysBackward(const Context &, int num_heads, ConstView u, ConstView vb,
                             Span<RelPositionKeysGradient> batch, View du, View dvb) {
  for (const RelPositionKeysGradient &s : batch) {
    HWY_DYNAMIC_DISPATCH(RelPositionKeysBackwardSimd)
    (num_heads, s.k, s.p, u, vb, s.dkp, s.dkey_bias, s.dk, s.dp, du, dvb);
  }
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
