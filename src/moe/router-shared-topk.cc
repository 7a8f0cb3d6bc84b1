#include "moe/router-shared-topk.h"

#include "moe/router-topk-softmax.h"

namespace u2moe {

SharedTopKRouter::SharedTopKRouter(const RouterConfig &c, MixtureShared *shared)
    : Router(kTraits, c), gate_(shared->Part<Linear>("gate", c.dim, c.num_experts, false)) {
  if (gate_->OutDim() != c.num_experts) {
    throw UsageError("mixtures of ", gate_->OutDim(), " and of ", c.num_experts,
                     " experts cannot share a router (shared-topk); give them the same number");
  }
}

void SharedTopKRouter::Logits(const Context &ctx, const RouteInput &input, View logits,
                              std::unique_ptr<RouterTape> *) const {
  gate_->Forward(ctx, input.x, logits);
}

void SharedTopKRouter::LogitsBackward(const Context &ctx, ConstView x, const RouterTape *,
                                      ConstView dlogits, Router *grad, View dx,
                                      RoutingGradients *) const {
  AddLinearLogitsGradients(ctx, *gate_, x, dlogits, dynamic_cast<SharedTopKRouter &>(*grad).gate_,
                           dx);
}

}  // namespace u2moe
