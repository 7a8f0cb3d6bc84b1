#include "moe/router-tag-pools.h"

#include <limits>

#include "moe/row-places.h"

namespace u2moe {

TagPoolsRouter::TagPoolsRouter(const RouterConfig &c)
    : TopKSoftmaxRouter(kTraits, c), num_pools_(c.num_pools) {
  if (num_pools_ < 1 || c.num_experts % num_pools_ != 0 ||
      c.num_choices > c.num_experts / num_pools_) {
    throw UsageError("the router 'tag-pools' cannot make ", num_pools_, " pools of ", c.num_experts,
                     " experts, with ", c.num_choices, " of its pool for a frame");
  }
}

void TagPoolsRouter::Prepare(const Context &, const RouteCall &call, Routes *routes) const {
  const int size = NumExperts() / num_pools_;
  ForEachSequence(
      call, routes->logits.Rows(), [&](int64_t begin, int64_t end, const SequenceFacts &facts) {
        if (facts.tag < 0 || facts.tag >= num_pools_) {
          throw DataError(MixtureName(call),
                          " has pools of experts by tag (router tag-pools), and ",
                          facts.tag < 0 ? Cat("no tag of the utterance is known")
                                        : Cat("none for tag number ", facts.tag),
                          "; nnet-train, nnet-forward and moe-route-stats take --tags, other tools "
                          "cannot use such a model");
        }
        for (int64_t t = begin; t < end; ++t) {
          for (int e = 0; e < NumExperts(); ++e) {
            if (e / size != facts.tag)
              routes->logits(t, e) = -std::numeric_limits<float>::infinity();
          }
        }
      });
}

}  // namespace u2moe
