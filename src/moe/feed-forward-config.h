#ifndef U2MOE_MOE_FEED_FORWARD_CONFIG_H_
#define U2MOE_MOE_FEED_FORWARD_CONFIG_H_

#include <cstdint>
#include <string>

#include "ops/activation.h"

namespace u2moe {

// One feed-forward block: dense or a mixture.
struct FeedForwardConfig {
  int32_t hidden_dim = 2048;
  int32_t num_experts = 0;  // those that are routed to; 0: dense
  int32_t experts_per_frame = 2;
  std::string router = "topk-softmax";  // a row of moe/router-registry.cc
  Activation activation = Activation::kSwish;
  bool bias = true;
  std::string bank = "full";       // a row of moe/bank-registry.cc
  int32_t num_shared_experts = 0;  // of bank shared-plus-routed: experts that are always on
  int32_t router_dim = 0;          // of rmoe: its state, of read-me: its network; 0: model dim / 4
  float router_noise = 1;          // of router noisy-topk: deviation of the noise times num_experts
  // Of the losses of moe/aux-loss.h; 0: none.
  float balance_weight = 0, z_weight = 0, importance_weight = 0, load_weight = 0,
        sparsity_weight = 0, mean_importance_weight = 0, topology_weight = 0, entropy_weight = 0;
  // What single routers and banks read; the others want the default.
  float router_threshold = 0.4f;   // of router top-p: probability that its experts make up
  float router_bias_rate = 1e-3f;  // of router sigmoid-bias: what a step changes a bias by
  int32_t router_pools = 0;        // of router tag-pools: pools of experts, one for each tag
  int32_t router_segment = 16;     // of router segment: frames that share merged experts
  int32_t router_layers = 2, router_heads = 2;  // of speech-moe and read-me: their network
  float router_jitter = 0;    // in training the router sees its rows times uniform 1 +- this
  float expert_dropout = 0;   // dropout within experts; 0: the network's
  float capacity_factor = 0;  // rows that an expert takes, in even shares; 0: dropless
  std::string capacity_order = "first";  // who stays: first, random or priority
  std::string mpo_shape;                 // of bank mpo: "4x4x8/4x8x4", model by hidden
  int32_t mpo_bond = 0;                  // of bank mpo: largest bond dimension; 0: full
  float core_gradient = 1;  // of bank mpo: share of the steps that train what experts share
};

// Throws UsageError that begins with `where`, naming the options with `prefix` before their names
// ("decoder-"), for what cannot be built: an unknown router or bank, and numbers that do not go
// together.
void CheckMixture(const FeedForwardConfig &config, const std::string &where,
                  const std::string &prefix);
// Whether gradient reaches the router: where one expert of several works on a frame, softmax over
// the chosen is 1 whatever the router says. True for dense blocks, and for routers that have
// nothing to learn.
bool RouterCanLearn(const FeedForwardConfig &config);

}  // namespace u2moe

#endif  // U2MOE_MOE_FEED_FORWARD_CONFIG_H_
