#ifndef U2MOE_MOE_ROUTER_SWITCH_H_
#define U2MOE_MOE_ROUTER_SWITCH_H_

#include "moe/router-topk-softmax.h"

namespace u2moe {

// Switch (arXiv 2101.03961): logits = W x, the expert with the largest, its gate = its probability
// in the softmax over all experts, so that the router learns although one expert works alone. The
// class takes the K largest with their probabilities; the registry makes it with one.
class SwitchRouter : public TopKSoftmaxRouter {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.gates_sum_to_one = false;
    t.learns_with_one = true;
    t.max_choices = 1;
    return t;
  }();

  explicit SwitchRouter(const RouterConfig &config) : TopKSoftmaxRouter(kTraits, config) {}
  void Gate(int64_t begin, int64_t end, Routes *routes) const override;

 protected:
  // For those whose gates are these too.
  SwitchRouter(const RouterTraits &traits, const RouterConfig &config)
      : TopKSoftmaxRouter(traits, config) {}
  void GateBackward(const Routes &routes, Span<float> dgates, View dlogits) const override;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_SWITCH_H_
