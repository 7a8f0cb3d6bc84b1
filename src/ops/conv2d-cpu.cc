#include "ops/conv2d.h"

#include <algorithm>

#include "tensor/gemm.h"
#include "tensor/tensor.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/conv2d-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-inl.h"
#include "ops/tile-gemm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {

// With patches this small (the first layer: 9) the BLAS spends its time on packing, not on
// products.
constexpr int64_t kSmallPatch = 64;

// Rows of patches taken together: they should stay in L2, but a product of few rows would be spent
// on the weights, which the BLAS copies on each call.
int64_t RowsPerBlock(const Conv2dShape &shape, int64_t rows) {
  constexpr int64_t kFloats = 65536, kMinRows = 128;
  return std::min(rows, std::max(kMinRows, kFloats / shape.PatchSize()));
}

// patches[i] = the inputs of output row begin + i, in the order [kt][kf][cin].
HWY_INLINE void CopyPatches(const Conv2dShape &s, ConstView x, int64_t begin, View patches) {
  const int64_t out_freq = s.OutFreq(), run = s.kernel * s.in_channels;
  const bool dense = x.Contiguous();
  for (int64_t i = 0; i < patches.Rows(); ++i) {
    const int64_t t = (begin + i) / out_freq * s.stride, f = (begin + i) % out_freq * s.stride;
    float *HWY_RESTRICT to = patches.Row(i);
    for (int64_t kt = 0; kt < s.kernel; ++kt, to += run) {
      const int64_t row = (t + kt) * s.in_freq + f;
      if (dense) {
        const float *HWY_RESTRICT from = x.Row(row);
        for (int64_t j = 0; j < run; ++j) to[j] = from[j];
      } else {
        for (int64_t kf = 0; kf < s.kernel; ++kf) {
          std::copy(x.Row(row + kf), x.Row(row + kf) + s.in_channels, to + kf * s.in_channels);
        }
      }
    }
  }
}

// The transpose of CopyPatches: adds.
HWY_INLINE void AddPatches(const Conv2dShape &s, ConstView patches, int64_t begin, View dx) {
  const int64_t out_freq = s.OutFreq(), channels = s.in_channels;
  for (int64_t i = 0; i < patches.Rows(); ++i) {
    const int64_t t = (begin + i) / out_freq * s.stride, f = (begin + i) % out_freq * s.stride;
    const float *HWY_RESTRICT from = patches.Row(i);
    for (int64_t kt = 0; kt < s.kernel; ++kt) {
      for (int64_t kf = 0; kf < s.kernel; ++kf, from += channels) {
        float *HWY_RESTRICT to = dx.Row((t + kt) * s.in_freq + f + kf);
        for (int64_t c = 0; c < channels; ++c) to[c] += from[c];
      }
    }
  }
}

void Conv2dForwardSimd(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                       ConstView bias, View y) {
  const int64_t patch = shape.PatchSize(), channels = shape.out_channels;
  if (y.Empty()) return;
  const int64_t block = RowsPerBlock(shape, y.Rows());
  Tensor patches(block, patch), panels;
  if (patch <= kSmallPatch) {
    panels = Tensor(1, PackedSize(patch, channels));
    PackPanelsTransposed(packed, panels.Data());
  }
  for (int64_t i = 0; i < y.Rows(); i += block) {
    const int64_t rows = std::min(block, y.Rows() - i);
    const View to = y.RowRange(i, rows), from = patches.View().RowRange(0, rows);
    CopyPatches(shape, x, i, from);
    for (int64_t r = 0; r < rows; ++r) std::copy(bias.Data(), bias.Data() + channels, to.Row(r));
    if (patch <= kSmallPatch) {
      TileGemm(from.Data(), patch, 1, rows, panels.Data(), patch * PanelCols(), patch, channels,
               true, to.Data(), to.Stride());
    } else {
      Gemm(ctx, 1, from, Trans::kNo, packed, Trans::kYes, 1, to);
    }
  }
}

void Conv2dBackwardSimd(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                        ConstView dy, View dx, View dpacked, View dbias) {
  const int64_t patch = shape.PatchSize(), channels = shape.out_channels;
  for (int64_t r = 0; r < dx.Rows(); ++r) std::fill(dx.Row(r), dx.Row(r) + dx.Cols(), 0.f);
  if (dy.Empty()) return;
  const int64_t block = RowsPerBlock(shape, dy.Rows());
  Tensor patches(block, patch), panels, sums;
  if (patch <= kSmallPatch) {
    panels = Tensor(1, PackedSize(block, channels));
    sums = Tensor::Zeros(patch, channels);
  }
  for (int64_t i = 0; i < dy.Rows(); i += block) {
    const int64_t rows = std::min(block, dy.Rows() - i);
    const ConstView g = dy.RowRange(i, rows);
    const View p = patches.View().RowRange(0, rows);
    AddColumnSums(g, dbias.Data());
    CopyPatches(shape, x, i, p);
    if (patch <= kSmallPatch) {
      PackPanels(g, panels.Data());
      TileGemm(p.Data(), 1, patch, patch, panels.Data(), rows * PanelCols(), rows, channels, true,
               sums.Data(), channels);
    } else {
      Gemm(ctx, 1, g, Trans::kYes, p, Trans::kNo, 1, dpacked);
    }
    if (dx.Empty()) continue;
    Gemm(ctx, 1, g, Trans::kNo, packed, Trans::kNo, 0, p);
    AddPatches(shape, p, i, dx);
  }
  if (patch > kSmallPatch) return;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t j = 0; j < patch; ++j) dpacked(c, j) += sums.Data()[j * channels + c];
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace {
HWY_EXPORT(Conv2dForwardSimd);
HWY_EXPORT(Conv2dBackwardSimd);
}  // namespace

namespace cpu {

void Conv2dPackWeight(const Context &, const Conv2dShape &s, ConstView weight, View packed) {
  const int64_t taps = s.kernel * s.kernel;
  for (int64_t o = 0; o < s.out_channels; ++o) {
    for (int64_t k = 0; k < taps; ++k) {
      for (int64_t c = 0; c < s.in_channels; ++c)
        packed(o, k * s.in_channels + c) = weight(o, c * taps + k);
    }
  }
}

void Conv2dUnpackWeightAdd(const Context &, const Conv2dShape &s, ConstView packed, View weight) {
  const int64_t taps = s.kernel * s.kernel;
  for (int64_t o = 0; o < s.out_channels; ++o) {
    for (int64_t k = 0; k < taps; ++k) {
      for (int64_t c = 0; c < s.in_channels; ++c)
        weight(o, c * taps + k) += packed(o, k * s.in_channels + c);
    }
  }
}

void Conv2dForward(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                   ConstView bias, View y) {
  HWY_DYNAMIC_DISPATCH(Conv2dForwardSimd)(ctx, shape, x, packed, bias, y);
}

void Conv2dBackward(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                    ConstView dy, View dx, View dpacked, View dbias) {
  HWY_DYNAMIC_DISPATCH(Conv2dBackwardSimd)(ctx, shape, x, packed, dy, dx, dpacked, dbias);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
