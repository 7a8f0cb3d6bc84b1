// Whom the battery tests: each router with the full bank, each bank with topk-softmax, and some of
// both.
#ifndef U2MOE_TESTS_MOE_BATTERY_H_
#define U2MOE_TESTS_MOE_BATTERY_H_

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "moe/bank-registry.h"
#include "moe/router-registry.h"

namespace u2moe {

inline constexpr int64_t kDim = 4;
inline constexpr int kLayers = 3;

struct Subject {
  std::string name;
  FeedForwardConfig config;

  const RouterTraits &Router() const { return RouterTraitsOf(config.router); }
  BankTraits Bank() const { return MakeBank(kDim, config, 0)->Traits(); }
};

inline void PrintTo(const Subject &s, std::ostream *os) { *os << s.name; }

inline FeedForwardConfig Config(const std::string &router, const std::string &bank) {
  FeedForwardConfig c;
  c.hidden_dim = 3;
  c.num_experts = 4;
  c.router = router;
  c.experts_per_frame = std::min(2, RouterTraitsOf(router).max_choices);
  c.router_dim = RouterTraitsOf(router).decided_before ? 4 : 3;
  c.router_threshold = router == "top-p" ? 0.6f : c.router_threshold;
  c.router_pools = RouterTraitsOf(router).needs_tags ? 2 : 0;
  if (router == "segment") c.router_segment = 2;
  if (RouterTraitsOf(router).needs_embedding || RouterTraitsOf(router).decided_before)
    c.router_layers = 1;
  c.bank = bank;
  if (bank == "shared-plus-routed") c.num_shared_experts = 2;
  if (bank == "mpo") c.hidden_dim = 4, c.mpo_shape = "1x2x2/2x1x2";
  if (bank == "tied") c.num_shared_experts = 4;  // none tied yet; see bank-tied-test.cc
  return c;
}

// The most experts that a row may have.
inline int MostChoices(const FeedForwardConfig &c) {
  return std::min(RouterTraitsOf(c.router).max_choices,
                  c.num_experts / std::max(1, c.router_pools));
}

inline std::vector<Subject> Subjects() {
  std::vector<Subject> subjects;
  for (const std::string &router : RouterNames())
    subjects.push_back({"router " + router, Config(router, "full")});
  for (const std::string &bank : BankNames())
    subjects.push_back({"bank " + bank, Config("topk-softmax", bank)});
  subjects.push_back({"rmoe + shared", Config("rmoe", "shared-plus-routed")});
  subjects.push_back({"switch + shared", Config("switch", "shared-plus-routed")});
  subjects.push_back({"capacity", Config("topk-softmax", "full")});
  subjects.back().config.capacity_factor = 0.7f;
  return subjects;
}

// All that belongs to routers is called so.
inline bool IsRouterParam(const std::string &name) {
  return name.find("gate.") != std::string::npos;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_MOE_BATTERY_H_
