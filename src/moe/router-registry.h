#ifndef U2MOE_MOE_ROUTER_REGISTRY_H_
#define U2MOE_MOE_ROUTER_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "moe/router.h"

namespace u2moe {

// A router by its name in the model file; throws DataError listing the known names.
std::unique_ptr<Router> MakeRouter(const std::string &name, int64_t dim, int num_experts,
                                   int num_choices);
std::vector<std::string> RouterNames();

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_REGISTRY_H_
