// The shape of a U2++ model. It lives in the model file; decoding needs no other configuration.
#ifndef U2MOE_MODEL_MODEL_CONFIG_H_
#define U2MOE_MODEL_MODEL_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "moe/feed-forward-factory.h"

namespace u2moe {

class OptionParser;

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
  FeedForwardConfig ffn;            // of all feed-forward layers, but for
  // each layer as it is, in the order of the network (macaron and last of block 0, ...), where they
  // differ; empty where they do not.
  std::vector<FeedForwardConfig> layers;
  float dropout = 0.1f, positional_dropout = 0.1f;

  const FeedForwardConfig &FeedForwardOf(int32_t block, bool macaron) const {
    const size_t i = 2 * static_cast<size_t>(block) + (macaron ? 0 : 1);
    return i < layers.size() ? layers[i] : ffn;
  }
  // Calls fn(block, macaron, config) for each mixture, in the order of the network, which is that
  // of RouteSink.
  template <class Fn>
  void ForEachMixture(Fn fn) const {
    for (int32_t block = 0; block < num_blocks; ++block) {
      for (const bool macaron : {true, false}) {
        const FeedForwardConfig &config = FeedForwardOf(block, macaron);
        if (config.num_experts > 0) fn(block, macaron, config);
      }
    }
  }
  int32_t NumMixtures() const {
    int32_t n = 0;
    ForEachMixture([&n](int32_t, bool, const FeedForwardConfig &) { ++n; });
    return n;
  }
};

struct DecoderConfig {
  int32_t num_blocks = 3;          // left to right
  int32_t num_reverse_blocks = 3;  // right to left; 0: no such decoder
  int32_t num_heads = 4;
  FeedForwardConfig ffn;  // activation relu, WeNet's default for decoders
  // Block by block, as EncoderConfig::layers; the same for both decoders.
  std::vector<FeedForwardConfig> layers;
  float dropout = 0.1f, positional_dropout = 0.1f;

  DecoderConfig() { ffn.activation = Activation::kRelu; }
  int32_t NumBlocks(bool reverse) const { return reverse ? num_reverse_blocks : num_blocks; }
  const FeedForwardConfig &FeedForwardOf(int32_t block) const {
    const size_t i = static_cast<size_t>(block);
    return i < layers.size() ? layers[i] : ffn;
  }
  // Calls fn(block, config) for each mixture of the one or the other decoder.
  template <class Fn>
  void ForEachMixture(bool reverse, Fn fn) const {
    for (int32_t block = 0; block < NumBlocks(reverse); ++block) {
      const FeedForwardConfig &config = FeedForwardOf(block);
      if (config.num_experts > 0) fn(block, config);
    }
  }
  int32_t NumMixtures(bool reverse) const {
    int32_t n = 0;
    ForEachMixture(reverse, [&n](int32_t, const FeedForwardConfig &) { ++n; });
    return n;
  }
};

struct ModelConfig {
  EncoderConfig encoder;
  DecoderConfig decoder;
  int32_t vocab_size = 0;  // set from the units
  int32_t blank = 0, sos = 0, eos = 0;
  // Training objective (WeNet asr_model.py): w * CTC + (1 - w) * ((1 - r) * L2R + r * R2L).
  float ctc_weight = 0.3f, reverse_weight = 0.3f, label_smoothing = 0.1f;
  bool length_normalized_loss = false;

  // Calls fn(config) for each mixture of encoder and decoders.
  template <class Fn>
  void ForEachMixture(Fn fn) const {
    encoder.ForEachMixture([&](int32_t, bool, const FeedForwardConfig &c) { fn(c); });
    for (const bool reverse : {false, true})
      decoder.ForEachMixture(reverse, [&](int32_t, const FeedForwardConfig &c) { fn(c); });
  }
  bool HasMixtures() const {
    return encoder.NumMixtures() + decoder.NumMixtures(false) + decoder.NumMixtures(true) > 0;
  }
};

// ModelConfig as named options: on a command line, in a model.conf of name=value lines, and in
// reports. A decoder value that is not given (negative, 0 or "", as documented) is the encoder's.
struct ModelOptions {
  int32_t feature_dim = 80, model_dim = 256, num_blocks = 12, num_heads = 4, subsampling = 4,
          conv_kernel = 8;
  bool causal = true;
  std::string conv_norm = "layer-norm";
  bool dynamic_chunk = true, dynamic_left_chunk = false;
  int32_t hidden_dim = 2048, num_experts = 0, experts_per_frame = 2;
  std::string router = "topk-softmax", activation = "swish";
  bool ffn_bias = true;
  std::string bank = "full";
  int32_t shared_experts = 0, router_dim = 0;
  float router_noise = 1, balance_weight = 0, z_weight = 0;
  // Its fields that have FieldKind::help: of the encoder, and of decoders whose mixtures have the
  // same router and bank, or that have FieldKind::any_mixture.
  FeedForwardConfig mixture;
  std::string layers;  // see model/layer-list.h
  float dropout = 0.1f, positional_dropout = -1;
  int32_t decoder_blocks = 3, reverse_decoder_blocks = 3, decoder_heads = 0, decoder_hidden_dim = 0;
  int32_t decoder_num_experts = -1, decoder_experts_per_frame = 0;
  std::string decoder_router, decoder_activation = "relu";
  bool decoder_ffn_bias = true;
  std::string decoder_bank;
  int32_t decoder_shared_experts = -1, decoder_router_dim = -1;
  float decoder_router_noise = -1, decoder_balance_weight = -1, decoder_z_weight = -1;
  std::string decoder_layers;
  float decoder_dropout = -1, decoder_positional_dropout = -1;
  int32_t vocab_size = 0, blank = -1, sos = -1, eos = -1;
  float ctc_weight = 0.3f, reverse_weight = 0.3f, label_smoothing = 0.1f;
  bool length_normalized_loss = false;

  ModelOptions() = default;
  explicit ModelOptions(const ModelConfig &config);  // every value given

  // One of the shapes of arXiv 2404.16407 at full size, with a vocabulary of 8192: "dense-225m",
  // "moe-1b" (8 experts, 2 active, in encoder and decoders) or "dense-1b". Throws UsageError for
  // others.
  static ModelOptions Preset(const std::string &name);

  void Register(OptionParser *po);
  // Takes over from `other` the values of the options that were given to po.
  void TakeGiven(const OptionParser &po, const ModelOptions &other);
  // Fills vocab_size, blank, sos and eos, where not given, from the list of units: <blank>, and
  // <sos/eos> or <sos> and <eos>, else the last unit. Throws UsageError if vocab_size was given and
  // differs.
  void SetUnits(const std::vector<std::string> &units);
  // Throws UsageError naming the option, its value and what is allowed.
  void Check() const;
  // The checked configuration.
  ModelConfig Config() const;

  std::string ToString() const;  // name=value lines, as ReadConfigFile reads them
  // One flat JSON object of all options: what nnet-info reports, and what model files held before
  // version 4 (modelfile/config-json.h has what they hold now). Reading: an option that is absent
  // has its default, which a warning names if models have always had the option. An entry that is
  // unknown is passed over, with a warning, if its value says that something is off. DataError,
  // beginning with source, for all else. Read values are not checked for their meaning: see Check.
  std::string ToJson() const;
  static ModelOptions FromJson(const std::string &text, const std::string &source);
};

// Throws UsageError naming the option, its value and what is allowed.
void CheckConfig(const ModelConfig &config);

// Throws UsageError for router-dim and router-noise where no mixture reads them. Files of models
// are not asked: those of older versions may have them.
void CheckSettingsAreRead(const ModelConfig &config);

// Throws UsageError that begins with source for a model that can be run but not trained: where one
// expert of several works on a frame, its gate is 1 whatever a router of softmax over the chosen
// says.
void CheckCanLearn(const ModelConfig &config, const std::string &source);

// A lower bound of the number of floats in such a model, in double so that no configuration
// overflows it. It lets a reader refuse a header whose model would not fit its file, before
// anything is allocated.
double MinModelFloats(const ModelConfig &config);

}  // namespace u2moe

#endif  // U2MOE_MODEL_MODEL_CONFIG_H_
