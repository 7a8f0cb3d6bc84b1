#include "moe/check-router.h"

#include <cmath>
#include <utility>

#include "moe/capacity.h"
#include "moe/router-registry.h"

namespace u2moe {

std::array<std::pair<const char *, float>, 8> LossWeights(const FeedForwardConfig &c) {
  return {{{"balance-weight", c.balance_weight},
           {"z-weight", c.z_weight},
           {"importance-weight", c.importance_weight},
           {"load-weight", c.load_weight},
           {"sparsity-weight", c.sparsity_weight},
           {"mean-importance-weight", c.mean_importance_weight},
           {"topology-weight", c.topology_weight},
           {"entropy-weight", c.entropy_weight}}};
}

void CheckRouter(const FeedForwardConfig &c, const std::string &where, const std::string &prefix) {
  const FeedForwardConfig plain;
  const RouterTraits &traits = RouterTraitsOf(c.router);
  // Lists of layers have no prefix, but say whose they are.
  const bool decoder = prefix == "decoder-" || where.compare(0, 8, "decoder-") == 0;
  const auto fail = [&](const char *name, const auto &value, const auto &...what) {
    throw UsageError(where, prefix, name, "=", value, " ", what...);
  };
  const auto read_by = [&](const char *name, const auto &value, const auto &otherwise, bool read,
                           const char *routers) {
    if (value != otherwise && !read) {
      fail(name, value, "is not read by ", prefix, "router=", c.router, ", only by ", routers,
           "; leave it out");
    }
  };
  const auto in_range = [&](const char *name, int32_t value, int32_t most) {
    if (value < 1 || value > most) fail(name, value, "is outside 1 to ", most);
  };
  read_by("router-threshold", c.router_threshold, plain.router_threshold, c.router == "top-p",
          "top-p");
  read_by("router-bias-rate", c.router_bias_rate, plain.router_bias_rate,
          c.router == "sigmoid-bias", "sigmoid-bias");
  read_by("router-pools", c.router_pools, plain.router_pools, traits.needs_tags, "tag-pools");
  read_by("router-segment", c.router_segment, plain.router_segment, c.router == "segment",
          "segment");
  const bool has_blocks = traits.needs_embedding || traits.decided_before;
  read_by("router-layers", c.router_layers, plain.router_layers, has_blocks,
          "speech-moe and read-me");
  read_by("router-heads", c.router_heads, plain.router_heads, traits.decided_before, "read-me");
  if (has_blocks) in_range("router-layers", c.router_layers, 1000);
  if (traits.decided_before) in_range("router-heads", c.router_heads, 1 << 10);
  if (traits.merges) in_range("router-segment", c.router_segment, 1 << 20);
  if (c.router == "top-p" && !(c.router_threshold > 0 && c.router_threshold <= 1))
    fail("router-threshold", c.router_threshold, "is no probability above 0, up to 1");
  if (c.router == "sigmoid-bias" && !(c.router_bias_rate >= 0 && std::isfinite(c.router_bias_rate)))
    fail("router-bias-rate", c.router_bias_rate, "is not 0 or more");
  if (c.router == "tag-pools") {
    if (c.router_pools < 1 || c.num_experts % c.router_pools != 0) {
      fail("router-pools", c.router_pools, "does not divide ", prefix,
           "num-experts=", c.num_experts, ": there is one pool for each tag, all of one size");
    }
    if (c.experts_per_frame > c.num_experts / c.router_pools) {
      fail("experts-per-frame", c.experts_per_frame, "is more than the ",
           c.num_experts / c.router_pools, " experts of a pool; give more experts or fewer pools");
    }
  }
  if (c.router == "expert-choice" && decoder) {
    throw UsageError(where, prefix,
                     "router=expert-choice: an expert chooses among all tokens, so "
                     "that the choice for a token would depend on those after it, which decoding "
                     "does not know; give the decoders another router");
  }
  if (traits.encoder_only && decoder) {
    throw UsageError(where, prefix, "router=", c.router,
                     " is for encoders: decoders have neither frames nor an embedding of them; "
                     "give decoder-router=topk-softmax, or decoder-num-experts=0");
  }
  if (traits.needs_tags && decoder) {
    throw UsageError(where, prefix, "router=", c.router,
                     ": tags of utterances go to the encoder only; give the decoders another "
                     "router");
  }
  if (!(c.router_jitter >= 0 && c.router_jitter < 1))
    fail("router-jitter", c.router_jitter, "is not in [0, 1)");
  if (c.router_jitter > 0 && (!traits.reads_rows || traits.decided_before))
    fail("router-jitter", c.router_jitter, "has no effect with ", prefix, "router=", c.router,
         ", which does not look at what is in a frame; leave it out");
  if (!(c.capacity_factor >= 0 && std::isfinite(c.capacity_factor)))
    fail("capacity-factor", c.capacity_factor, "is not 0 (no limit) or more");
  if (!IsCapacityOrder(c.capacity_order))
    fail("capacity-order", c.capacity_order, "is unknown; there is first, random, priority");
  if (c.capacity_factor == 0 && c.capacity_order != plain.capacity_order)
    fail("capacity-order", c.capacity_order, "has no effect without ", prefix, "capacity-factor");
  if (c.capacity_factor > 0 && traits.experts_choose)
    fail("capacity-factor", c.capacity_factor, "does not go with ", prefix, "router=", c.router,
         ", whose experts have a capacity of their own");
  if (c.capacity_factor > 0 && traits.merges)
    fail("capacity-factor", c.capacity_factor, "does not go with ", prefix, "router=", c.router,
         ", whose rows use all experts at once");
  if (c.capacity_factor > 0 && decoder && c.capacity_order != "first")
    fail("capacity-order", c.capacity_order,
         "lets tokens lose their experts to later ones, which "
         "decoding does not know; decoders take first");
  for (const auto &[name, weight] : LossWeights(c)) {
    if (weight != 0 && !traits.learns) {
      fail(name, weight, "has no effect with ", prefix, "router=", c.router,
           ", which learns nothing; leave it out");
    }
  }
  // Losses on loads, which are even whatever the logits are.
  if (c.balance_weight != 0 && (traits.merges || traits.experts_choose))
    fail("balance-weight", c.balance_weight, "has no effect with ", prefix, "router=", c.router,
         ", whose experts all have the same load; leave it out");
  if (c.load_weight != 0 && traits.merges)
    fail("load-weight", c.load_weight, "has no effect with ", prefix, "router=", c.router,
         ", whose experts all have the same load; leave it out");
}

}  // namespace u2moe
