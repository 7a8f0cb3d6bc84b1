#include "model/conformer-block.h"

#include "base/stage-clock.h"

namespace u2moe {
namespace {

constexpr float kFeedForwardScale = 0.5f;

}  // namespace

ConformerBlock::ConformerBlock(const EncoderConfig &c, int32_t block, MixtureShared *shared)
    : dropout_(c.dropout),
      feed_forward_macaron_(
          MakeFeedForward(c.model_dim, c.FeedForwardOf(block, true), c.dropout, shared)),
      feed_forward_(MakeFeedForward(c.model_dim, c.FeedForwardOf(block, false), c.dropout, shared)),
      self_attn_(c.model_dim, c.num_heads),
      conv_module_(c.model_dim, c.conv_kernel, c.causal, c.conv_norm == ConvNorm::kBatchNorm,
                   c.ffn.activation),
      norm_ff_macaron_(c.model_dim),
      norm_mha_(c.model_dim),
      norm_conv_(c.model_dim),
      norm_ff_(c.model_dim),
      norm_final_(c.model_dim) {}

void ConformerBlock::Forward(const Context &ctx, const ForwardMode &mode, const RouteCall &routes,
                             int index, const RaggedShape &shape, const PositionRows &positions,
                             Tensor *x, Tape *tape, ConformerBlock *running) const {
  CachedVector<AttentionCache *> attention_caches;
  CachedVector<ConvolutionCache *> convolution_caches;
  CachedVector<MixtureStream *> macaron_streams, last_streams;
  for (StreamState *stream : mode.streams) {
    StreamState::Block &block = stream->blocks[static_cast<size_t>(index)];
    attention_caches.push_back(&block.attention);
    convolution_caches.push_back(&block.convolution);
    macaron_streams.push_back(&block.macaron);
    last_streams.push_back(&block.last);
  }
  RouteCall call = routes;
  call.mixture = 2 * index;
  call.streams = macaron_streams;
  SublayerForward(ctx, norm_ff_macaron_, kFeedForwardScale, dropout_, mode.dropout, x,
                  tape ? &tape->macaron : nullptr, [&](ConstView in, const LayerOutput &out) {
                    const StageScope stage(Stage::kFeedForward);
                    feed_forward_macaron_->Forward(
                        ctx, in, out, tape ? &tape->macaron_ffn : nullptr, mode.dropout, call);
                  });
  SublayerForward(ctx, norm_mha_, 1, dropout_, mode.dropout, x, tape ? &tape->attention : nullptr,
                  [&](ConstView in, const LayerOutput &out) {
                    const StageScope stage(Stage::kAttention);
                    self_attn_.Forward(ctx, mode.mask, in, shape, positions, attention_caches, out,
                                       tape ? &tape->attention_inner : nullptr);
                  });
  SublayerForward(ctx, norm_conv_, 1, dropout_, mode.dropout, x,
                  tape ? &tape->convolution : nullptr, [&](ConstView in, const LayerOutput &out) {
                    const StageScope stage(Stage::kConvolution);
                    conv_module_.Forward(ctx, in, shape, convolution_caches, out,
                                         tape ? &tape->convolution_inner : nullptr,
                                         running ? &running->conv_module_ : nullptr);
                  });
  call.mixture = 2 * index + 1;
  call.streams = last_streams;
  SublayerForward(ctx, norm_ff_, kFeedForwardScale, dropout_, mode.dropout, x,
                  tape ? &tape->ffn : nullptr, [&](ConstView in, const LayerOutput &out) {
                    const StageScope stage(Stage::kFeedForward);
                    feed_forward_->Forward(ctx, in, out, tape ? &tape->final_ffn : nullptr,
                                           mode.dropout, call);
                  });
  Tensor y(ctx, x->Rows(), x->Cols());
  norm_final_.Forward(ctx, *x, y, tape ? &tape->final_stats : nullptr);
  if (tape) tape->final_x = std::move(*x);
  *x = std::move(y);
}

void ConformerBlock::Backward(const Context &ctx, const RaggedShape &shape,
                              const PositionRows &positions, const Tape &tape, ConformerBlock *grad,
                              Tensor *dx, RoutingGradients *routing) const {
  norm_final_.Backward(ctx, tape.final_x, tape.final_stats, *dx, &grad->norm_final_, *dx);
  SublayerBackward(ctx, norm_ff_, kFeedForwardScale, tape.ffn, &grad->norm_ff_, dx,
                   [&](ConstView dy, View dn) {
                     feed_forward_->Backward(ctx, tape.ffn.normed, *tape.final_ffn, dy,
                                             grad->feed_forward_.get(), dn, routing);
                   });
  SublayerBackward(ctx, norm_conv_, 1, tape.convolution, &grad->norm_conv_, dx,
                   [&](ConstView dy, View dn) {
                     conv_module_.Backward(ctx, tape.convolution.normed, shape,
                                           tape.convolution_inner, dy, &grad->conv_module_, dn);
                   });
  SublayerBackward(ctx, norm_mha_, 1, tape.attention, &grad->norm_mha_, dx,
                   [&](ConstView dy, View dn) {
                     self_attn_.Backward(ctx, tape.attention.normed, shape, positions,
                                         tape.attention_inner, dy, &grad->self_attn_, dn);
                   });
  SublayerBackward(ctx, norm_ff_macaron_, kFeedForwardScale, tape.macaron, &grad->norm_ff_macaron_,
                   dx, [&](ConstView dy, View dn) {
                     feed_forward_macaron_->Backward(ctx, tape.macaron.normed, *tape.macaron_ffn,
                                                     dy, grad->feed_forward_macaron_.get(), dn,
                                                     routing);
                   });
}

void ConformerBlock::VisitParams(ParamVisitor *v) {
  v->Scope("self_attn", ParamRole::kAttention, &self_attn_);
  v->Scope("feed_forward", ParamRole::kFeedForward, feed_forward_.get());
  v->Scope("feed_forward_macaron", ParamRole::kFeedForward, feed_forward_macaron_.get());
  v->Scope("conv_module", ParamRole::kConvolution, &conv_module_);
  v->Scope("norm_ff", &norm_ff_);
  v->Scope("norm_mha", &norm_mha_);
  v->Scope("norm_ff_macaron", &norm_ff_macaron_);
  v->Scope("norm_conv", &norm_conv_);
  v->Scope("norm_final", &norm_final_);
}

}  // namespace u2moe
