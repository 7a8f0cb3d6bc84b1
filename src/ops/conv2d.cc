#include "ops/conv2d.h"

#include <algorithm>

#include "ops/dispatch.h"
#include "ops/packed/packed-gemm.h"

namespace u2moe {
namespace {

void CheckShape(const Conv2dShape &s) {
  CHECK(s.in_channels > 0 && s.out_channels > 0 && s.kernel > 0 && s.stride > 0) << "conv2d";
  CHECK_GE(s.in_freq, s.kernel);
}

// Frames of the input plane x [T*F, Cin].
int64_t InTime(const Conv2dShape &s, ConstView x) {
  CHECK(x.Rows() % s.in_freq == 0) << x.Rows() << " rows of " << s.in_freq << " frequencies";
  CHECK_EQ(x.Cols(), s.in_channels);
  return x.Rows() / s.in_freq;
}

}  // namespace

void Conv2dPackWeight(const Context &ctx, const Conv2dShape &shape, ConstView weight, View packed) {
  CheckShape(shape);
  CHECK_SHAPE(weight, shape.out_channels, shape.PatchSize());
  CHECK_SHAPE(packed, shape.out_channels, shape.PatchSize());
  OPS_CALL(ctx, Conv2dPackWeight, shape, weight, packed);
}

void Conv2dUnpackWeightAdd(const Context &ctx, const Conv2dShape &shape, ConstView packed,
                           View weight) {
  CheckShape(shape);
  CHECK_SHAPE(weight, shape.out_channels, shape.PatchSize());
  CHECK_SHAPE(packed, shape.out_channels, shape.PatchSize());
  OPS_CALL(ctx, Conv2dUnpackWeightAdd, shape, packed, weight);
}

void Conv2dForward(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                   ConstView bias, View y) {
  CheckShape(shape);
  CHECK_SHAPE(packed, shape.out_channels, shape.PatchSize());
  CHECK_SHAPE(bias, 1, shape.out_channels);
  CHECK_SHAPE(y, shape.OutTime(InTime(shape, x)) * shape.OutFreq(), shape.out_channels);
  OPS_CALL(ctx, Conv2dForward, shape, x, packed, bias, y);
}

void Conv2dReluPacked(const Context &ctx, const Conv2dShape &shape, ConstView x,
                      const PackedMatrix &w, ConstView bias, View y) {
  CheckShape(shape);
  CHECK(w.Rows() == shape.out_channels && w.Cols() == shape.PatchSize())
      << w.Rows() << "x" << w.Cols();
  CHECK_SHAPE(bias, 1, shape.out_channels);
  CHECK_SHAPE(y, shape.OutTime(InTime(shape, x)) * shape.OutFreq(), shape.out_channels);
  CHECK(x.Contiguous());
  // Few enough for the cache, enough for the weights to be read seldom.
  constexpr int64_t kBlock = 224;
  const int64_t run = shape.kernel * shape.in_channels, frame = shape.in_freq * shape.in_channels;
  Tensor patches(std::min(kBlock, y.Rows()), shape.PatchSize());
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

void Conv2dBackward(const Context &ctx, const Conv2dShape &shape, ConstView x, ConstView packed,
                    ConstView dy, View dx, View dpacked, View dbias) {
  CheckShape(shape);
  CHECK_SHAPE(packed, shape.out_channels, shape.PatchSize());
  CHECK_SHAPE(dpacked, shape.out_channels, shape.PatchSize());
  CHECK_SHAPE(dbias, 1, shape.out_channels);
  CHECK_SHAPE(dy, shape.OutTime(InTime(shape, x)) * shape.OutFreq(), shape.out_channels);
  if (dx.Data() != nullptr) {
    CHECK_SHAPE(dx, x.Rows(), x.Cols());
  }
  OPS_CALL(ctx, Conv2dBackward, shape, x, packed, dy, dx, dpacked, dbias);
}

}  // namespace u2moe
