#include "model/mixture-names.h"

#include "base/error.h"

namespace u2moe {

std::string EncoderLayerName(int mixture) {
  return Cat("encoder.encoders.", mixture / 2, ".feed_forward", mixture % 2 == 0 ? "_macaron" : "");
}

std::string DecoderLayerName(bool right, int mixture) {
  return Cat("decoder.", right ? "right" : "left", "_decoder.decoders.", mixture, ".feed_forward");
}

std::vector<std::string> EncoderMixtureNames(const ModelConfig &config) {
  std::vector<std::string> names;
  config.encoder.ForEachMixture([&](int32_t block, bool macaron, const FeedForwardConfig &) {
    names.push_back(EncoderLayerName(2 * block + (macaron ? 0 : 1)));
  });
  return names;
}

std::vector<std::string> DecoderMixtureNames(const ModelConfig &config, bool right) {
  std::vector<std::string> names;
  config.decoder.ForEachMixture(right, [&](int32_t block, const FeedForwardConfig &) {
    names.push_back(DecoderLayerName(right, block));
  });
  return names;
}

}  // namespace u2moe
