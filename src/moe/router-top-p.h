#ifndef U2MOE_MOE_ROUTER_TOP_P_H_
#define U2MOE_MOE_ROUTER_TOP_P_H_

#include "moe/router-topk-softmax.h"

namespace u2moe {

// As many experts as a row needs (arXiv 2403.07652): logits = W x, p their softmax over all
// experts; the smallest set whose p sum to `threshold` or more, the largest first, and at most K of
// them. Gates = softmax over the kept, as in topk-softmax, which this is where threshold = 1. A row
// with one expert has gate 1 and teaches the router nothing.
class TopPRouter : public TopKSoftmaxRouter {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.fixed_choices = false;
    return t;
  }();

  explicit TopPRouter(const RouterConfig &config);
  void Select(int64_t begin, int64_t end, const CachedVector<bool> *open,
              Routes *routes) const override;

 private:
  double threshold_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_TOP_P_H_
