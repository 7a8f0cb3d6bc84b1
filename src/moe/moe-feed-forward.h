#ifndef U2MOE_MOE_MOE_FEED_FORWARD_H_
#define U2MOE_MOE_MOE_FEED_FORWARD_H_

#include <memory>

#include "layer/feed-forward.h"
#include "moe/capacity.h"
#include "moe/expert-bank.h"
#include "moe/feed-forward-config.h"
#include "moe/mixture-shared.h"
#include "moe/router.h"

namespace u2moe {

// A mixture of feed-forward experts (arXiv 2404.16407, section 2; WeNet MoEFFNLayer): a router
// chooses, a plan sorts, a bank computes. Deterministic; dropless unless experts have a capacity
// (capacity.h). Of a router that merges, the bank computes with averages of its experts instead. A
// policy may change the routes, see expert-policy.h; gradients are those of what is
// computed, and pass the policy's choices by. With jitter, the router sees in training its rows
// times uniform numbers from 1 - jitter to 1 + jitter (arXiv 2101.03961).
class MoeFeedForward : public FeedForward {
 public:
  // shared: where the router has what it shares with others; may be null if it shares nothing.
  // Throws as MakeRouter and MakeBank.
  MoeFeedForward(int64_t dim, const FeedForwardConfig &config, float dropout,
                 MixtureShared *shared);

  void Forward(const Context &ctx, ConstView x, const LayerOutput &out,
               std::unique_ptr<FeedForwardTape> *tape, DropoutSeeds *dropout,
               const RouteCall &call) const override;
  void Backward(const Context &ctx, ConstView x, const FeedForwardTape &tape, ConstView dy,
                FeedForward *grad, View dx, RoutingGradients *routing) const override;
  void VisitParams(ParamVisitor *v) override;
  void AfterStep(const Context &ctx, Span<int64_t> counts) override {
    router_->AfterStep(ctx, counts);
  }
  void SetPolicy(const MixturePolicy &policy) override { policy_ = policy; }
  int NumExperts() const { return bank_->NumExperts(); }

 private:
  // In CUDA builds: inference that the host has no part in, from the router to the sum of the
  // experts; false, and nothing done, where something asks for the host. Rows whose logits are not
  // finite get NaN.
  bool ForwardOnCuda(const Context &ctx, ConstView x, const LayerOutput &out,
                     const RouteCall &call) const;

  std::unique_ptr<Router> router_;
  std::unique_ptr<ExpertBank> bank_;
  double share_;  // of the experts' parameters that a row works with
  AuxWeights aux_weights_;
  MixturePolicy policy_;
  Capacity capacity_;
  float jitter_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_MOE_FEED_FORWARD_H_
