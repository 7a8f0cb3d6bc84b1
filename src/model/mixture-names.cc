#include "model/mixture-names.h"

#include "base/error.h"

namespace u2moe {

std::vector<std::string> EncoderMixtureNames(const ModelConfig &config) {
  std::vector<std::string> names;
  config.encoder.ForEachMixture([&](int32_t block, bool macaron, const FeedForwardConfig &) {
    names.push_back(Cat("encoder.encoders.", block, ".feed_forward", macaron ? "_macaron" : ""));
  });
  return names;
}

std::vector<std::string> DecoderMixtureNames(const ModelConfig &config, bool right) {
  std::vector<std::string> names;
  config.decoder.ForEachMixture(right, [&](int32_t block, const FeedForwardConfig &) {
    names.push_back(
        Cat("decoder.", right ? "right" : "left", "_decoder.decoders.", block, ".feed_forward"));
  });
  return names;
}

}  // namespace u2moe
