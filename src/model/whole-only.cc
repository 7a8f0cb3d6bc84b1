#include "model/whole-only.h"

#include "base/error.h"
#include "moe/router-registry.h"

namespace u2moe {

std::string WhyWholeOnly(const EncoderConfig &config) {
  std::string why;
  config.ForEachMixture([&](int32_t block, bool macaron, const FeedForwardConfig &c) {
    if (!why.empty() || RouterTraitsOf(c.router).may_stream) return;
    why = Cat("router=", c.router, " of encoder.encoders.", block, ".feed_forward",
              macaron ? "_macaron" : "",
              " chooses by all frames of an utterance, also by those to come");
  });
  return why;
}

}  // namespace u2moe
