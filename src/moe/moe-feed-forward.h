#ifndef U2MOE_MOE_MOE_FEED_FORWARD_H_
#define U2MOE_MOE_MOE_FEED_FORWARD_H_

#include <memory>
#include <string>
#include <vector>

#include "layer/feed-forward.h"
#include "moe/dispatch-plan.h"
#include "moe/router.h"

namespace u2moe {

// A mixture of E feed-forward experts, K per frame (arXiv 2404.16407, section 2; WeNet
// MoEFFNLayer): route -> plan -> gather -> each expert on its rows -> weighted scatter. Dropless,
// deterministic. Experts that no frame chose cost nothing. A policy may change the routes, see
// expert-policy.h; gradients are those of what is computed, and pass the policy's choices by.
class MoeFeedForward : public FeedForward {
 public:
  MoeFeedForward(int64_t dim, int64_t hidden_dim, int num_experts, int experts_per_frame,
                 const std::string &router, Activation activation, bool bias, float dropout);

  void Forward(const Context &ctx, ConstView x, const LayerOutput &out,
               std::unique_ptr<FeedForwardTape> *tape, DropoutSeeds *dropout,
               const RouteCall &routes) const override;
  void Backward(const Context &ctx, ConstView x, const FeedForwardTape &tape, ConstView dy,
                FeedForward *grad, View dx) const override;
  void VisitParams(ParamVisitor *v) override;
  int64_t NumActiveParams() const override;
  void SetPolicy(const MixturePolicy &policy) override { policy_ = policy; }
  int NumExperts() const { return static_cast<int>(experts_.size()); }

 private:
  // The experts on their rows of x, with packed weights, straight into out.
  void ForwardPacked(const Context &ctx, ConstView x, const DispatchPlan &plan,
                     const LayerOutput &out) const;

  std::unique_ptr<Router> router_;
  std::vector<DenseFeedForward> experts_;
  int experts_per_frame_;
  MixturePolicy policy_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_MOE_FEED_FORWARD_H_
