#ifndef U2MOE_MODEL_WHOLE_ONLY_H_
#define U2MOE_MODEL_WHOLE_ONLY_H_

#include <string>

#include "model/model-config.h"

namespace u2moe {

// Why the encoder takes whole utterances only, neither streams nor chunks: the first mixture whose
// router chooses by rows to come. Empty: it takes chunks.
std::string WhyWholeOnly(const EncoderConfig &config);

}  // namespace u2moe

#endif  // U2MOE_MODEL_WHOLE_ONLY_H_
