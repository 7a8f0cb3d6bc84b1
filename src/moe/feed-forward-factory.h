#ifndef U2MOE_MOE_FEED_FORWARD_FACTORY_H_
#define U2MOE_MOE_FEED_FORWARD_FACTORY_H_

#include <cstdint>
#include <memory>

#include "layer/feed-forward.h"
#include "moe/feed-forward-config.h"
#include "moe/mixture-shared.h"

namespace u2moe {

// Dense if config.num_experts is 0, else a mixture. shared: of all mixtures of the same encoder or
// decoder; null for one that stands alone.
std::unique_ptr<FeedForward> MakeFeedForward(int64_t dim, const FeedForwardConfig &config,
                                             float dropout, MixtureShared *shared);

}  // namespace u2moe

#endif  // U2MOE_MOE_FEED_FORWARD_FACTORY_H_
