#ifndef U2MOE_LAYER_FEED_FORWARD_H_
#define U2MOE_LAYER_FEED_FORWARD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "layer/dropout-seeds.h"
#include "layer/linear.h"
#include "layer/param-visitor.h"
#include "layer/route-sink.h"
#include "ops/activation.h"

namespace u2moe {

struct RoutingGradients;  // moe/routing-state.h

// What the backward of a feed-forward block needs from its forward.
struct FeedForwardTape {
  virtual ~FeedForwardTape() = default;
};

// The feed-forward block of an encoder or decoder layer: dense here, a mixture of experts in moe/.
class FeedForward {
 public:
  virtual ~FeedForward() = default;

  // x [R, D] -> out [R, D]. tape: null at inference. dropout: null for none. routes: what concerns
  // mixtures only.
  virtual void Forward(const Context &ctx, ConstView x, const LayerOutput &out,
                       std::unique_ptr<FeedForwardTape> *tape, DropoutSeeds *dropout,
                       const RouteCall &routes) const = 0;
  // dx [R, D] overwritten; adds to *grad, which must be of the same type and shape. routing: what
  // passes from mixture to mixture against the order of forward; null where nothing did.
  virtual void Backward(const Context &ctx, ConstView x, const FeedForwardTape &tape, ConstView dy,
                        FeedForward *grad, View dx, RoutingGradients *routing) const = 0;
  virtual void VisitParams(ParamVisitor *v) = 0;
  // After a training step that was taken: how many of its rows went to each expert [E]. What is
  // learnt, but not from gradients, is learnt here; nothing for a dense block.
  virtual void AfterStep(const Context &, Span<int64_t>) {}
  // For all forwards from now on; nothing for a dense block.
  virtual void SetPolicy(const MixturePolicy &) {}
};

// w_2 * dropout(f(w_1 * x + b_1)) + b_2; also one expert of a mixture.
class DenseFeedForward : public FeedForward {
 public:
  // bias: b_1 and, unless output_bias is false, b_2 are there.
  DenseFeedForward(int64_t dim, int64_t hidden_dim, Activation activation, bool bias, float dropout,
                   bool output_bias = true);

  void Forward(const Context &ctx, ConstView x, const LayerOutput &out,
               std::unique_ptr<FeedForwardTape> *tape, DropoutSeeds *dropout,
               const RouteCall &routes) const override;
  void Backward(const Context &ctx, ConstView x, const FeedForwardTape &tape, ConstView dy,
                FeedForward *grad, View dx, RoutingGradients *routing) const override;
  void VisitParams(ParamVisitor *v) override;

  // Inference with packed weights on the rows of x that `rows` names, whose results go where it
  // says, times its factors; hidden [>= rows.count, F] is memory for the hidden activations.
  bool IsPacked() const { return w_1_.IsPacked(); }
  WeightFormat Format() const { return w_1_.Packed().Format(); }
  void ForwardPacked(const Context &ctx, const PackedRows &x, const GemmRows &rows, View hidden,
                     const LayerOutput &out) const;
  // Without packed weights, the hidden activations in memory of the caller: before [R, F] receives
  // w_1 x + b_1, after [R, F] what goes into w_2. Without backward, before and after may be one.
  void ForwardRows(const Context &ctx, ConstView x, const DropoutMask &mask, View before,
                   View after, View y) const;
  void BackwardRows(const Context &ctx, ConstView x, ConstView before, ConstView after,
                    const DropoutMask &mask, ConstView dy, DenseFeedForward *grad, View dx) const;
  const Linear &First() const { return w_1_; }
  const Linear &Second() const { return w_2_; }
  Activation Between() const { return activation_; }
  int64_t HiddenDim() const { return w_1_.OutDim(); }
  float DropoutRate() const { return dropout_; }

 private:
  Linear w_1_, w_2_;
  Activation activation_;
  float dropout_;
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_FEED_FORWARD_H_
