#ifndef U2MOE_MOE_ROUTER_REGISTRY_H_
#define U2MOE_MOE_ROUTER_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "moe/mixture-shared.h"
#include "moe/router.h"

namespace u2moe {

// A router by its name in the model file; throws DataError listing the known names, and UsageError
// for one whose numbers do not fit it or what is in `shared`.
std::unique_ptr<Router> MakeRouter(const std::string &name, const RouterConfig &config,
                                   MixtureShared *shared);
// Without making one; throws the same DataError.
const RouterTraits &RouterTraitsOf(const std::string &name);
std::vector<std::string> RouterNames();

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_REGISTRY_H_
