#include "model/wenet-import.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "layer/param-visitor.h"
#include "model/safetensors.h"
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
    if (value == supported) return;
    throw DataError(source_, ": ", prefix_, key, "=", json(value).dump(),
                    object_.contains(key) ? "" : " (the default)", " is not supported; only ",
                    json(supported).dump(), " is");
  }
  template <class T>
  void Only(const char *key, T supported) {
    Only(key, supported, supported);
  }
  void OnlyNull(const char *key) {
    seen_.insert(key);
    auto it = object_.find(key);
    if (it != object_.end() && !it->is_null()) {
      throw DataError(source_, ": ", prefix_, key, "=", it->dump(),
                      " is not supported; leave it out");
    }
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

void ReadAttentionAndNorm(Section *s) {
  s->Only("normalize_before", true);
  for (const char *key : {"query_bias", "key_bias", "value_bias"}) s->Only(key, true);
  s->Only<std::string>("layer_norm_type", "layer_norm");
  s->Only("norm_eps", 1e-5f);
  s->OnlyNull("n_kv_head");
  s->OnlyNull("head_dim");
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
  ReadAttentionAndNorm(&s);
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
  ReadAttentionAndNorm(&s);
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

void ReadTokens(const json &config, const std::string &source, Section *top, ModelOptions *o) {
  Section ctc(config, "ctc_conf", source);
  o->blank = top->Get("blank_id", ctc.Get("ctc_blank_id", 0));
  ctc.Ignore({"ctc_weight"});
  ctc.Finish();
  o->sos = o->eos = o->vocab_size - 1;
  Section tokenizer(config, "tokenizer_conf", source);
  Section special(tokenizer.Object(), "special_tokens", source);
  o->sos = top->Get("sos_id", special.Get("<sos>", o->sos));
  o->eos = top->Get("eos_id", special.Get("<eos>", o->eos));
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

// A WeNet tensor that this model has no place for and does not need.
bool PassOver(const WenetConfig &config, const std::string &name) {
  return EndsWith(name, ".pe") || EndsWith(name, ".num_batches_tracked") ||
         // WeNet makes a right-to-left decoder without blocks where r_num_blocks is 0.
         (config.info.config.decoder.num_reverse_blocks == 0 &&
          StartsWith(name, "decoder.right_decoder."));
}

}  // namespace

WenetConfig ReadWenetConfig(const std::string &config_rxfilename,
                            const std::vector<std::string> &units) {
  WenetConfig result;
  const std::string &source = result.source = config_rxfilename;
  const json config = ReadJson(config_rxfilename);
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
    if (it != config.end() && *it != false) top.OnlyNull(key);
  }

  ModelOptions o;
  o.feature_dim = top.Get("input_dim", 80);
  result.info.units = units.empty() ? ReadConfigUnits(config, source) : units;
  o.vocab_size =
      top.Get("output_dim", top.Get("vocab_size", static_cast<int32_t>(result.info.units.size())));
  if (o.vocab_size <= 0)
    throw DataError(source, ": output_dim is missing; it is the number of units");
  ReadEncoder(config, source, &o);
  ReadDecoder(config, source, result.bitransformer, &o);
  ReadObjective(config, source, &o);
  ReadTokens(config, source, &top, &o);
  ReadCmvn(config, &result);
  result.info.features = ReadFeatures(config, source);
  if (o.reverse_decoder_blocks == 0) o.reverse_weight = 0;
  try {
    result.info.config = o.Config();
    CheckModelInfo(result.info);
  } catch (const UsageError &e) {
    throw DataError(source, ": ", e.what());
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

std::unique_ptr<AsrModel> ImportWenet(const WenetConfig &config, const std::string &weights) {
  const SafetensorsFile file(weights);
  if (MinModelFloats(config.info.config) * sizeof(float) > static_cast<double>(file.DataBytes())) {
    throw DataError(weights, ": too small for the model of ", config.source,
                    "; do the two belong together?");
  }
  auto model = std::make_unique<AsrModel>(config.info.config);
  std::set<std::string> used;
  bool has_cmvn = true;
  ForEachParam(
      model.get(), [&](const std::string &name, Tensor *tensor, const ParamInit &init, bool) {
        std::string theirs = name;
        const std::string left = "decoder.left_decoder.";
        if (!config.bitransformer && StartsWith(name, left))
          theirs = "decoder." + name.substr(left.size());
        if (file.Entries().count(theirs) == 0) {
          if (!StartsWith(name, "encoder.global_cmvn.")) {
            throw DataError(weights, ": the tensor ", theirs, " is missing, which the model of ",
                            config.source, " has");
          }
          has_cmvn = false;
          std::fill_n(tensor->Data(), tensor->Size(), static_cast<float>(init.value));
          return;
        }
        Tensor values = file.Floats(theirs);
        if (values.Shape() != tensor->Shape()) {
          throw DataError(weights, ": the tensor ", theirs, " has shape ", values.ShapeString(),
                          ", but by ", config.source, " it should have ", tensor->ShapeString());
        }
        for (int64_t i = 0; i < values.Size(); ++i) {
          if (!std::isfinite(values.Data()[i])) {
            throw DataError(weights, ": the tensor ", theirs,
                            " holds a value that is not finite; the training diverged");
          }
        }
        *tensor = std::move(values);
        used.insert(theirs);
      });
  for (const auto &[name, entry] : file.Entries()) {
    if (used.count(name) > 0 || PassOver(config, name)) continue;
    throw DataError(weights, ": the tensor ", Printable(name, 200), " ", ShapeString(entry.shape),
                    " belongs to no part of the model of ", config.source,
                    "; do the two belong together?");
  }
  if (!has_cmvn) {
    if (config.cmvn) {
      SetGlobalCmvn(*config.cmvn, config.source, model.get());
    } else if (config.needs_cmvn) {
      throw DataError(weights, ": has no encoder.global_cmvn tensors, and ", config.source,
                      " does not hold the values either; give them with --cmvn");
    }
  }
  return model;
}

}  // namespace u2moe
