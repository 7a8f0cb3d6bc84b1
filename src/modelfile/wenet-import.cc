#include "modelfile/wenet-import.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "text/word-piece-tokenizer.h"
#include "util/io.h"
#include "util/json.h"
#include "util/text.h"

namespace u2moe {
namespace {

using nlohmann::json;

bool Read(const json &j, bool *v) { return j.is_boolean() ? (*v = j.get<bool>(), true) : false; }
bool Read(const json &j, std::string *v) {
  return j.is_string() ? (*v = j.get<std::string>(), true) : false;
}
bool Read(const json &j, float *v) {
  // PyYAML takes 1e-5, without a point, for a string.
  if (j.is_string()) return ParseNumber(j.get<std::string>(), v) && std::isfinite(*v);
  return j.is_number() ? (*v = static_cast<float>(j.get<double>()), std::isfinite(*v)) : false;
}
bool Read(const json &j, int32_t *v) {
  if (!j.is_number_integer() || j.get<double>() < INT32_MIN || j.get<double>() > INT32_MAX)
    return false;
  *v = j.get<int32_t>();
  return true;
}

// One object of the configuration. Remembers which keys were looked at, so that none is overlooked.
class Section {
 public:
  // The object under a key of parent; empty where there is none.
  Section(const json &parent, const std::string &key, const std::string &source)
      : source_(source), prefix_(key + ".") {
    auto it = parent.find(key);
    if (it == parent.end() || it->is_null()) return;
    if (!it->is_object()) throw DataError(source, ": ", key, " is no object");
    object_ = *it;
  }
  // The whole configuration.
  Section(const json &object, const std::string &source) : source_(source), object_(object) {
    if (!object.is_object())
      throw DataError(source, ": expected WeNet's train.yaml as a JSON object");
  }

  // The value of a key, if it is there and not null.
  template <class T>
  T Get(const char *key, T otherwise) {
    seen_.insert(key);
    auto it = object_.find(key);
    if (it == object_.end() || it->is_null()) return otherwise;
    T value = otherwise;
    if (!Read(*it, &value))
      throw DataError(source_, ": ", prefix_, key, "=", it->dump(), " is of the wrong kind");
    return value;
  }
  // A setting that this network has in one way only.
  template <class T>
  void Only(const char *key, T supported, T wenet_default) {
    const T value = Get(key, wenet_default);
    if constexpr (std::is_same_v<T, float>) {
      if (std::abs(value - supported) <= 1e-4f * supported) return;
    }
    if (value == supported) return;
    throw DataError(source_, ": ", prefix_, key, "=", Text(value),
                    object_.contains(key) ? "" : " (the default)", " is not supported; only ",
                    Text(supported), " is");
  }
  template <class T>
  void Only(const char *key, T supported) {
    Only(key, supported, supported);
  }
  // A number that is fixed by others: their names and what they give.
  void OnlyAs(const char *key, const std::string &others, int32_t expected) {
    const int32_t value = Get(key, expected);
    if (value == expected) return;
    throw DataError(source_, ": ", prefix_, key, "=", value, " is not supported; with ", prefix_,
                    others, " only ", expected, " is");
  }
  // Matters to WeNet's own running only.
  void Ignore(std::initializer_list<const char *> keys) { seen_.insert(keys.begin(), keys.end()); }
  void WarnDropout(const char *key) {
    const float rate = Get(key, 0.0f);
    if (rate == 0) return;
    LOG_WARN << source_ << ": " << prefix_ << key << "=" << rate
             << " is not implemented and ignored; it has no effect on decoding, only on further "
                "training";
  }
  void Finish() const {
    for (const auto &item : object_.items()) {
      if (seen_.count(item.key()) > 0) continue;
      throw DataError(source_, ": unknown setting ", prefix_, Printable(item.key()), "=",
                      Printable(item.value().dump(), 80),
                      "; nothing is known about what it changes in the model");
    }
  }
  const json &Object() const { return object_; }

 private:
  template <class T>
  static std::string Text(const T &value) {
    if constexpr (std::is_same_v<T, float>) return NumberToString(value);  // not 9.9999997e-06
    return json(value).dump();
  }
  std::string source_, prefix_;
  json object_ = json::object();
  std::set<std::string> seen_;
};

// What encoder_conf and decoder_conf have in common.
void ReadFfn(Section *s, int32_t *hidden_dim, int32_t *num_experts, int32_t *experts_per_frame,
             bool *bias) {
  *hidden_dim = s->Get("linear_units", 2048);
  const std::string type = s->Get<std::string>("mlp_type", "position_wise_feed_forward");
  const int32_t experts = s->Get("n_expert", 8), chosen = s->Get("n_expert_activated", 2);
  if (type == "moe") {
    *num_experts = experts;
    *experts_per_frame = chosen;
  } else {
    s->Only<std::string>("mlp_type", "position_wise_feed_forward", "position_wise_feed_forward");
    *num_experts = 0;
  }
  *bias = s->Get("mlp_bias", true);
}

void ReadAttentionAndNorm(Section *s, int32_t model_dim, int32_t heads) {
  s->Only("normalize_before", true);
  for (const char *key : {"query_bias", "key_bias", "value_bias"}) s->Only(key, true);
  s->Only<std::string>("layer_norm_type", "layer_norm");
  s->Only("norm_eps", 1e-5f);
  // Keys and values in as many heads as queries.
  s->OnlyAs("n_kv_head", Cat("attention_heads=", heads), heads);
  if (heads > 0) {
    s->OnlyAs("head_dim", Cat("attention_heads=", heads, " and an output_size of ", model_dim),
              model_dim / heads);
  }
  s->Ignore({"gradient_checkpointing", "use_sdpa"});
}

void ReadEncoder(const json &config, const std::string &source, ModelOptions *o) {
  Section s(config, "encoder_conf", source);
  o->model_dim = s.Get("output_size", 256);
  o->num_heads = s.Get("attention_heads", 4);
  o->num_blocks = s.Get("num_blocks", 6);
  o->dropout = s.Get("dropout_rate", 0.1f);
  o->positional_dropout = s.Get("positional_dropout_rate", 0.1f);
  s.WarnDropout("attention_dropout_rate");
  const std::string input = s.Get<std::string>("input_layer", "conv2d");
  o->subsampling = input == "conv2d" ? 4 : input == "conv2d6" ? 6 : input == "conv2d8" ? 8 : 0;
  if (o->subsampling == 0) {
    throw DataError(source, ": encoder_conf.input_layer=", input,
                    " is not supported; conv2d, conv2d6 and conv2d8 are");
  }
  s.Only<std::string>("pos_enc_layer_type", "rel_pos");
  s.Only<std::string>("selfattention_layer_type", "rel_selfattn");
  s.Only("static_chunk_size", 0);
  s.Only("positionwise_conv_kernel_size", 1);
  for (const char *key : {"macaron_style", "use_cnn_module", "conv_bias", "final_norm"})
    s.Only(key, true);
  s.Only("conv_norm_eps", 1e-5f);
  s.Only("conv_inner_factor", 2);
  o->activation = s.Get<std::string>("activation_type", "swish");
  o->conv_kernel = s.Get("cnn_module_kernel", 15);
  o->causal = s.Get("causal", false);
  const std::string norm = s.Get<std::string>("cnn_module_norm", "batch_norm");
  if (norm != "batch_norm" && norm != "layer_norm") {
    throw DataError(source, ": encoder_conf.cnn_module_norm=", norm,
                    " is not supported; batch_norm and layer_norm are");
  }
  o->conv_norm = norm == "batch_norm" ? "batch-norm" : "layer-norm";
  o->dynamic_chunk = s.Get("use_dynamic_chunk", false);
  o->dynamic_left_chunk = s.Get("use_dynamic_left_chunk", false);
  ReadAttentionAndNorm(&s, o->model_dim, o->num_heads);
  ReadFfn(&s, &o->hidden_dim, &o->num_experts, &o->experts_per_frame, &o->ffn_bias);
  s.Finish();
}

void ReadDecoder(const json &config, const std::string &source, bool bitransformer,
                 ModelOptions *o) {
  Section s(config, "decoder_conf", source);
  o->decoder_heads = s.Get("attention_heads", 4);
  o->decoder_blocks = s.Get("num_blocks", 6);
  o->reverse_decoder_blocks = s.Get("r_num_blocks", 0);
  if (!bitransformer) o->reverse_decoder_blocks = 0;
  o->decoder_dropout = s.Get("dropout_rate", 0.1f);
  o->decoder_positional_dropout = s.Get("positional_dropout_rate", 0.1f);
  s.WarnDropout("self_attention_dropout_rate");
  s.WarnDropout("src_attention_dropout_rate");
  s.Only<std::string>("input_layer", "embed");
  for (const char *key :
       {"use_output_layer", "src_attention", "src_query_bias", "src_key_bias", "src_value_bias"}) {
    s.Only(key, true);
  }
  s.Only("tie_word_embedding", false);
  o->decoder_activation = s.Get<std::string>("activation_type", "relu");
  ReadAttentionAndNorm(&s, o->model_dim, o->decoder_heads);
  ReadFfn(&s, &o->decoder_hidden_dim, &o->decoder_num_experts, &o->decoder_experts_per_frame,
          &o->decoder_ffn_bias);
  s.Finish();
}

void ReadObjective(const json &config, const std::string &source, ModelOptions *o) {
  Section s(config, "model_conf", source);
  o->ctc_weight = s.Get("ctc_weight", 0.5f);
  o->reverse_weight = s.Get("reverse_weight", 0.0f);
  o->label_smoothing = s.Get("lsm_weight", 0.0f);
  o->length_normalized_loss = s.Get("length_normalized_loss", false);
  s.Only("ignore_id", -1);
  s.Only("apply_non_blank_embedding", false);
  s.Ignore({"special_tokens"});
  s.Finish();
}

std::string OptionText(const json &value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return NumberToString(value.get<double>());
  return value.dump();
}

// Kaldi's names are WeNet's with hyphens. Training adds dither to the waveform; decoding does not.
std::map<std::string, std::string> ReadFeatures(const json &config, const std::string &source) {
  std::map<std::string, std::string> features;
  auto take = [&](const json &fbank) {
    for (const auto &item : fbank.items()) {
      std::string name = item.key();
      if (StartsWith(name, "dither")) continue;
      if (name == "waveform_scale") {
        if (item.value() != 32768) {
          throw DataError(source, ": fbank.waveform_scale=", item.value().dump(),
                          " is not supported; only 32768 is");
        }
        continue;
      }
      if (!item.value().is_primitive() || item.value().is_null()) {
        throw DataError(source, ": the feature option ", name, "=", item.value().dump(),
                        " is no plain value");
      }
      std::replace(name.begin(), name.end(), '_', '-');
      features[name] = OptionText(item.value());
    }
    features["dither"] = "0";
  };
  auto fbank = config.find("fbank");
  if (fbank != config.end() && fbank->is_object()) {
    take(*fbank);
    return features;
  }
  Section dataset(config, "dataset_conf", source);
  if (dataset.Object().contains("fbank_conf") && dataset.Object()["fbank_conf"].is_object()) {
    take(dataset.Object()["fbank_conf"]);
    if (features.count("num-mel-bins") == 0) features["num-mel-bins"] = "23";
    features.emplace("energy-floor", "0");
    Section resample(dataset.Object(), "resample_conf", source);
    features.emplace("sample-frequency", std::to_string(resample.Get("resample_rate", 16000)));
  } else if (dataset.Object().contains("mfcc_conf") ||
             dataset.Object().contains("log_mel_spectrogram_conf")) {
    throw DataError(source, ": dataset_conf asks for other features than fbank_conf");
  }
  return features;
}

std::vector<std::string> ReadConfigUnits(const json &config, const std::string &source) {
  std::vector<std::string> units;
  auto it = config.find("units");
  if (it == config.end() || it->is_null()) return units;
  if (!it->is_array()) throw DataError(source, ": units is no list");
  for (const json &unit : *it) {
    if (!unit.is_string())
      throw DataError(source, ": units holds ", unit.dump(), ", which is no string");
    units.push_back(unit.get<std::string>());
  }
  return units;
}

// One fact that several places may state; those that do must agree.
class Fact {
 public:
  Fact(std::string source, std::string what) : source_(std::move(source)), what_(std::move(what)) {}
  void Add(const std::string &where, std::optional<int32_t> value) {
    if (!value) return;
    if (value_ && *value_ != *value) {
      throw DataError(source_, ": ", what_, " is ", *value_, " by ", where_, ", but ", *value,
                      " by ", where, "; do the files belong together?");
    }
    if (!value_) where_ = where;
    value_ = value;
  }
  std::optional<int32_t> Value() const { return value_; }

 private:
  std::string source_, what_, where_;
  std::optional<int32_t> value_;
};

std::optional<int32_t> GetOptional(Section *s, const char *key) {
  const int32_t absent = INT32_MIN, value = s->Get(key, absent);
  return value == absent ? std::nullopt : std::make_optional(value);
}

std::optional<int32_t> IdOf(const std::vector<std::string> &units, const std::string &unit) {
  const auto it = std::find(units.begin(), units.end(), unit);
  if (it == units.end()) return std::nullopt;
  return static_cast<int32_t>(it - units.begin());
}

// The units of the configuration, unless those of a file are given, which must be the same then.
std::vector<std::string> ReadModelUnits(const json &config, const std::string &source,
                                        const std::vector<std::string> &file,
                                        const std::string &file_name) {
  const std::vector<std::string> own = ReadConfigUnits(config, source);
  if (file.empty() || own.empty()) return file.empty() ? own : file;
  const auto at = [](const std::vector<std::string> &units, size_t i) {
    return i < units.size() ? Printable(units[i], 80) : "missing";
  };
  for (size_t i = 0; i < std::max(own.size(), file.size()); ++i) {
    if (i < own.size() && i < file.size() && own[i] == file[i]) continue;
    throw DataError(source, ": the unit ", i, " is ", at(own, i), " by units, but ", at(file, i),
                    " by ", file_name, "; do the files belong together?");
  }
  return file;
}

// units: the model's, of the file units_name.
void ReadTokens(const std::string &source, Section *top, const std::vector<std::string> &units,
                const std::string &units_name, ModelOptions *o) {
  Section ctc(top->Object(), "ctc_conf", source);
  Section tokenizer(top->Object(), "tokenizer_conf", source);
  Section special(tokenizer.Object(), "special_tokens", source);
  const std::string in_special = "tokenizer_conf.special_tokens";
  Fact blank(source, "the id of <blank>");
  blank.Add("ctc_conf.ctc_blank_id", GetOptional(&ctc, "ctc_blank_id"));
  blank.Add("blank_id", GetOptional(top, "blank_id"));
  blank.Add(in_special, GetOptional(&special, "<blank>"));
  blank.Add(units_name, IdOf(units, "<blank>"));
  o->blank = blank.Value().value_or(0);
  ctc.Ignore({"ctc_weight"});
  ctc.Finish();
  const auto mark = [&](const char *name, const char *key) {
    Fact fact(source, Cat("the id of ", name));
    fact.Add(key, GetOptional(top, key));
    fact.Add(in_special, GetOptional(&special, name));
    if (!fact.Value()) fact.Add("WeNet's default (the last unit)", o->vocab_size - 1);
    fact.Add(units_name, IdOf(units, name));
    fact.Add(units_name + " (<sos/eos>)", IdOf(units, "<sos/eos>"));
    return *fact.Value();
  };
  o->sos = mark("<sos>", "sos_id");
  o->eos = mark("<eos>", "eos_id");
  Fact unk(source, "the id of <unk>");
  unk.Add("unk_id", GetOptional(top, "unk_id"));
  unk.Add(in_special, GetOptional(&special, "<unk>"));
  unk.Add(units_name, IdOf(units, "<unk>"));
}

// Units are characters or, with SentencePiece's model of them, word pieces.
void CheckTokenizer(const std::string &source, Section *top, const std::vector<std::string> &units,
                    const std::string &units_name, bool has_word_pieces) {
  const std::string remedy = " needs SentencePiece's model of them; give it with --bpe-model";
  const std::string absent = has_word_pieces ? "bpe" : "char";  // older WeNet did not say
  const std::string kind = top->Get<std::string>("tokenizer", absent);
  if (kind != "char" && kind != "bpe") {
    throw DataError(source, ": tokenizer=", Printable(kind, 80),
                    " is not supported: the text would be wrong; char and bpe are");
  }
  if (has_word_pieces && kind == "char") {
    throw DataError(source, ": tokenizer=char has no word pieces; leave --bpe-model away");
  }
  if (has_word_pieces) return;
  if (kind == "bpe") throw DataError(source, ": tokenizer=bpe (word pieces)", remedy);
  const Section conf(top->Object(), "tokenizer_conf", source);
  const auto bpe = conf.Object().find("bpe_path");
  if (bpe != conf.Object().end() && !bpe->is_null() && *bpe != "") {
    throw DataError(source, ": tokenizer_conf.bpe_path=", Printable(bpe->dump(), 80),
                    " (word pieces)", remedy);
  }
  for (const std::string &unit : units) {
    if (!BeginsWord(unit)) continue;
    throw DataError(source, ": the unit ", Printable(unit, 80), " of ", units_name,
                    " is a word piece, which", remedy);
  }
}

// WeNet's names for the options that a message speaks of.
std::string InWenetsWords(const std::string &message) {
  static const std::map<std::string, std::string> kNames = {
      {"feature-dim", "input_dim"},
      {"vocab-size", "output_dim"},
      {"model-dim", "encoder_conf.output_size"},
      {"num-blocks", "encoder_conf.num_blocks"},
      {"num-heads", "encoder_conf.attention_heads"},
      {"conv-kernel", "encoder_conf.cnn_module_kernel"},
      {"causal", "encoder_conf.causal"},
      {"conv-norm", "encoder_conf.cnn_module_norm"},
      {"hidden-dim", "encoder_conf.linear_units"},
      {"num-experts", "encoder_conf.n_expert"},
      {"experts-per-frame", "encoder_conf.n_expert_activated"},
      {"activation", "encoder_conf.activation_type"},
      {"dropout", "encoder_conf.dropout_rate"},
      {"positional-dropout", "encoder_conf.positional_dropout_rate"},
      {"decoder-blocks", "decoder_conf.num_blocks"},
      {"reverse-decoder-blocks", "decoder_conf.r_num_blocks"},
      {"decoder-heads", "decoder_conf.attention_heads"},
      {"decoder-hidden-dim", "decoder_conf.linear_units"},
      {"decoder-num-experts", "decoder_conf.n_expert"},
      {"decoder-experts-per-frame", "decoder_conf.n_expert_activated"},
      {"decoder-activation", "decoder_conf.activation_type"},
      {"decoder-dropout", "decoder_conf.dropout_rate"},
      {"decoder-positional-dropout", "decoder_conf.positional_dropout_rate"},
      {"ctc-weight", "model_conf.ctc_weight"},
      {"reverse-weight", "model_conf.reverse_weight"},
      {"label-smoothing", "model_conf.lsm_weight"},
      {"num-mel-bins", "num_mel_bins"},
      {"use-energy", "use_energy"},
      {"sample-frequency", "resample_rate"}};
  std::string text, word;
  const auto flush = [&] {
    const auto it = kNames.find(word);
    text += it == kNames.end() ? word : it->second;
    word.clear();
  };
  for (const char c : message) {
    if ((c >= 'a' && c <= 'z') || c == '-') {
      word += c;
    } else {
      flush();
      text += c;
    }
  }
  flush();
  return text;
}

void ReadCmvn(const json &config, WenetConfig *result) {
  auto it = config.find("cmvn");
  if (it == config.end() || it->is_null()) {
    auto file = config.find("cmvn_file");  // older WeNet
    result->needs_cmvn = file != config.end() && file->is_string();
    return;
  }
  result->needs_cmvn = true;
  if (it->is_string()) {
    if (*it != "global_cmvn")
      throw DataError(result->source, ": cmvn=", it->dump(), " is not supported");
    return;
  }
  try {
    result->cmvn = GlobalCmvn{it->at("mean").get<std::vector<double>>(),
                              it->at("istd").get<std::vector<double>>()};
  } catch (const json::exception &e) {
    throw DataError(result->source,
                    ": cmvn must be \"global_cmvn\" or hold the lists mean and istd: ", e.what());
  }
}

// The configuration as JSON; what people have is train.yaml.
json ReadConfigJson(const std::string &rxfilename) {
  Input input(rxfilename);
  std::ostringstream bytes;
  input.SkipByteOrderMark();
  bytes << input.Stream().rdbuf();
  input.Close();
  const std::string text = bytes.str();
  try {
    return ParseJson(text, rxfilename);
  } catch (const DataError &) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    const bool yaml = IsValidUtf8(text) && text.find(':') != std::string::npos &&
                      first != std::string::npos && text[first] != '{' && text[first] != '[';
    if (!yaml) throw;
    throw DataError(
        rxfilename,
        ": not valid JSON, but maybe YAML; convert it: python3 -c 'import json, sys, "
        "yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' <train.yaml >train.json");
  }
}

}  // namespace

WenetConfig ReadWenetConfig(const std::string &config_rxfilename,
                            const std::vector<std::string> &units,
                            const std::string &units_rxfilename, bool has_word_pieces) {
  WenetConfig result;
  const std::string &source = result.source = config_rxfilename;
  const json config = ReadConfigJson(config_rxfilename);
  if (!config.is_object())
    throw DataError(source, ": expected WeNet's train.yaml as a JSON object");
  Section top(config, source);
  top.Only<std::string>("encoder", "conformer");
  const std::string decoder = top.Get<std::string>("decoder", "bitransformer");
  result.bitransformer = decoder == "bitransformer";
  if (!result.bitransformer) top.Only<std::string>("decoder", "transformer");
  top.Only<std::string>("ctc", "ctc");
  const std::string model = top.Get<std::string>("model", "asr_model");
  // A configuration with a "wenet" entry says the kind of model there, and a name of its own in
  // "model".
  const std::string kind =
      StartsWith(top.Get<std::string>("wenet", model), "asr_model") ? "asr_model" : model;
  if (kind != "asr_model" && kind != "asrmodel") {
    throw DataError(source, ": model=", kind, " is not supported; only asr_model is");
  }
  for (const char *key :
       {"predictor", "joint", "paraformer", "lora_conf", "use_lora", "context_module"}) {
    auto it = config.find(key);
    if (it == config.end() || it->is_null() || *it == false) continue;
    throw DataError(source, ": ", key, "=", Printable(it->dump(), 80),
                    " is not supported; only models of an encoder, CTC and attention decoders are, "
                    "with adapters merged into their weights");
  }

  ModelOptions o;
  o.feature_dim = top.Get("input_dim", 80);
  result.info.units = ReadModelUnits(config, source, units, units_rxfilename);
  const std::string units_name = units.empty() ? "units" : units_rxfilename;
  Fact size(source, "the number of units");
  size.Add("output_dim", GetOptional(&top, "output_dim"));
  size.Add("vocab_size", GetOptional(&top, "vocab_size"));
  if (!result.info.units.empty())
    size.Add(units_name, static_cast<int32_t>(result.info.units.size()));
  o.vocab_size = size.Value().value_or(0);
  if (o.vocab_size <= 0)
    throw DataError(source, ": output_dim is missing; it is the number of units");
  CheckTokenizer(source, &top, result.info.units, units_name, has_word_pieces);
  ReadEncoder(config, source, &o);
  ReadDecoder(config, source, result.bitransformer, &o);
  ReadObjective(config, source, &o);
  ReadTokens(source, &top, result.info.units, units_name, &o);
  ReadCmvn(config, &result);
  result.info.features = ReadFeatures(config, source);
  if (o.reverse_decoder_blocks == 0) o.reverse_weight = 0;
  try {
    result.info.config = o.Config();
    CheckModelInfo(result.info);
  } catch (const UsageError &e) {
    throw DataError(source, ": ", InWenetsWords(e.what()));
  }
  const GlobalCmvn cmvn = result.cmvn.value_or(GlobalCmvn());
  for (const auto *values : {&cmvn.mean, &cmvn.istd}) {
    if (result.cmvn && static_cast<int32_t>(values->size()) != o.feature_dim) {
      throw DataError(source, ": cmvn has ", values->size(), " dimensions, but input_dim is ",
                      o.feature_dim);
    }
  }

  top.Ignore({"encoder_conf",
              "decoder_conf",
              "ctc_conf",
              "model_conf",
              "tokenizer",
              "tokenizer_conf",
              "cmvn",
              "cmvn_conf",
              "cmvn_file",
              "is_json_cmvn",
              "dataset",
              "dataset_conf",
              "fbank",
              "units",
              "vocab_size",
              "unk_id",
              "space_unit",
              "optim",
              "optim_conf",
              "scheduler",
              "scheduler_conf",
              "accum_grad",
              "grad_clip",
              "max_epoch",
              "log_interval",
              "save_interval",
              "save_states",
              "train_engine",
              "dtype",
              "init_infos",
              "model_dir",
              "lfmmi_dir",
              "train",
              "spec_aug",
              "parameters",
              "omitted_buffers",
              "dev_after_averaging",
              "golden"});
  try {
    top.Finish();
  } catch (const DataError &e) {
    LOG_WARN << e.what() << "; ignored";
  }
  return result;
}

}  // namespace u2moe
