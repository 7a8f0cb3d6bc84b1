#include "layer/convolution-module.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/batch-norm.h"
#include "ops/depthwise-conv.h"
#include "ops/elementwise.h"

namespace u2moe {
namespace {

constexpr float kBatchNormEps = 1e-5f, kBatchNormMomentum = 0.1f;

}  // namespace

ConvolutionModule::ConvolutionModule(int64_t dim, int64_t kernel, bool causal, bool batch_norm,
                                     Activation activation)
    : kernel_(kernel),
      causal_(causal),
      batch_norm_(batch_norm),
      activation_(activation),
      pointwise_conv1_(Linear::Pointwise(dim, 2 * dim)),
      pointwise_conv2_(Linear::Pointwise(dim, dim)),
      depthwise_weight_({dim, 1, kernel}),
      depthwise_bias_({dim}) {
  if (batch_norm) {
    bn_gamma_ = Tensor({dim});
    bn_beta_ = Tensor({dim});
    bn_mean_ = Tensor({dim});
    bn_var_ = Tensor({dim});
  } else {
    layer_norm_ = LayerNorm(dim);
  }
}

RaggedShape ConvolutionModule::PaddedShape(const RaggedShape &shape) const {
  RaggedShape padded;
  for (int b = 0; b < shape.NumSequences(); ++b) padded.Append(shape.Length(b) + kernel_ - 1);
  return padded;
}

void ConvolutionModule::Forward(const Context &ctx, ConstView x, const RaggedShape &shape,
                                Span<ConvolutionCache *> caches, const LayerOutput &out, Tape *tape,
                                ConvolutionModule *running) const {
  CHECK(caches.empty() || (causal_ && tape == nullptr));
  const int64_t dim = x.Cols(), left = LeftPad();
  const RaggedShape padded_shape = PaddedShape(shape);
  Tape local;
  Tape &t = tape != nullptr ? *tape : local;
  t.before_glu = Tensor(ctx, x.Rows(), 2 * dim);
  pointwise_conv1_.Forward(ctx, x, t.before_glu);
  t.padded = Tensor(ctx, padded_shape.TotalRows(), dim);
  t.conv = Tensor(ctx, x.Rows(), dim);
  Tensor start = Tensor::Zeros(ctx, 1, dim);  // the row that stands before the first frame
  if (causal_) GluForward(ctx, pointwise_conv1_.Bias(), start);
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const View padded = padded_shape.Rows(t.padded.View(), b);
    const int64_t length = shape.Length(b);
    GluForward(ctx, shape.Rows(t.before_glu.View(), b), padded.RowRange(left, length));
    ConvolutionCache *cache = caches.empty() ? nullptr : caches[static_cast<size_t>(b)];
    if (cache != nullptr && !cache->rows.Empty()) {
      CopyTo(ctx, cache->rows, padded.RowRange(0, left));
    } else {
      for (int64_t i = 0; i < left; ++i) CopyTo(ctx, start, padded.RowRange(i, 1));
    }
    for (int64_t i = left + length; i < padded.Rows(); ++i)
      CopyTo(ctx, start, padded.RowRange(i, 1));
    if (cache != nullptr && left > 0) {
      if (cache->next.Empty()) cache->next = Tensor(ctx, left, dim);
      CopyTo(ctx, padded.RowRange(length, left), cache->next);
    }
    DepthwiseConvForward(ctx, padded, depthwise_weight_, depthwise_bias_,
                         shape.Rows(t.conv.View(), b));
  }
  t.normed = Tensor(ctx, x.Rows(), dim);
  if (!batch_norm_) {
    layer_norm_.Forward(ctx, t.conv, t.normed, tape != nullptr ? &t.stats : nullptr);
  } else if (tape != nullptr) {
    t.stats = Tensor(ctx, 2, dim);
    BatchNormForward(ctx, t.conv, bn_gamma_, bn_beta_, kBatchNormEps, kBatchNormMomentum,
                     running != nullptr ? running->bn_mean_.View() : View(),
                     running != nullptr ? running->bn_var_.View() : View(), t.normed, t.stats);
  } else {
    BatchNormInference(ctx, t.conv, bn_gamma_, bn_beta_, bn_mean_, bn_var_, kBatchNormEps,
                       t.normed);
  }
  if (tape != nullptr) t.activated = Tensor(ctx, x.Rows(), dim);
  const View activated = tape != nullptr ? t.activated.View() : t.normed.View();
  ActivationForward(ctx, activation_, t.normed, activated);
  pointwise_conv2_.Forward(ctx, activated, out);
}

void ConvolutionModule::Backward(const Context &ctx, ConstView x, const RaggedShape &shape,
                                 const Tape &t, ConstView dy, ConvolutionModule *grad,
                                 View dx) const {
  const int64_t dim = x.Cols(), left = LeftPad();
  const RaggedShape padded_shape = PaddedShape(shape);
  Tensor d(ctx, x.Rows(), dim);
  pointwise_conv2_.Backward(ctx, t.activated, dy, &grad->pointwise_conv2_, d);
  ActivationBackward(ctx, activation_, t.normed, d, d);
  if (batch_norm_) {
    BatchNormBackward(ctx, t.conv, bn_gamma_, t.stats, d, d, grad->bn_gamma_, grad->bn_beta_);
  } else {
    layer_norm_.Backward(ctx, t.conv, t.stats, d, &grad->layer_norm_, d);
  }
  Tensor dbefore_glu(ctx, x.Rows(), 2 * dim), dstart = Tensor::Zeros(ctx, 1, dim);
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const int64_t length = shape.Length(b);
    Tensor dpadded(ctx, length + kernel_ - 1, dim);
    DepthwiseConvBackward(ctx, padded_shape.Rows(t.padded.View(), b), depthwise_weight_,
                          shape.Rows<const float>(d.View(), b), dpadded, grad->depthwise_weight_,
                          grad->depthwise_bias_);
    GluBackward(ctx, shape.Rows(t.before_glu.View(), b), dpadded.View().RowRange(left, length),
                shape.Rows(dbefore_glu.View(), b));
    AddSumOfRows(ctx, dpadded.View().RowRange(0, left), dstart);
  }
  if (causal_) {  // the rows before the first frame are GLU(bias), so the bias has a share in them
    Tensor dbias(ctx, 1, 2 * dim);
    GluBackward(ctx, pointwise_conv1_.Bias(), dstart, dbias);
    AddTo(ctx, 1, dbias, *grad->pointwise_conv1_.MutableBias());
  }
  pointwise_conv1_.Backward(ctx, x, dbefore_glu, &grad->pointwise_conv1_, dx);
}

void ConvolutionModule::VisitParams(ParamVisitor *v) {
  v->Scope("pointwise_conv1", &pointwise_conv1_);
  // torch.nn.Conv1d with one input channel per group: fan-in W.
  const ParamInit init = ParamInit::Uniform(1 / std::sqrt(static_cast<double>(kernel_)));
  v->Param("depthwise_conv.weight", &depthwise_weight_, init);
  v->Param("depthwise_conv.bias", &depthwise_bias_, init);
  if (batch_norm_) {
    v->In(ParamRole::kNorm, [&] {
      v->Param("norm.weight", &bn_gamma_, ParamInit::Constant(1));
      v->Param("norm.bias", &bn_beta_, ParamInit::Constant(0));
    });
    v->Buffer("norm.running_mean", &bn_mean_, ParamInit::Constant(0));
    v->Buffer("norm.running_var", &bn_var_, ParamInit::Constant(1));
  } else {
    v->Scope("norm", &layer_norm_);
  }
  v->Scope("pointwise_conv2", &pointwise_conv2_);
}

}  // namespace u2moe
