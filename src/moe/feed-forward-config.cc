#include "moe/feed-forward-config.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "moe/bank-registry.h"
#include "moe/check-router.h"
#include "moe/router-registry.h"
#include "util/text.h"

namespace u2moe {
namespace {

void CheckKnown(const std::string &option, const std::string &name,
                const std::vector<std::string> &known) {
  if (std::count(known.begin(), known.end(), name) > 0) return;
  throw UsageError(option, "=", name, " is unknown; there is ", Join(known, ", "));
}

}  // namespace

void CheckMixture(const FeedForwardConfig &c, const std::string &where, const std::string &prefix) {
  CheckKnown(where + prefix + "router", c.router, RouterNames());
  CheckKnown(where + prefix + "bank", c.bank, BankNames());
  if (c.router_dim < 0 || c.router_dim > 1 << 16)
    throw UsageError(where, prefix, "router-dim=", c.router_dim, " is outside 0 to 65536");
  const auto not_negative = [&](const char *name, float value) {
    if (!(value >= 0 && std::isfinite(value)))
      throw UsageError(where, prefix, name, "=", value, " is not 0 or more");
  };
  not_negative("router-noise", c.router_noise);
  for (const auto &[name, weight] : LossWeights(c)) not_negative(name, weight);
  if (!(c.expert_dropout >= 0 && c.expert_dropout < 1))
    throw UsageError(where, prefix, "expert-dropout=", c.expert_dropout, " is not in [0, 1)");
  if (c.num_experts == 0) return;
  const int most = std::min(c.num_experts, RouterTraitsOf(c.router).max_choices);
  if (c.experts_per_frame < 1 || c.experts_per_frame > most) {
    throw UsageError(where, prefix, "experts-per-frame=", c.experts_per_frame, " is outside 1 to ",
                     most < c.num_experts
                         ? Cat(most, ", what ", prefix, "router=", c.router, " takes")
                         : Cat(prefix, "num-experts=", c.num_experts));
  }
  CheckRouter(c, where, prefix);
  if (RouterTraitsOf(c.router).merges && c.bank != "full") {
    throw UsageError(where, prefix, "bank=", c.bank, " cannot average its experts as ", prefix,
                     "router=", c.router, " does; give ", prefix, "bank=full");
  }
  if ((c.bank == "mpo") == c.mpo_shape.empty() || (c.bank != "mpo" && c.mpo_bond != 0)) {
    throw UsageError(where, prefix, "bank=", c.bank,
                     c.bank == "mpo" ? " needs " : " does not read ", prefix,
                     "mpo-shape, factors of the model's and the hidden dimension as "
                     "4x4x8/4x8x4",
                     c.bank == "mpo" ? "" : ", nor mpo-bond");
  }
  if (!(c.core_gradient >= 0 && c.core_gradient <= 1)) {
    throw UsageError(where, prefix, "core-gradient=", c.core_gradient,
                     " is no share of the steps, from 0 to 1");
  }
  if (c.core_gradient != FeedForwardConfig().core_gradient && c.bank != "mpo") {
    throw UsageError(where, prefix, "core-gradient=", c.core_gradient, " is not read by ", prefix,
                     "bank=", c.bank, ", only by mpo; leave it out");
  }
  if (c.mpo_bond < 0) throw UsageError(where, prefix, "mpo-bond=", c.mpo_bond, " is not 0 or more");
  // Experts that are always on, or those that are left where choices are tied.
  const bool tied = c.bank == "tied", shares = tied || c.bank == "shared-plus-routed";
  const int most_shared = tied ? c.num_experts : shares ? 1 << 14 : 0;
  if (c.num_shared_experts < (shares ? 1 : 0) || c.num_shared_experts > most_shared) {
    throw UsageError(where, prefix, "shared-experts=", c.num_shared_experts, " does not go with ",
                     prefix, "bank=", c.bank, ", which has ",
                     shares ? Cat("1 to ", most_shared) : "0", " of them");
  }
}

bool RouterCanLearn(const FeedForwardConfig &c) {
  const RouterTraits &traits = RouterTraitsOf(c.router);
  const bool no_choice =
      c.num_experts < 2 || (traits.needs_tags && c.num_experts == c.router_pools);
  // What was decided before, or is drawn, is not learnt by the task.
  return no_choice || c.experts_per_frame > 1 || traits.learns_with_one || traits.decided_before ||
         !traits.learns;
}

}  // namespace u2moe
