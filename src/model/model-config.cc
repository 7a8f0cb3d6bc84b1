#include "model/model-config.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "model/config-fields.h"
#include "model/layer-list.h"
#include "model/whole-only.h"
#include "moe/bank-registry.h"
#include "moe/router-registry.h"
#include "util/json.h"
#include "util/options.h"
#include "util/text.h"

namespace u2moe {
namespace {

using nlohmann::json;

// Beside the names of the registries, so that none is forgotten.
const char *RouterDoc() {
  static const std::string doc =
      Cat("how experts are chosen: ", Join(RouterNames(), ", "),
          ". switch takes one expert per frame and learns; rmoe remembers from layer to layer; "
          "shared-topk is one for all layers; noisy-topk explores in training");
  return doc.c_str();
}
const char *BankDoc() {
  static const std::string doc = Cat("the experts of a mixture: ", Join(BankNames(), ", "));
  return doc.c_str();
}

// Calls fn(name, pointer to member, kind) for the fields of a mixture that have one option for
// encoder and decoders.
template <class Fn>
void ForEachMixtureOption(Fn fn) {
  ForEachField(static_cast<const FeedForwardConfig *>(nullptr),
               [&](const char *name, auto field, FieldKind kind) {
                 // Options are no enumerations.
                 if constexpr (!std::is_same_v<decltype(field), Activation FeedForwardConfig::*>) {
                   if (kind.help != nullptr) fn(name, field, kind);
                 }
               });
}

// These fields of the decoders' mixtures as the options of the encoder's set them.
void TakeMixtureOptions(const FeedForwardConfig &encoder, FeedForwardConfig *decoder) {
  const bool same = encoder.router == decoder->router && encoder.bank == decoder->bank;
  const FeedForwardConfig defaults;
  ForEachMixtureOption([&](const char *, auto field, FieldKind kind) {
    decoder->*field = same || kind.any_mixture ? encoder.*field : defaults.*field;
  });
}

// The one list of the options: fn(name, value, description) for each.
template <class Options, class Fn>
void VisitOptions(Options *o, Fn fn) {
  fn("feature-dim", &o->feature_dim, "dimensions of a feature frame");
  fn("model-dim", &o->model_dim, "width of encoder and decoders; even, a multiple of the heads");
  fn("num-blocks", &o->num_blocks, "encoder blocks");
  fn("num-heads", &o->num_heads, "attention heads of an encoder block");
  fn("subsampling", &o->subsampling, "feature frames per encoder frame: 4, 6 or 8");
  fn("conv-kernel", &o->conv_kernel,
     "width of the depthwise convolution in encoder frames; odd unless causal");
  fn("causal", &o->causal, "the convolution sees no future frame; streaming needs it");
  fn("conv-norm", &o->conv_norm,
     "normalisation after the depthwise convolution: layer-norm or batch-norm");
  fn("dynamic-chunk", &o->dynamic_chunk, "train with random chunk sizes; streaming needs it");
  fn("dynamic-left-chunk", &o->dynamic_left_chunk, "train with random left context too");
  fn("hidden-dim", &o->hidden_dim,
     "hidden units of an encoder feed-forward block, or of each expert");
  fn("num-experts", &o->num_experts,
     "experts of each feed-forward block, encoder and decoders; 0: dense");
  fn("experts-per-frame", &o->experts_per_frame, "experts that work on one frame");
  fn("router", &o->router, RouterDoc());
  fn("activation", &o->activation,
     "activation of the encoder's feed-forward blocks: swish or relu");
  fn("ffn-bias", &o->ffn_bias, "biases in the encoder's feed-forward blocks");
  fn("bank", &o->bank, BankDoc());
  fn("shared-experts", &o->shared_experts,
     "experts of each mixture that work on every frame, beside those that the router chooses");
  fn("router-dim", &o->router_dim, "width of the state of rmoe; 0: a quarter of model-dim");
  fn("router-noise", &o->router_noise,
     "training: deviation of the noise of noisy-topk, times the number of experts");
  fn("balance-weight", &o->balance_weight,
     "training: weight of the loss that evens the load of experts");
  fn("z-weight", &o->z_weight, "training: weight of the loss that keeps a router's logits small");
  ForEachMixtureOption([&](const char *name, auto field, FieldKind kind) {
    fn(name, &(o->mixture.*field), kind.help);
  });
  fn("layers", &o->layers, kLayersHelp);
  fn("dropout", &o->dropout, "dropout rate");
  fn("positional-dropout", &o->positional_dropout,
     "dropout rate after the position table; -1: dropout");
  fn("decoder-blocks", &o->decoder_blocks, "blocks of the left-to-right decoder");
  fn("reverse-decoder-blocks", &o->reverse_decoder_blocks,
     "blocks of the right-to-left decoder; 0: none");
  fn("decoder-heads", &o->decoder_heads, "attention heads of a decoder block; 0: num-heads");
  fn("decoder-hidden-dim", &o->decoder_hidden_dim, "as hidden-dim, of the decoders; 0: hidden-dim");
  fn("decoder-num-experts", &o->decoder_num_experts,
     "as num-experts, of the decoders; -1: num-experts");
  fn("decoder-experts-per-frame", &o->decoder_experts_per_frame,
     "experts that work on one token; 0: experts-per-frame");
  fn("decoder-router", &o->decoder_router, "as router, of the decoders; empty: router");
  fn("decoder-activation", &o->decoder_activation, "as activation, of the decoders");
  fn("decoder-ffn-bias", &o->decoder_ffn_bias, "as ffn-bias, of the decoders");
  fn("decoder-bank", &o->decoder_bank, "as bank, of the decoders; empty: bank");
  fn("decoder-shared-experts", &o->decoder_shared_experts,
     "as shared-experts, of the decoders; -1: shared-experts");
  fn("decoder-router-dim", &o->decoder_router_dim,
     "as router-dim, of the decoders; -1: router-dim");
  fn("decoder-router-noise", &o->decoder_router_noise,
     "as router-noise, of the decoders; -1: router-noise");
  fn("decoder-balance-weight", &o->decoder_balance_weight,
     "as balance-weight, of the decoders; -1: balance-weight");
  fn("decoder-z-weight", &o->decoder_z_weight, "as z-weight, of the decoders; -1: z-weight");
  fn("decoder-layers", &o->decoder_layers,
     "as layers, of both decoders, whose blocks have one feed-forward layer each, e.g. "
     "0:num-experts=0");
  fn("decoder-dropout", &o->decoder_dropout, "as dropout, of the decoders; -1: dropout");
  fn("decoder-positional-dropout", &o->decoder_positional_dropout,
     "as positional-dropout, of the decoders; -1: decoder-dropout");
  fn("vocab-size", &o->vocab_size, "number of units; 0: counted from the list of units");
  fn("blank", &o->blank, "id of the CTC blank; -1: that of <blank>, or 0");
  fn("sos", &o->sos,
     "id of the start of a sentence; -1: that of <sos/eos> or <sos>, or the last unit");
  fn("eos", &o->eos,
     "id of the end of a sentence; -1: that of <sos/eos> or <eos>, or the last unit");
  fn("ctc-weight", &o->ctc_weight,
     "training: weight of the CTC loss; the attention losses get the rest");
  fn("reverse-weight", &o->reverse_weight,
     "training: share of the right-to-left decoder in the attention loss");
  fn("label-smoothing", &o->label_smoothing, "training: probability given to wrong units");
  fn("length-normalized-loss", &o->length_normalized_loss,
     "training: divide the attention loss by tokens, not by utterances");
}

template <class... Args>
void Require(bool ok, const Args &...message) {
  if (!ok) throw UsageError(message...);
}

template <class T>
void RequireRange(const char *name, T value, T low, T high) {
  Require(value >= low && value <= high, name, "=", value, " is outside ", low, " to ", high);
}

// where: the layer and ": ", or ""; prefix: that of the options' names.
void CheckFfn(const std::string &where, const std::string &prefix, const FeedForwardConfig &ffn) {
  const auto range = [&](const char *name, int32_t value, int32_t low, int32_t high) {
    RequireRange((where + prefix + name).c_str(), value, low, high);
  };
  range("hidden-dim", ffn.hidden_dim, 1, 1 << 20);
  range("num-experts", ffn.num_experts, 0, 1 << 14);
  CheckMixture(ffn, where, prefix);
}

// What lists of layers depend on.
void CheckBlocks(const ModelConfig &c) {
  RequireRange("num-blocks", c.encoder.num_blocks, 1, 1000);
  RequireRange("decoder-blocks", c.decoder.num_blocks, 1, 1000);
  RequireRange("reverse-decoder-blocks", c.decoder.num_reverse_blocks, 0, 1000);
}

ConvNorm ParseConvNorm(const std::string &name) {
  Require(name == "layer-norm" || name == "batch-norm", "conv-norm=", name,
          " is neither layer-norm nor batch-norm");
  return name == "layer-norm" ? ConvNorm::kLayerNorm : ConvNorm::kBatchNorm;
}

// Here and not in ops: the message must name the option.
Activation ParseActivationOption(const char *option, const std::string &name) {
  Require(name == "swish" || name == "relu", option, "=", name, " is neither swish nor relu");
  return name == "swish" ? Activation::kSwish : Activation::kRelu;
}

// Options younger than the flat files: that one is not there says nothing about the file.
bool IsYoung(const std::string &option) {
  const std::string prefix = "decoder-";
  const std::string name = StartsWith(option, prefix) ? option.substr(prefix.size()) : option;
  bool young = name == "layers";
  ForEachField(static_cast<const FeedForwardConfig *>(nullptr),
               [&](const char *field, auto, FieldKind kind) {
                 if (name == field) young = kind.young;
               });
  return young;
}

// -1 if there is no such unit.
int32_t FindUnit(const std::vector<std::string> &units, const std::string &unit) {
  auto it = std::find(units.begin(), units.end(), unit);
  return it == units.end() ? -1 : static_cast<int32_t>(it - units.begin());
}

LayerPlaces EncoderPlaces(const EncoderConfig &e) { return {e.num_blocks, true}; }
LayerPlaces DecoderPlaces(const DecoderConfig &d) {
  return {std::max(d.num_blocks, d.num_reverse_blocks), false};
}

double FfnFloats(const FeedForwardConfig &ffn, double dim) {
  if (ffn.bank == "mpo") return 0;  // as many as its bonds let there be
  // Where choices are tied, fewer experts are there.
  const int32_t experts = ffn.bank == "tied" ? ffn.num_shared_experts : ffn.num_experts;
  return 2 * dim * ffn.hidden_dim * std::max(1, experts);
}

}  // namespace

ModelOptions::ModelOptions(const ModelConfig &c) {
  const EncoderConfig &e = c.encoder;
  const DecoderConfig &d = c.decoder;
  feature_dim = e.feature_dim, model_dim = e.model_dim, num_blocks = e.num_blocks,
  num_heads = e.num_heads;
  subsampling = e.subsampling, conv_kernel = e.conv_kernel, causal = e.causal;
  conv_norm = FieldText(e.conv_norm);
  dynamic_chunk = e.dynamic_chunk, dynamic_left_chunk = e.dynamic_left_chunk;
  hidden_dim = e.ffn.hidden_dim, num_experts = e.ffn.num_experts,
  experts_per_frame = e.ffn.experts_per_frame;
  router = e.ffn.router, activation = FieldText(e.ffn.activation), ffn_bias = e.ffn.bias;
  bank = e.ffn.bank, shared_experts = e.ffn.num_shared_experts, router_dim = e.ffn.router_dim;
  router_noise = e.ffn.router_noise, balance_weight = e.ffn.balance_weight,
  z_weight = e.ffn.z_weight;
  layers = LayersToString(e.layers, e.ffn, EncoderPlaces(e));
  dropout = e.dropout, positional_dropout = e.positional_dropout;
  decoder_blocks = d.num_blocks, reverse_decoder_blocks = d.num_reverse_blocks,
  decoder_heads = d.num_heads;
  decoder_hidden_dim = d.ffn.hidden_dim, decoder_num_experts = d.ffn.num_experts;
  decoder_experts_per_frame = d.ffn.experts_per_frame, decoder_router = d.ffn.router;
  decoder_activation = FieldText(d.ffn.activation), decoder_ffn_bias = d.ffn.bias;
  decoder_bank = d.ffn.bank, decoder_shared_experts = d.ffn.num_shared_experts,
  decoder_router_dim = d.ffn.router_dim;
  decoder_router_noise = d.ffn.router_noise, decoder_balance_weight = d.ffn.balance_weight,
  decoder_z_weight = d.ffn.z_weight;
  // Decoders of other mixtures than these options make say so block by block.
  FeedForwardConfig decoder_ffn = d.ffn;
  TakeMixtureOptions(e.ffn, &decoder_ffn);
  bool differ = false;
  ForEachMixtureOption([&](const char *, auto field, FieldKind) {
    mixture.*field = e.ffn.*field;
    differ |= d.ffn.*field != decoder_ffn.*field;
  });
  const LayerPlaces places = DecoderPlaces(d);
  std::vector<FeedForwardConfig> decoder_list = d.layers;
  if (differ && decoder_list.empty())
    decoder_list.assign(static_cast<size_t>(places.num_blocks), d.ffn);
  decoder_layers = LayersToString(decoder_list, decoder_ffn, places);
  decoder_dropout = d.dropout, decoder_positional_dropout = d.positional_dropout;
  vocab_size = c.vocab_size, blank = c.blank, sos = c.sos, eos = c.eos;
  ctc_weight = c.ctc_weight, reverse_weight = c.reverse_weight, label_smoothing = c.label_smoothing;
  length_normalized_loss = c.length_normalized_loss;
}

void ModelOptions::Register(OptionParser *po) {
  VisitOptions(this, [po](const char *name, auto *value, const char *doc) {
    po->Register(name, value, doc);
  });
}

ModelOptions ModelOptions::Preset(const std::string &name) {
  ModelOptions o;
  o.model_dim = 640;
  o.num_blocks = 15;
  o.num_heads = 10;
  o.conv_kernel = 15;
  o.hidden_dim = 2560;
  o.vocab_size = 8192;
  if (name == "moe-1b") {
    o.num_experts = 8;
  } else if (name == "dense-1b") {
    o.model_dim = 1280;
    o.num_blocks = 18;
    o.num_heads = 20;
    o.hidden_dim = 5120;
  } else if (name != "dense-225m") {
    throw UsageError("--preset=", name, ": known are dense-225m, moe-1b and dense-1b");
  }
  return o;
}

void ModelOptions::TakeGiven(const OptionParser &po, const ModelOptions &other) {
  std::vector<const void *> theirs;
  VisitOptions(&other,
               [&](const char *, const auto *value, const char *) { theirs.push_back(value); });
  size_t i = 0;
  VisitOptions(this, [&](const char *name, auto *value, const char *) {
    const void *source = theirs[i++];
    if (po.WasGiven(name)) *value = *static_cast<decltype(value)>(const_cast<void *>(source));
  });
}

void ModelOptions::SetUnits(const std::vector<std::string> &units) {
  const int32_t size = static_cast<int32_t>(units.size());
  Require(vocab_size == 0 || vocab_size == size, "vocab-size=", vocab_size, ", but there are ",
          size, " units");
  vocab_size = size;
  if (blank < 0) blank = std::max(0, FindUnit(units, "<blank>"));
  auto mark = [&](const char *name) {
    const int32_t id = FindUnit(units, name), both = FindUnit(units, "<sos/eos>");
    return id >= 0 ? id : both >= 0 ? both : size - 1;
  };
  if (sos < 0) sos = mark("<sos>");
  if (eos < 0) eos = mark("<eos>");
}

ModelConfig ModelOptions::Config() const {
  ModelConfig c;
  EncoderConfig &e = c.encoder;
  DecoderConfig &d = c.decoder;
  e.feature_dim = feature_dim, e.model_dim = model_dim, e.num_blocks = num_blocks,
  e.num_heads = num_heads;
  e.subsampling = subsampling, e.conv_kernel = conv_kernel, e.causal = causal;
  e.conv_norm = ParseConvNorm(conv_norm);
  e.dynamic_chunk = dynamic_chunk, e.dynamic_left_chunk = dynamic_left_chunk;
  e.ffn.hidden_dim = hidden_dim, e.ffn.num_experts = num_experts,
  e.ffn.experts_per_frame = experts_per_frame;
  e.ffn.router = router, e.ffn.activation = ParseActivationOption("activation", activation),
  e.ffn.bias = ffn_bias;
  e.ffn.bank = bank, e.ffn.num_shared_experts = shared_experts, e.ffn.router_dim = router_dim;
  e.ffn.router_noise = router_noise, e.ffn.balance_weight = balance_weight,
  e.ffn.z_weight = z_weight;
  e.dropout = dropout,
  e.positional_dropout = positional_dropout == -1 ? dropout : positional_dropout;
  d.num_blocks = decoder_blocks, d.num_reverse_blocks = reverse_decoder_blocks;
  d.num_heads = decoder_heads == 0 ? num_heads : decoder_heads;
  d.ffn.hidden_dim = decoder_hidden_dim == 0 ? hidden_dim : decoder_hidden_dim;
  d.ffn.num_experts = decoder_num_experts == -1 ? num_experts : decoder_num_experts;
  d.ffn.experts_per_frame =
      decoder_experts_per_frame == 0 ? experts_per_frame : decoder_experts_per_frame;
  d.ffn.router = decoder_router.empty() ? router : decoder_router;
  d.ffn.activation = ParseActivationOption("decoder-activation", decoder_activation);
  d.ffn.bias = decoder_ffn_bias;
  d.ffn.bank = decoder_bank.empty() ? bank : decoder_bank;
  const auto given = [](auto value, auto otherwise) { return value == -1 ? otherwise : value; };
  d.ffn.num_shared_experts = given(decoder_shared_experts, shared_experts);
  d.ffn.router_dim = given(decoder_router_dim, router_dim);
  d.ffn.router_noise = given(decoder_router_noise, router_noise);
  d.ffn.balance_weight = given(decoder_balance_weight, balance_weight);
  d.ffn.z_weight = given(decoder_z_weight, z_weight);
  d.dropout = decoder_dropout == -1 ? dropout : decoder_dropout;
  d.positional_dropout = decoder_positional_dropout == -1 ? d.dropout : decoder_positional_dropout;
  c.vocab_size = vocab_size, c.blank = blank, c.sos = sos, c.eos = eos;
  c.ctc_weight = ctc_weight, c.reverse_weight = reverse_weight, c.label_smoothing = label_smoothing;
  c.length_normalized_loss = length_normalized_loss;
  CheckBlocks(c);
  ForEachMixtureOption([&](const char *, auto field, FieldKind) { e.ffn.*field = mixture.*field; });
  TakeMixtureOptions(e.ffn, &d.ffn);
  e.layers = ParseLayers("layers", layers, e.ffn, EncoderPlaces(e));
  d.layers = ParseLayers("decoder-layers", decoder_layers, d.ffn, DecoderPlaces(d));
  CheckConfig(c);
  return c;
}

void ModelOptions::Check() const { Config(); }

std::string ModelOptions::ToString() const {
  std::string text;
  VisitOptions(this, [&](const char *name, const auto *value, const char *) {
    text += std::string(name) + "=" + FieldText(*value) + "\n";
  });
  return text;
}

std::string ModelOptions::ToJson() const {
  json object = json::object();
  VisitOptions(this, [&](const char *name, const auto *value, const char *) {
    object[name] = FieldJson(*value);
  });
  return object.dump();
}

ModelOptions ModelOptions::FromJson(const std::string &text, const std::string &source) {
  json object = ParseJson(text, source, 2);
  if (!object.is_object()) throw DataError(source, ": no JSON object");
  ModelOptions options;
  std::string absent;
  VisitOptions(&options, [&](const char *name, auto *value, const char *) {
    auto it = object.find(name);
    if (it == object.end()) {
      if (!IsYoung(name)) absent += Cat(absent.empty() ? "" : ", ", name, "=", FieldText(*value));
      return;
    }
    if (!FieldFromJson(*it, value))
      throw DataError(source, ": wrong value ", it->dump(), " of ", name);
    object.erase(it);
  });
  if (options.reverse_decoder_blocks == 0) options.reverse_weight = 0;
  if (!absent.empty()) LOG_WARN << source << ": not given, and taken as " << absent;
  CheckUnknown(object, source);
  return options;
}

void CheckConfig(const ModelConfig &c) {
  const EncoderConfig &e = c.encoder;
  const DecoderConfig &d = c.decoder;
  CheckBlocks(c);
  Require(e.subsampling == 4 || e.subsampling == 6 || e.subsampling == 8,
          "subsampling=", e.subsampling, " is not 4, 6 or 8");
  RequireRange("feature-dim", e.feature_dim,
               e.subsampling == 4   ? 7
               : e.subsampling == 6 ? 11
                                    : 15,
               1 << 14);
  RequireRange("model-dim", e.model_dim, 2, 1 << 16);
  Require(e.model_dim % 2 == 0, "model-dim=", e.model_dim,
          " is odd; sines and cosines of positions come in pairs");
  for (auto [name, heads] :
       {std::make_pair("num-heads", e.num_heads), std::make_pair("decoder-heads", d.num_heads)}) {
    Require(heads >= 1 && e.model_dim % heads == 0, name, "=", heads,
            " does not divide model-dim=", e.model_dim);
  }
  RequireRange("conv-kernel", e.conv_kernel, 1, 1000);
  Require(e.causal || e.conv_kernel % 2 == 1, "conv-kernel=", e.conv_kernel,
          " is even; without causal=true the convolution needs an odd one");
  CheckFfn("", "", e.ffn);
  CheckFfn("", "decoder-", d.ffn);
  const size_t num_layers = 2 * static_cast<size_t>(e.num_blocks);
  CHECK(e.layers.empty() || e.layers.size() == num_layers);
  for (size_t i = 0; i < e.layers.size(); ++i)
    CheckFfn(Cat("layers: block ", i / 2, i % 2 == 0 ? ".macaron: " : ".last: "), "", e.layers[i]);
  for (size_t i = 0; i < d.layers.size(); ++i)
    CheckFfn(Cat("decoder-layers: block ", i, ": "), "", d.layers[i]);
  if (const std::string why = WhyWholeOnly(e); e.dynamic_chunk && !why.empty())
    throw UsageError("dynamic-chunk=true: ", why, "; give dynamic-chunk=false");
  const std::pair<const char *, float> rates[] = {
      {"dropout", e.dropout},
      {"positional-dropout", e.positional_dropout},
      {"decoder-dropout", d.dropout},
      {"decoder-positional-dropout", d.positional_dropout},
      {"label-smoothing", c.label_smoothing},
      {"reverse-weight", c.reverse_weight}};
  for (auto [name, rate] : rates)
    Require(rate >= 0 && rate < 1, name, "=", rate, " is not in [0, 1)");
  Require(c.ctc_weight >= 0 && c.ctc_weight <= 1, "ctc-weight=", c.ctc_weight, " is not in [0, 1]");
  Require(c.reverse_weight == 0 || d.num_reverse_blocks > 0, "reverse-weight=", c.reverse_weight,
          " needs a right-to-left decoder; set reverse-decoder-blocks, or reverse-weight=0");
  RequireRange("vocab-size", c.vocab_size, 2, 1 << 24);
  for (auto [name, id] : {std::make_pair("blank", c.blank), std::make_pair("sos", c.sos),
                          std::make_pair("eos", c.eos)}) {
    Require(id >= 0 && id < c.vocab_size, name, "=", id, " is not the id of one of the ",
            c.vocab_size, " units");
  }
  Require(c.blank != c.sos && c.blank != c.eos, "blank=", c.blank, " is also the id of sos or eos");
}

void CheckSettingsAreRead(const ModelConfig &c) {
  const FeedForwardConfig plain;
  bool dim_set = false, dim_read = false, noise_set = false, noise_read = false;
  const auto look = [&](const FeedForwardConfig &ffn) {
    dim_set |= ffn.router_dim != plain.router_dim;
    noise_set |= ffn.router_noise != plain.router_noise;
    dim_read |= ffn.router == "rmoe" || ffn.router == "read-me";
    noise_read |= ffn.router == "noisy-topk";
  };
  c.encoder.ForEachMixture([&](int32_t, bool, const FeedForwardConfig &ffn) { look(ffn); });
  for (const bool reverse : {false, true})
    c.decoder.ForEachMixture(reverse, [&](int32_t, const FeedForwardConfig &ffn) { look(ffn); });
  Require(!dim_set || dim_read,
          "router-dim is read by no mixture of this model, only by router rmoe and read-me; leave "
          "it out");
  Require(!noise_set || noise_read,
          "router-noise is read by no mixture of this model, only by router noisy-topk; leave it "
          "out");
}

void CheckCanLearn(const ModelConfig &c, const std::string &source) {
  const auto check = [&](const std::string &where, const std::string &prefix,
                         const FeedForwardConfig &ffn) {
    if (RouterCanLearn(ffn)) return;
    throw UsageError(source, ": ", where, prefix, "experts-per-frame=1 with ", prefix,
                     "num-experts=", ffn.num_experts,
                     ": its router gets no gradient, as a softmax over one logit is constant; such "
                     "a model can only be run, so train one with 2 or more experts per frame, or "
                     "with ",
                     prefix, "router=switch");
  };
  c.encoder.ForEachMixture([&](int32_t block, bool macaron, const FeedForwardConfig &ffn) {
    const bool differ = !c.encoder.layers.empty();
    check(differ ? Cat("layers: block ", block, macaron ? ".macaron: " : ".last: ") : "", "", ffn);
  });
  for (const bool reverse : {false, true}) {
    c.decoder.ForEachMixture(reverse, [&](int32_t block, const FeedForwardConfig &ffn) {
      const bool differ = !c.decoder.layers.empty();
      check(differ ? Cat("decoder-layers: block ", block, ": ") : "", differ ? "" : "decoder-",
            ffn);
    });
  }
}

double MinModelFloats(const ModelConfig &c) {
  const EncoderConfig &e = c.encoder;
  const DecoderConfig &d = c.decoder;
  const double dim = e.model_dim;
  double floats = 2.0 * e.feature_dim + 9 * dim * dim + 2 * dim * c.vocab_size;
  for (int32_t i = 0; i < e.num_blocks; ++i) {
    floats += FfnFloats(e.FeedForwardOf(i, true), dim) + FfnFloats(e.FeedForwardOf(i, false), dim) +
              (8.0 + e.conv_kernel / dim) * dim * dim;
  }
  for (const bool reverse : {false, true}) {
    for (int32_t i = 0; i < d.NumBlocks(reverse); ++i)
      floats += FfnFloats(d.FeedForwardOf(i), dim) + 8 * dim * dim;
  }
  return floats;
}

}  // namespace u2moe
