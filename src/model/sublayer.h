// The frame of every sub-layer of encoder and decoders: x + scale * dropout(f(norm(x))).
#ifndef U2MOE_MODEL_SUBLAYER_H_
#define U2MOE_MODEL_SUBLAYER_H_

#include <utility>

#include "layer/dropout-seeds.h"
#include "layer/layer-norm-layer.h"
#include "layer/layer-output.h"
#include "ops/elementwise.h"
#include "tensor/tensor.h"

namespace u2moe {

// What the backward of a sub-layer needs: its input, the normalised input, the mask.
struct SublayerTape {
  Tensor x, stats, normed;
  DropoutMask mask;
};

// f(normed [R, D], LayerOutput of [R, D]) computes the sub-layer proper. x becomes the sum; tape
// may be null.
template <class Fn>
void SublayerForward(const Context &ctx, const LayerNorm &norm, float scale, float dropout_rate,
                     DropoutSeeds *dropout, Tensor *x, SublayerTape *tape, Fn f) {
  SublayerTape local;
  SublayerTape &t = tape != nullptr ? *tape : local;
  t.normed = Tensor(ctx, x->Rows(), x->Cols());
  norm.Forward(ctx, *x, t.normed, tape != nullptr ? &t.stats : nullptr);
  if (tape == nullptr && dropout == nullptr) {  // the residual is added where the result is made
    f(ConstView(t.normed), LayerOutput::Add(scale, *x));
    return;
  }
  Tensor y(ctx, x->Rows(), x->Cols());
  f(ConstView(t.normed), LayerOutput(y));
  t.mask = DropoutMask::Draw(dropout, dropout_rate);
  t.mask.Apply(ctx, y);
  if (tape == nullptr) {
    AddTo(ctx, scale, y, *x);
    return;
  }
  if (scale != 1) ScaleBy(ctx, scale, y);
  AddTo(ctx, 1, *x, y);
  t.x = std::move(*x);
  *x = std::move(y);
}

// f(dy [R, D], dnormed [R, D]) computes the backward of the sub-layer proper. dx: gradient of the
// sum in, of x out.
template <class Fn>
void SublayerBackward(const Context &ctx, const LayerNorm &norm, float scale,
                      const SublayerTape &tape, LayerNorm *norm_grad, Tensor *dx, Fn f) {
  Tensor dy = Tensor::Copy(ctx, *dx), dnormed(ctx, dx->Rows(), dx->Cols());
  if (scale != 1) ScaleBy(ctx, scale, dy);
  tape.mask.Apply(ctx, dy);
  f(ConstView(dy), dnormed.View());
  norm.Backward(ctx, tape.x, tape.stats, dnormed, norm_grad, dnormed);
  AddTo(ctx, 1, dnormed, *dx);
}

}  // namespace u2moe

#endif  // U2MOE_MODEL_SUBLAYER_H_
