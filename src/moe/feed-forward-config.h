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
  int32_t router_dim = 0;          // of router rmoe: width of its state; 0: model dim / 4
  float router_noise = 1;          // of router noisy-topk: deviation of the noise times num_experts
  float balance_weight = 0, z_weight = 0;  // of the losses of moe/aux-loss.h; 0: none
};

// Throws UsageError that begins with `where`, naming the options with `prefix` before their names
// ("decoder-"), for what cannot be built: an unknown router or bank, and numbers that do not go
// together.
void CheckMixture(const FeedForwardConfig &config, const std::string &where,
                  const std::string &prefix);
// Whether gradient reaches the router: where one expert of several works on a frame, softmax over
// the chosen is 1 whatever the router says. True for dense blocks.
bool RouterCanLearn(const FeedForwardConfig &config);

}  // namespace u2moe

#endif  // U2MOE_MOE_FEED_FORWARD_CONFIG_H_
