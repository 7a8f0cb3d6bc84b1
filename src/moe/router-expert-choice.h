#ifndef U2MOE_MOE_ROUTER_EXPERT_CHOICE_H_
#define U2MOE_MOE_ROUTER_EXPERT_CHOICE_H_

#include "moe/router-switch.h"

namespace u2moe {

// Experts choose rows (arXiv 2202.09368): logits = W x, p their softmax over the experts; of the T
// rows of a sequence each expert takes the C = ceil(T K / E) of the largest p, ties to the earlier
// row. Gates are p. Every expert has the same load; a row has K experts on average, 0 to E of them.
// The paper takes the rows of a batch; here each utterance is divided among the experts by itself,
// so that its results do not depend on its company. They do depend on rows to come: there are
// neither streams nor chunks, and no decoder may be routed so.
class ExpertChoiceRouter : public SwitchRouter {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.gates_sum_to_one = t.rows_independent = t.may_stream = t.fixed_choices = false;
    t.learns_with_one = t.experts_choose = true;
    t.elastic = false;
    return t;
  }();

  explicit ExpertChoiceRouter(const RouterConfig &config) : SwitchRouter(kTraits, config) {}

 protected:
  void Choose(const RouteCall &call, Routes *routes) const override;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_EXPERT_CHOICE_H_
