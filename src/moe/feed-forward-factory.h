#ifndef U2MOE_MOE_FEED_FORWARD_FACTORY_H_
#define U2MOE_MOE_FEED_FORWARD_FACTORY_H_

#include <cstdint>
#include <memory>
#include <string>

#include "layer/feed-forward.h"

namespace u2moe {

struct FeedForwardConfig {
  int32_t hidden_dim = 2048;
  int32_t num_experts = 0;  // 0: dense
  int32_t experts_per_frame = 2;
  std::string router = "topk-softmax";  // a row of moe/router-registry.cc
  Activation activation = Activation::kSwish;
  bool bias = true;
  std::string bank = "full";       // how the experts keep their parameters
  int32_t num_shared_experts = 0;  // that work on every frame, beside the routed ones
  int32_t router_dim = 0;          // width of what the router keeps for itself; 0: its own default
  // Training only: the scale of the noise of a noisy router, and the weights of the losses that a
  // mixture adds.
  float router_noise = 1.0f;
  float balance_weight = 0, z_weight = 0;
};

// Dense if config.num_experts is 0, else a mixture.
std::unique_ptr<FeedForward> MakeFeedForward(int64_t dim, const FeedForwardConfig &config,
                                             float dropout);

}  // namespace u2moe

#endif  // U2MOE_MOE_FEED_FORWARD_FACTORY_H_
