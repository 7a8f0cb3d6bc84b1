#ifndef U2MOE_MODEL_CONFORMER_BLOCK_H_
#define U2MOE_MODEL_CONFORMER_BLOCK_H_

#include <memory>

#include "layer/convolution-module.h"
#include "layer/feed-forward.h"
#include "layer/layer-norm-layer.h"
#include "layer/rel-position-attention.h"
#include "model/model-config.h"
#include "model/stream-state.h"
#include "model/sublayer.h"
#include "moe/feed-forward-factory.h"
#include "moe/routing-state.h"
#include "tensor/allocator.h"

namespace u2moe {

// How a forward runs, the same for all blocks.
struct ForwardMode {
  AttentionMask mask;
  DropoutSeeds *dropout = nullptr;      // null: no dropout
  RouteSink *routes = nullptr;          // null: nobody listens
  CachedVector<StreamState *> streams;  // empty: whole utterances
  // Of each sequence, for routers; of streams the first positions and tags are filled in. Empty:
  // nothing is known.
  Span<SequenceFacts> sequences;
  // Keeps the routers' decisions for losses on them, see moe/aux-loss.h; must live until backward
  // is done. Null: nobody wants them.
  RoutingState *routing = nullptr;
  bool capacity = false;        // RouteCall::capacity; not of streams
  bool window_is_chunk = true;  // of a stream; false: without chunks, it is an utterance
  // Receives what the CTC head sees where the policy lets frames exit, the block's output [R, D]
  // through the final norm; null: nobody wants it.
  Tensor *exit_out = nullptr;
  int64_t max_cache = -1;  // attention frames a stream keeps; negative: all
};

// One Conformer block as WeNet orders it (encoder_layer.py): macaron feed-forward, self-attention,
// convolution, feed-forward, each pre-norm with a residual, then norm_final. Feed-forwards count
// half.
class ConformerBlock {
 public:
  struct Tape {
    SublayerTape macaron, attention, convolution, ffn;
    std::unique_ptr<FeedForwardTape> macaron_ffn, final_ffn;
    RelPositionAttention::Tape attention_inner;
    ConvolutionModule::Tape convolution_inner;
    Tensor final_x, final_stats;
  };

  // The block of this number, from 0. shared: what the mixtures of all blocks share.
  ConformerBlock(const EncoderConfig &config, int32_t block, MixtureShared *shared);

  // x [sum T, D] in, the block's output out. index: the number of this block, for the caches of
  // streams. routes: for both feed-forwards, but for their numbers. running: where batch norm moves
  // its running statistics in training, or null.
  void Forward(const Context &ctx, const ForwardMode &mode, const RouteCall &routes, int index,
               const RaggedShape &shape, const PositionRows &positions, Tensor *x, Tape *tape,
               ConformerBlock *running) const;
  // dx in: gradient of the output; out: gradient of the input. Adds to grad.
  void Backward(const Context &ctx, const RaggedShape &shape, const PositionRows &positions,
                const Tape &tape, ConformerBlock *grad, Tensor *dx,
                RoutingGradients *routing) const;
  // From now on the weights stay as they are.
  void PrepareForInference() { self_attn_.PrepareForInference(); }
  void SetPolicies(const MixturePolicy &macaron, const MixturePolicy &last) {
    feed_forward_macaron_->SetPolicy(macaron);
    feed_forward_->SetPolicy(last);
  }
  FeedForward *MutableFeedForward(bool macaron) {
    return (macaron ? feed_forward_macaron_ : feed_forward_).get();
  }
  void VisitParams(ParamVisitor *v);

 private:
  float dropout_;
  std::unique_ptr<FeedForward> feed_forward_macaron_, feed_forward_;
  RelPositionAttention self_attn_;
  ConvolutionModule conv_module_;
  LayerNorm norm_ff_macaron_, norm_mha_, norm_conv_, norm_ff_, norm_final_;
};

}  // namespace u2moe

#endif  // U2MOE_MODEL_CONFORMER_BLOCK_H_
