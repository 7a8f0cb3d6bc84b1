#ifndef U2MOE_MOE_CHECK_ROUTER_H_
#define U2MOE_MOE_CHECK_ROUTER_H_

#include <array>
#include <string>
#include <utility>

#include "moe/feed-forward-config.h"

namespace u2moe {

// The weights of the losses of moe/aux-loss.h, by the names of their options.
std::array<std::pair<const char *, float>, 8> LossWeights(const FeedForwardConfig &config);

// The part of CheckMixture that concerns the router, and capacities: throws UsageError for a
// setting that config.router does not read, and for what it cannot do. config.router is known,
// num_experts and experts_per_frame fit it.
void CheckRouter(const FeedForwardConfig &config, const std::string &where,
                 const std::string &prefix);

}  // namespace u2moe

#endif  // U2MOE_MOE_CHECK_ROUTER_H_
