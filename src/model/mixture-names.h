#ifndef U2MOE_MODEL_MIXTURE_NAMES_H_
#define U2MOE_MODEL_MIXTURE_NAMES_H_

#include <string>
#include <vector>

#include "model/model-config.h"

namespace u2moe {

// The feed-forward of a RouteCall::mixture in the encoder or in one of the decoders, mixture or
// not.
std::string EncoderLayerName(int mixture);
std::string DecoderLayerName(bool right, int mixture);

// Names of the mixtures of a model in the order in which a RouteSink hears of them, as in the
// parameter names: "encoder.encoders.0.feed_forward_macaron". Empty for a dense part.
std::vector<std::string> EncoderMixtureNames(const ModelConfig &config);
std::vector<std::string> DecoderMixtureNames(const ModelConfig &config, bool right);

}  // namespace u2moe

#endif  // U2MOE_MODEL_MIXTURE_NAMES_H_
