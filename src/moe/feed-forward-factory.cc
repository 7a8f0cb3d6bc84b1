#include "moe/feed-forward-factory.h"

#include "moe/moe-feed-forward.h"

namespace u2moe {

std::unique_ptr<FeedForward> MakeFeedForward(int64_t dim, const FeedForwardConfig &c, float dropout,
                                             MixtureShared *shared) {
  if (c.num_experts == 0) {
    return std::make_unique<DenseFeedForward>(dim, c.hidden_dim, c.activation, c.bias, dropout);
  }
  return std::make_unique<MoeFeedForward>(dim, c, dropout, shared);
}

}  // namespace u2moe
