// The shape of a U2++ model. It lives in the model file; decoding needs no other configuration.
#ifndef U2MOE_MODEL_MODEL_CONFIG_H_
#define U2MOE_MODEL_MODEL_CONFIG_H_

#include <cstdint>
#include <string>

#include "moe/feed-forward-factory.h"

namespace u2moe {

enum class ConvNorm { kLayerNorm, kBatchNorm };

struct EncoderConfig {
  int32_t feature_dim = 80;
  int32_t model_dim = 256;
  int32_t num_blocks = 12;
  int32_t num_heads = 4;
  int32_t subsampling = 4;  // 4, 6 or 8: WeNet's conv2d, conv2d6, conv2d8
  int32_t conv_kernel = 8;
  bool causal = true;  // the convolution sees no future frame; needed for streaming
  ConvNorm conv_norm = ConvNorm::kLayerNorm;
  bool dynamic_chunk = true;        // trained with random chunk sizes
  bool dynamic_left_chunk = false;  // and with random left context
  FeedForwardConfig ffn;
  float dropout = 0.1f, positional_dropout = 0.1f;
};

struct DecoderConfig {
  int32_t num_blocks = 3;          // left to right
  int32_t num_reverse_blocks = 3;  // right to left; 0: no such decoder
  int32_t num_heads = 4;
  FeedForwardConfig ffn;  // activation relu, WeNet's default for decoders
  float dropout = 0.1f, positional_dropout = 0.1f;

  DecoderConfig() { ffn.activation = Activation::kRelu; }
};

struct ModelConfig {
  EncoderConfig encoder;
  DecoderConfig decoder;
  int32_t vocab_size = 0;  // set from the units
  int32_t blank = 0, sos = 0, eos = 0;
  // Training objective (WeNet asr_model.py): w * CTC + (1 - w) * ((1 - r) * L2R + r * R2L).
  float ctc_weight = 0.3f, reverse_weight = 0.3f, label_smoothing = 0.1f;
  bool length_normalized_loss = false;
};

}  // namespace u2moe

#endif  // U2MOE_MODEL_MODEL_CONFIG_H_
