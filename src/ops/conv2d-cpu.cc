#include "ops/conv2d.h"

#include <algorithm>
#include <vector>

#include "ops/packed/packed-gemm.h"
#include "tensor/tensor.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/conv2d-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/packed/tile-gemm-inl.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {

// A patch is `kernel` runs, one a frame, each of kernel * Cin neighbouring floats. The products
// read them where they lie, through tables of offsets; nothing is copied. Runs shorter than this
// (the first layer: 3) are taken together, through a second table of the offsets inside a patch.
constexpr int64_t kShortRun = 16;
constexpr int64_t kBlock = 96;  // output rows taken together: their patches should stay in L2

// Offsets in x of the first float of the patches of output rows [begin, begin + n).
HWY_INLINE void PatchOffsets(const Conv2dShape &s, int64_t begin, int64_t n, int64_t *offsets) {
  const int64_t out_freq = s.OutFreq();
  int64_t t = begin / out_freq, f = begin % out_freq;
  for (int64_t i = 0; i < n; ++i) {
    offsets[i] = (t * s.in_freq + f) * s.stride * s.in_channels;
    if (++f == out_freq) f = 0, ++t;
  }
}

// Offsets of the floats of a patch from its first.
std::vector<int64_t> OffsetsInPatch(const Conv2dShape &s) {
  std::vector<int64_t> offsets;
  for (int64_t kt = 0; kt < s.kernel; ++kt) {
    for (int64_t j = 0; j < s.kernel * s.in_channels; ++j) {
      offsets.push_back(kt * s.in_freq * s.in_channels + j);
    }
  }
  return offsets;
}

// Where channel c of row 0 lies in a matrix kept as [channels / kTileRows, rows, kTileRows].
struct Quads {
  int64_t rows;
  int64_t operator()(int64_t c) const { return c / kTileRows * kTileRows * rows + c % kTileRows; }
};

HWY_INLINE void CopyQuads(ConstView dy, float *quads) {
  const int64_t size = kBlock * kTileRows;
  for (int64_t r = 0; r < dy.Rows(); ++r) {
    const float *from = dy.Row(r);
    float *to = quads + r * kTileRows;
    int64_t c = 0;
    for (; c + kTileRows <= dy.Cols(); c += kTileRows, to += size) {
      for (int64_t i = 0; i < kTileRows; ++i) to[i] = from[c + i];
    }
    for (int64_t i = 0; c + i < dy.Cols(); ++i) to[i] = from[c + i];
  }
}

// n columns of the rows at x + offsets[r], into rows of a panel.
HWY_INLINE void CopyRows(const float *x, const int64_t *offsets, int64_t rows, int64_t n,
                         float *panel) {
  const int64_t lanes = Width(), width = PanelCols();
  for (int64_t r = 0; r < rows; ++r, panel += width) {
    const float *from = x + offsets[r];
    if (n == width) {
      for (int64_t v = 0; v < kTileVectors; ++v) StoreU(LoadU(from + v * lanes), panel + v * lanes);
    } else {
      for (int64_t j = 0; j < n; j += lanes) StoreU(LoadUpTo(from + j, n - j), panel + j);
    }
  }
}

// k in equal parts of at most kTileDepth.
HWY_INLINE int64_t Depth(int64_t k) {
  const int64_t parts = (k + kTileDepth - 1) / kTileDepth;
  return (k + parts - 1) / parts;
}

Tensor Panels(const Conv2dShape &shape, ConstView packed) {
  Tensor panels(1, PackedSize(shape.PatchSize(), shape.out_channels));
  PackPanelsTransposed(packed, panels.Data());
  return panels;
}

void Forward(const Conv2dShape &shape, const float *x, const Tensor &panels, ConstView bias,
             View y) {
  const int64_t patch = shape.PatchSize(), channels = shape.out_channels, width = PanelCols();
  const int64_t run = shape.kernel * shape.in_channels, frame = shape.in_freq * shape.in_channels;
  CHECK_EQ(panels.Size(), PackedSize(patch, channels));
  Tensor padded_bias = Tensor::Zeros(1, RoundUp(channels, width));
  std::copy(bias.Data(), bias.Data() + channels, padded_bias.Data());
  const std::vector<int64_t> in_patch = OffsetsInPatch(shape);
  int64_t offsets[kBlock];
  for (int64_t i = 0; i < y.Rows(); i += kBlock) {
    const int64_t rows = std::min(kBlock, y.Rows() - i);
    PatchOffsets(shape, i, rows, offsets);
    const auto product = [&](const float *a, auto a_col, int64_t p, int64_t depth) HWY_ATTR {
      for (int64_t j = 0; j < channels; j += width) {
        Start start;
        start.add = p > 0;
        if (p == 0) start.bias = padded_bias.Data() + j;
        TilePanel<true>(a, Table{offsets}, a_col, rows, panels.Data() + j * patch + p * width,
                        Stride{width}, depth, start, y.Row(i) + j, Stride{y.Stride()},
                        std::min(width, channels - j));
      }
    };
    if (run < kShortRun) {
      product(x, Table{in_patch.data()}, 0, patch);
      continue;
    }
    for (int64_t kt = 0; kt < shape.kernel; ++kt) {
      for (int64_t p = 0; p < run; p += Depth(run)) {
        product(x + kt * frame + p, Stride{1}, kt * run + p, std::min(Depth(run), run - p));
      }
    }
  }
}

// dpacked [Cout, patch] += dy^T * patches, dbias += sum of dy.
void WeightGradient(const Conv2dShape &shape, const float *x, ConstView dy, View dpacked,
                    View dbias) {
  const int64_t patch = shape.PatchSize(), channels = shape.out_channels, width = PanelCols();
  const int64_t run = shape.kernel * shape.in_channels, frame = shape.in_freq * shape.in_channels;
  const std::vector<int64_t> in_patch = OffsetsInPatch(shape);
  Tensor transposed;  // of dpacked: with a short run the channels make the vectors
  if (run < kShortRun) transposed = Tensor::Zeros(patch, channels);
  Tensor quads(RoundUp(channels, kTileRows), kBlock), panel(kBlock, width);
  int64_t offsets[kBlock];
  Start start;
  start.add = true;
  for (int64_t i = 0; i < dy.Rows(); i += kBlock) {
    const int64_t rows = std::min(kBlock, dy.Rows() - i);
    PatchOffsets(shape, i, rows, offsets);
    AddColumnSums(dy.RowRange(i, rows), dbias.Data());
    if (run < kShortRun) {
      for (int64_t j = 0; j < channels; j += width) {
        TilePanel<false>(x, Table{in_patch.data()}, Table{offsets}, patch, dy.Row(i) + j,
                         Stride{dy.Stride()}, rows, start, transposed.Data() + j, Stride{channels},
                         std::min(width, channels - j));
      }
      continue;
    }
    // Rows of x and dy may lie a multiple of 1024 bytes apart, where few of them fit into L1 at a
    // time.
    CopyQuads(dy.RowRange(i, rows), quads.Data());
    for (int64_t kt = 0; kt < shape.kernel; ++kt) {
      for (int64_t j = 0; j < run; j += width) {
        const int64_t n = std::min(width, run - j);
        CopyRows(x + kt * frame + j, offsets, rows, n, panel.Data());
        TilePanel<true>(quads.Data(), Quads{kBlock}, Stride{kTileRows}, channels, panel.Data(),
                        Stride{width}, rows, start, dpacked.Data() + kt * run + j,
                        Stride{dpacked.Stride()}, n);
      }
    }
  }
  for (int64_t j = 0; j < transposed.Rows(); ++j) {
    for (int64_t c = 0; c < channels; ++c) dpacked(c, j) += transposed(j, c);
  }
}

// dx += the transpose of patches, of dy * packed.
void InputGradient(const Conv2dShape &shape, ConstView packed, ConstView dy, float *dx) {
  const int64_t channels = shape.out_channels, width = PanelCols();
  const int64_t run = shape.kernel * shape.in_channels, frame = shape.in_freq * shape.in_channels;
  const int64_t run_size = PackedSize(channels, run);
  Tensor panels(shape.kernel, run_size);
  for (int64_t kt = 0; kt < shape.kernel; ++kt) {
    PackPanels(packed.ColRange(kt * run, run), panels.Data() + kt * run_size);
  }
  int64_t offsets[kBlock];
  Start start;
  start.add = true;
  for (int64_t i = 0; i < dy.Rows(); i += kBlock) {
    const int64_t rows = std::min(kBlock, dy.Rows() - i);
    PatchOffsets(shape, i, rows, offsets);
    for (int64_t kt = 0; kt < shape.kernel; ++kt) {
      for (int64_t p = 0; p < channels; p += Depth(channels)) {
        for (int64_t j = 0; j < run; j += width) {
          TilePanel<true>(dy.Row(i) + p, Stride{dy.Stride()}, Stride{1}, rows,
                          panels.Data() + kt * run_size + j * channels + p * width, Stride{width},
                          std::min(Depth(channels), channels - p), start, dx + kt * frame + j,
                          Table{offsets}, std::min(width, run - j));
        }
      }
    }
  }
}

// The floats of x, one after another: its own, or a copy.
const float *Dense(ConstView x, Tensor *copy) {
  if (x.Contiguous()) return x.Data();
  *copy = Tensor::Copy(x);
  return copy->Data();
}

void Conv2dForwardSimd(const Conv2dShape &shape, ConstView x, const Tensor &panels, ConstView bias,
                       View y) {
  Tensor copy;
  Forward(shape, Dense(x, &copy), panels, bias, y);
}

void Conv2dBackwardSimd(const Conv2dShape &shape, ConstView x, ConstView packed, ConstView dy,
                        View dx, View dpacked, View dbias) {
  Tensor copy;
  if (!dy.Empty()) WeightGradient(shape, Dense(x, &copy), dy, dpacked, dbias);
  if (dx.Empty()) return;
  Tensor dense;
  float *to = dx.Data();
  if (!dx.Contiguous()) {
    dense = Tensor(dx.Rows(), dx.Cols());
    to = dense.Data();
  }
  std::fill(to, to + dx.Size(), 0.f);
  if (!dy.Empty()) InputGradient(shape, packed, dy, to);
  if (dx.Contiguous()) return;
  for (int64_t r = 0; r < dx.Rows(); ++r)
    std::copy(to + r * dx.Cols(), to + (r + 1) * dx.Cols(), dx.Row(r));
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace {
HWY_EXPORT(Panels);
HWY_EXPORT(Conv2dForwardSimd);
HWY_EXPORT(Conv2dBackwardSimd);
}  // namespace

namespace cpu {

void PackChannelsLast(const Context &, int64_t channels, ConstView weight, View packed) {
  const int64_t n = weight.Cols() / channels;
  for (int64_t o = 0; o < weight.Rows(); ++o) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t c = 0; c < channels; ++c) packed(o, i * channels + c) = weight(o, c * n + i);
    }
  }
}

void UnpackChannelsLastAdd(const Context &, int64_t channels, ConstView packed, View weight) {
  const int64_t n = weight.Cols() / channels;
  for (int64_t o = 0; o < weight.Rows(); ++o) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t c = 0; c < channels; ++c) weight(o, c * n + i) += packed(o, i * channels + c);
    }
  }
}

void Conv2dForward(const Context &, const Conv2dShape &shape, ConstView x, ConstView packed,
                   ConstView bias, View y) {
  if (y.Empty()) return;
  const Tensor panels = HWY_DYNAMIC_DISPATCH(Panels)(shape, packed);
  HWY_DYNAMIC_DISPATCH(Conv2dForwardSimd)(shape, x, panels, bias, y);
}

void Conv2dReluPacked(const Context &ctx, const Conv2dShape &shape, ConstView x,
                      const PackedMatrix &w, ConstView bias, View y) {
  // Few enough for the cache, enough for the weights to be read seldom.
  constexpr int64_t kBlock = 224;
  const int64_t run = shape.kernel * shape.in_channels, frame = shape.in_freq * shape.in_channels;
  Tensor patches(ctx, std::min(kBlock, y.Rows()), shape.PatchSize());
  Epilogue epilogue;
  epilogue.bias = bias.Data();
  epilogue.activation = Activation::kRelu;
  for (int64_t begin = 0; begin < y.Rows(); begin += kBlock) {
    const int64_t rows = std::min(kBlock, y.Rows() - begin);
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t t = (begin + i) / shape.OutFreq(), f = (begin + i) % shape.OutFreq();
      const float *from =
          x.Data() + t * shape.stride * frame + f * shape.stride * shape.in_channels;
      float *to = patches.Data() + i * patches.Cols();
      for (int64_t kt = 0; kt < shape.kernel; ++kt) to = std::copy_n(from + kt * frame, run, to);
    }
    PackedGemm(ctx, patches.View().RowRange(0, rows), w, epilogue, y.RowRange(begin, rows));
  }
}

void Conv2dBackward(const Context &, const Conv2dShape &shape, ConstView x, ConstView packed,
                    ConstView dy, View dx, View dpacked, View dbias) {
  HWY_DYNAMIC_DISPATCH(Conv2dBackwardSimd)(shape, x, packed, dy, dx, dpacked, dbias);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
