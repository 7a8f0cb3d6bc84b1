#include "ops/conv2d.h"

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

void PackChannelsLast(const Context &ctx, int64_t channels, ConstView weight, View packed) {
  CHECK(channels > 0 && weight.Cols() % channels == 0) << weight.Cols() << " of " << channels;
  CHECK_SHAPE(packed, weight.Rows(), weight.Cols());
  OPS_CALL(ctx, PackChannelsLast, channels, weight, packed);
}

void UnpackChannelsLastAdd(const Context &ctx, int64_t channels, ConstView packed, View weight) {
  CHECK(channels > 0 && weight.Cols() % channels == 0) << weight.Cols() << " of " << channels;
  CHECK_SHAPE(packed, weight.Rows(), weight.Cols());
  OPS_CALL(ctx, UnpackChannelsLastAdd, channels, packed, weight);
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
  OPS_CALL(ctx, Conv2dReluPacked, shape, x, w, bias, y);
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
