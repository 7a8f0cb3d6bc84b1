#ifndef U2MOE_MOE_ROUTER_TAG_POOLS_H_
#define U2MOE_MOE_ROUTER_TAG_POOLS_H_

#include "moe/router-topk-softmax.h"

namespace u2moe {

// Experts in pools of E / P, one pool for each of P tags of utterances: languages, corpora, kinds
// of speech (after the pools by modality of arXiv 2303.07226). The rows of an utterance of tag i
// are routed by topk-softmax among the experts from i E / P on; the logits of all others are
// -infinity, for losses and statistics too. What belongs to the other pools gets no gradient at
// all.
class TagPoolsRouter : public TopKSoftmaxRouter {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.needs_tags = true;
    return t;
  }();

  // Throws UsageError unless the pools divide the experts and hold K of them.
  explicit TagPoolsRouter(const RouterConfig &config);

 protected:
  // Throws DataError for a sequence without a tag of the model's.
  void Prepare(const Context &ctx, const RouteCall &call, Routes *routes) const override;

 private:
  int num_pools_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_TAG_POOLS_H_
