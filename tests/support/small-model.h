// The shape of a model that is small enough for hours of frames in a test.
#ifndef U2MOE_TESTS_SUPPORT_SMALL_MODEL_H_
#define U2MOE_TESTS_SUPPORT_SMALL_MODEL_H_

#include "model/model-config.h"

namespace u2moe {

// num_experts 0: dense. Dimensions that matter to a test are its own to set.
inline ModelOptions SmallModelOptions(int num_blocks, int num_experts) {
  ModelOptions options;
  options.feature_dim = 20;
  options.model_dim = 16;
  options.num_blocks = num_blocks;
  options.num_heads = 2;
  options.hidden_dim = 32;
  options.num_experts = num_experts;
  options.decoder_blocks = 1;
  options.reverse_decoder_blocks = 0;
  options.reverse_weight = 0;
  options.vocab_size = 10;
  options.blank = 0;
  options.sos = options.eos = 9;
  return options;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_SUPPORT_SMALL_MODEL_H_
