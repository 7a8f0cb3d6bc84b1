#ifndef U2MOE_MOE_CHECK_ROUTER_H_
#define U2MOE_MOE_CHECK_ROUTER_H_

#include <string>

#include "moe/feed-forward-config.h"

namespace u2moe {

// The part of CheckMixture that concerns what single routers read, and capacities: throws
// UsageError for a setting that config.router does not read, and for what it cannot do.
// config.router is known, num_experts and experts_per_frame fit it.
void CheckRouter(const FeedForwardConfig &config, const std::string &where,
                 const std::string &prefix);

}  // namespace u2moe

#endif  // U2MOE_MOE_CHECK_ROUTER_H_
