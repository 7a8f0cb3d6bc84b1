// The fields of a model's configuration by name: one list for each struct, by which model files
// (modelfile/config-json.h) and lists of layers (model/layer-list.h) go.
#ifndef U2MOE_MODEL_CONFIG_FIELDS_H_
#define U2MOE_MODEL_CONFIG_FIELDS_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "model/model-config.h"

namespace u2moe {

struct FieldKind {
  // Outputs do not depend on it: a reader may pass over what it does not know.
  bool training = false;
  // Younger than the first files: written only where it is not the default, so that programs which
  // do not know the field read all models that do not use it.
  bool young = false;
  // What its option of ModelOptions says of it, which sets it in encoder and decoders; null: the
  // field has options of its own for each.
  const char *help = nullptr;
  // Any mixture has it: decoders take over the encoder's whatever their router and bank.
  bool any_mixture = false;
};

// Calls fn(name, pointer to member, kind) for each field of a struct that is no struct itself. The
// names are those of nnet-init's options, without "decoder-".
template <class Fn>
void ForEachField(const FeedForwardConfig *, Fn fn) {
  using C = FeedForwardConfig;
  constexpr FieldKind kPlain{}, kYoung{false, true}, kYoungTraining{true, true};
  const auto fixed = [](const char *help) { return FieldKind{false, true, help}; };
  const auto loss = [](const char *help) { return FieldKind{true, true, help, true}; };
  const auto training = [](const char *help) { return FieldKind{true, true, help}; };
  fn("hidden-dim", &C::hidden_dim, kPlain);
  fn("num-experts", &C::num_experts, kPlain);
  fn("experts-per-frame", &C::experts_per_frame, kPlain);
  fn("router", &C::router, kPlain);
  fn("activation", &C::activation, kPlain);
  fn("ffn-bias", &C::bias, kPlain);
  fn("bank", &C::bank, kYoung);
  fn("shared-experts", &C::num_shared_experts, kYoung);
  fn("router-dim", &C::router_dim, kYoung);
  fn("router-noise", &C::router_noise, kYoungTraining);
  fn("balance-weight", &C::balance_weight, kYoungTraining);
  fn("z-weight", &C::z_weight, kYoungTraining);
  fn("importance-weight", &C::importance_weight,
     loss("training: weight of the loss on uneven sums of the routers' probabilities"));
  fn("load-weight", &C::load_weight,
     loss("training: weight of the loss on uneven smoothed loads of experts"));
  fn("sparsity-weight", &C::sparsity_weight,
     loss("training: weight of the loss that makes each frame's probabilities peaked"));
  fn("mean-importance-weight", &C::mean_importance_weight,
     loss("training: weight of the loss that makes mean probabilities even"));
  fn("topology-weight", &C::topology_weight,
     loss("training: weight of the loss that prefers experts cheap to reach"));
  fn("entropy-weight", &C::entropy_weight,
     loss("training: weight of the entropy of each frame's probabilities"));
  fn("router-threshold", &C::router_threshold,
     fixed("of router top-p: probability that the experts of a frame make up"));
  fn("router-bias-rate", &C::router_bias_rate,
     training("training: what a step changes a bias of router sigmoid-bias by"));
  fn("router-pools", &C::router_pools,
     fixed("of router tag-pools: pools of experts, one for each tag"));
  fn("router-segment", &C::router_segment,
     fixed("of router segment: frames that share merged experts"));
  fn("router-layers", &C::router_layers,
     fixed("of routers speech-moe and read-me: blocks of their own network"));
  fn("router-heads", &C::router_heads, fixed("of router read-me: attention heads of these blocks"));
  fn("router-jitter", &C::router_jitter,
     training("training: routers see their rows times uniform numbers from 1 - this to 1 + this"));
  fn("expert-dropout", &C::expert_dropout,
     training("training: dropout within experts; 0: dropout"));
  fn("capacity-factor", &C::capacity_factor,
     training("training: rows that an expert takes, in even shares; 0: all that come"));
  fn("capacity-order", &C::capacity_order,
     training("training: who stays where an expert has too many: first, random or priority"));
  fn("mpo-shape", &C::mpo_shape,
     fixed("of bank mpo: factors of outputs / of inputs, as 4x4x8/4x8x4; that bank needs it"));
  fn("mpo-bond", &C::mpo_bond, fixed("of bank mpo: largest bond dimension; 0: full"));
  fn("core-gradient", &C::core_gradient,
     training("training: share of the steps in which bank mpo trains what its experts share"));
}

template <class Fn>
void ForEachField(const EncoderConfig *, Fn fn) {
  using C = EncoderConfig;
  constexpr FieldKind kPlain{}, kTraining{true, false};
  fn("feature-dim", &C::feature_dim, kPlain);
  fn("model-dim", &C::model_dim, kPlain);
  fn("num-blocks", &C::num_blocks, kPlain);
  fn("num-heads", &C::num_heads, kPlain);
  fn("subsampling", &C::subsampling, kPlain);
  fn("conv-kernel", &C::conv_kernel, kPlain);
  fn("causal", &C::causal, kPlain);
  fn("conv-norm", &C::conv_norm, kPlain);
  fn("dynamic-chunk", &C::dynamic_chunk, kPlain);
  fn("dynamic-left-chunk", &C::dynamic_left_chunk, kTraining);
  fn("dropout", &C::dropout, kTraining);
  fn("positional-dropout", &C::positional_dropout, kTraining);
}

template <class Fn>
void ForEachField(const DecoderConfig *, Fn fn) {
  using C = DecoderConfig;
  constexpr FieldKind kPlain{}, kTraining{true, false};
  fn("blocks", &C::num_blocks, kPlain);
  fn("reverse-blocks", &C::num_reverse_blocks, kPlain);
  fn("heads", &C::num_heads, kPlain);
  fn("dropout", &C::dropout, kTraining);
  fn("positional-dropout", &C::positional_dropout, kTraining);
}

template <class Fn>
void ForEachField(const ModelConfig *, Fn fn) {
  using C = ModelConfig;
  constexpr FieldKind kPlain{}, kTraining{true, false};
  fn("vocab-size", &C::vocab_size, kPlain);
  fn("blank", &C::blank, kPlain);
  fn("sos", &C::sos, kPlain);
  fn("eos", &C::eos, kPlain);
  fn("ctc-weight", &C::ctc_weight, kTraining);
  fn("reverse-weight", &C::reverse_weight, kTraining);
  fn("label-smoothing", &C::label_smoothing, kTraining);
  fn("length-normalized-loss", &C::length_normalized_loss, kTraining);
}

// A value as options write it, which FieldFromText reads back to the same value. false: text is no
// such value.
std::string FieldText(bool v);
std::string FieldText(int32_t v);
std::string FieldText(float v);
std::string FieldText(const std::string &v);
std::string FieldText(Activation v);
std::string FieldText(ConvNorm v);
bool FieldFromText(const std::string &text, bool *v);
bool FieldFromText(const std::string &text, int32_t *v);
bool FieldFromText(const std::string &text, float *v);  // finite
bool FieldFromText(const std::string &text, std::string *v);
bool FieldFromText(const std::string &text, Activation *v);
bool FieldFromText(const std::string &text, ConvNorm *v);

// The same in JSON: numbers and booleans as such, names as strings. false: of a wrong type, or
// beyond what fits.
nlohmann::json FieldJson(bool v);
nlohmann::json FieldJson(int32_t v);
nlohmann::json FieldJson(float v);
nlohmann::json FieldJson(const std::string &v);
nlohmann::json FieldJson(Activation v);
nlohmann::json FieldJson(ConvNorm v);
bool FieldFromJson(const nlohmann::json &j, bool *v);
bool FieldFromJson(const nlohmann::json &j, int32_t *v);
bool FieldFromJson(const nlohmann::json &j, float *v);
bool FieldFromJson(const nlohmann::json &j, std::string *v);
bool FieldFromJson(const nlohmann::json &j, Activation *v);
bool FieldFromJson(const nlohmann::json &j, ConvNorm *v);

}  // namespace u2moe

#endif  // U2MOE_MODEL_CONFIG_FIELDS_H_
