#include "modelfile/wenet-import.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "layer/param-visitor.h"
#include "modelfile/param-count.h"
#include "modelfile/safetensors.h"
#include "support/test-util.h"
#include "util/text.h"

namespace u2moe {
namespace {

using nlohmann::json;

// Every tensor of the weights is in the model bit for bit, and no other.
void ExpectSameTensors(AsrModel *model, const std::string &weights) {
  SafetensorsFile file(weights);
  size_t count = 0;
  ForEachParam(model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    ++count;
    ASSERT_EQ(file.Entries().count(name), 1u) << name;
    const Tensor want = file.Floats(name);
    ASSERT_EQ(t->Shape(), want.Shape()) << name;
    EXPECT_EQ(std::memcmp(t->Data(), want.Data(), static_cast<size_t>(t->Size()) * 4), 0) << name;
  });
  for (const auto &item : file.Entries()) count += EndsWith(item.first, ".num_batches_tracked");
  EXPECT_EQ(count, file.Entries().size());
}

class GoldenImport : public testing::TestWithParam<const char *> {};

TEST_P(GoldenImport, IsBitForBit) {
  const std::string dir = GoldenPath(std::string("models/") + GetParam());
  if (dir.empty()) GTEST_SKIP() << "no golden models";
  const WenetConfig config = ReadWenetConfig(dir + "/config.json", ReadUnits(dir + "/units.txt"));
  const std::unique_ptr<AsrModel> model = ImportWenet(config, dir + "/weights.safetensors");
  ExpectSameTensors(model.get(), dir + "/weights.safetensors");
  EXPECT_EQ(config.info.units.size(), 30u);
  // Through our own file nothing changes.
  const std::string path = TempDir() + "/" + GetParam() + ".safetensors";
  WriteModel(path, model.get(), config.info);
  ExpectSameTensors(ReadModel(path, nullptr).get(), dir + "/weights.safetensors");
  const json golden = json::parse(ReadFile(dir + "/config.json")).at("golden");
  EXPECT_EQ(config.info.config.sos, golden.at("sos").get<int>());
  EXPECT_EQ(config.info.config.eos, golden.at("eos").get<int>());
  EXPECT_EQ(config.info.config.encoder.subsampling, golden.at("subsampling_rate").get<int>());
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenImport,
                         testing::Values("dense", "moe", "dense_offline", "moe_conv2d6"));

// Counts of RESULTS.md in the reference data.
struct FsddModel {
  const char *name;
  int64_t total, feed_forward, gate;
};

class FsddImport : public testing::TestWithParam<FsddModel> {};

TEST_P(FsddImport, HasTheReferenceCounts) {
  if (FsddDir().empty()) GTEST_SKIP() << "no ../shared/data/fsdd";
  const std::string dir = FsddDir() + "/" + GetParam().name;
  const WenetConfig config = ReadWenetConfig(dir + "/config.json", {});
  const std::unique_ptr<AsrModel> model = ImportWenet(config, dir + "/final.safetensors");
  ExpectSameTensors(model.get(), dir + "/final.safetensors");
  const ParamCounts n = CountParams(model.get());
  EXPECT_EQ(n.total, GetParam().total);
  EXPECT_EQ(n.feed_forward, GetParam().feed_forward);
  EXPECT_EQ(n.gate, GetParam().gate);
  EXPECT_EQ(config.info.units.back(), "▁");
  EXPECT_EQ(config.info.config.sos, 2);
  EXPECT_EQ(config.info.features.at("sample-frequency"), "8000");
  EXPECT_EQ(config.info.features.at("num-mel-bins"), "40");
  EXPECT_EQ(config.info.features.at("dither"), "0");
  EXPECT_EQ(config.info.features.count("waveform-scale"), 0u);
  ASSERT_TRUE(config.cmvn.has_value());
}

INSTANTIATE_TEST_SUITE_P(Models, FsddImport,
                         testing::Values(FsddModel{"wenet_dense", 1229337, 445824, 0},
                                         FsddModel{"wenet_moe", 4359321, 3566592, 9216},
                                         FsddModel{"wenet_dense_big", 4342041, 3558528, 0}));

// A small configuration in which WeNet's defaults are not spelled out.
json SmallConfig() {
  return json::parse(R"({
    "encoder": "conformer", "input_dim": 20, "output_dim": 7, "model": "asr_model",
    "encoder_conf": {"output_size": 8, "attention_heads": 2, "linear_units": 6, "num_blocks": 1},
    "decoder": "bitransformer",
    "decoder_conf": {"attention_heads": 2, "linear_units": 6, "num_blocks": 1, "r_num_blocks": 1},
    "model_conf": {"ctc_weight": 0.3, "reverse_weight": 0.3}})");
}

std::string WriteConfig(const json &config) {
  WriteFile(TempDir() + "/config.json", config.dump());
  return TempDir() + "/config.json";
}

WenetConfig ReadConfig(const json &config) { return ReadWenetConfig(WriteConfig(config), {}); }

std::string ConfigError(const json &config, bool has_word_pieces = false) {
  const std::string path = WriteConfig(config);
  try {
    ReadWenetConfig(path, {}, "--units", has_word_pieces);
  } catch (const DataError &e) {
    EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
    return e.what();
  }
  return "";
}

TEST(WenetConfig, DefaultsAreWenets) {
  const ModelConfig c = ReadConfig(SmallConfig()).info.config;
  EXPECT_EQ(c.encoder.conv_kernel, 15);
  EXPECT_FALSE(c.encoder.causal);
  EXPECT_EQ(c.encoder.conv_norm, ConvNorm::kBatchNorm);
  EXPECT_FALSE(c.encoder.dynamic_chunk);
  EXPECT_EQ(c.encoder.ffn.activation, Activation::kSwish);
  EXPECT_EQ(c.decoder.ffn.activation, Activation::kRelu);
  EXPECT_TRUE(c.encoder.ffn.bias);
  EXPECT_EQ(c.encoder.ffn.num_experts, 0);
  EXPECT_EQ(c.sos, 6);
  EXPECT_EQ(c.eos, 6);
  EXPECT_EQ(c.blank, 0);
  EXPECT_EQ(c.label_smoothing, 0.0f);
  json config = SmallConfig();
  config.erase("model_conf");
  EXPECT_EQ(ReadConfig(config).info.config.ctc_weight, 0.5f);
  config["encoder_conf"] = {{"linear_units", 6}, {"mlp_type", "moe"}};
  const EncoderConfig e = ReadConfig(config).info.config.encoder;
  EXPECT_EQ(e.model_dim, 256);
  EXPECT_EQ(e.num_blocks, 6);
  EXPECT_EQ(e.ffn.num_experts, 8);
  EXPECT_EQ(e.ffn.experts_per_frame, 2);
}

TEST(WenetConfig, SpecialTokensAndFeatures) {
  json config = SmallConfig();
  config["tokenizer_conf"] = {{"special_tokens", {{"<blank>", 1}, {"<sos>", 3}, {"<eos>", 4}}}};
  config["ctc_conf"] = {{"ctc_blank_id", 1}};
  config["dataset_conf"] = {
      {"resample_conf", {{"resample_rate", 8000}}},
      {"fbank_conf", {{"num_mel_bins", 20}, {"frame_shift", 10}, {"dither", 1.0}}}};
  const WenetConfig read = ReadConfig(config);
  EXPECT_EQ(read.info.config.sos, 3);
  EXPECT_EQ(read.info.config.eos, 4);
  EXPECT_EQ(read.info.config.blank, 1);
  const std::map<std::string, std::string> want = {{"dither", "0"},
                                                   {"energy-floor", "0"},
                                                   {"frame-shift", "10"},
                                                   {"num-mel-bins", "20"},
                                                   {"sample-frequency", "8000"}};
  EXPECT_EQ(read.info.features, want);
  config["dataset_conf"]["fbank_conf"]["num_mel_bins"] = 80;
  EXPECT_NE(ConfigError(config).find("80 dimensions"), std::string::npos);
}

TEST(WenetConfig, UnsupportedSettingsAreNamed) {
  const struct {
    const char *section, *key;
    json value;
  } kCases[] = {
      {"", "encoder", "transformer"},
      {"", "encoder", "e_branchformer"},
      {"", "decoder", "sanm_decoder"},
      {"", "model", "transducer"},
      {"", "ctc", "other"},
      {"", "predictor", "rnn"},
      {"", "use_lora", true},
      {"", "cmvn", "utterance"},
      {"encoder_conf", "input_layer", "linear"},
      {"encoder_conf", "input_layer", "conv2d2"},
      {"encoder_conf", "pos_enc_layer_type", "abs_pos"},
      {"encoder_conf", "selfattention_layer_type", "selfattn"},
      {"encoder_conf", "use_cnn_module", false},
      {"encoder_conf", "macaron_style", false},
      {"encoder_conf", "normalize_before", false},
      {"encoder_conf", "static_chunk_size", 16},
      {"encoder_conf", "positionwise_conv_kernel_size", 3},
      {"encoder_conf", "activation_type", "gelu"},
      {"encoder_conf", "cnn_module_norm", "rms_norm"},
      {"encoder_conf", "layer_norm_type", "rms_norm"},
      {"encoder_conf", "norm_eps", 1e-6},
      {"encoder_conf", "key_bias", false},
      {"encoder_conf", "conv_bias", false},
      {"encoder_conf", "n_kv_head", 1},
      {"encoder_conf", "mlp_type", "gated"},
      {"encoder_conf", "num_blocks", "three"},
      {"encoder_conf", "causal", 1},
      {"encoder_conf", "output_size", 8.5},
      {"encoder_conf", "brand_new", 1},
      {"decoder_conf", "brand_new", 1},
      {"decoder_conf", "input_layer", "no_pos"},
      {"decoder_conf", "use_output_layer", false},
      {"decoder_conf", "src_attention", false},
      {"decoder_conf", "tie_word_embedding", true},
      {"decoder_conf", "activation_type", "gelu"},
      {"model_conf", "apply_non_blank_embedding", true},
      {"model_conf", "brand_new", 1},
      {"ctc_conf", "brand_new", 1},
  };
  ASSERT_EQ(ConfigError(SmallConfig()), "");
  for (const auto &c : kCases) {
    json config = SmallConfig();
    (*c.section ? config[c.section] : config)[c.key] = c.value;
    const std::string error = ConfigError(config);
    const std::string name = *c.section ? std::string(c.section) + "." + c.key : c.key;
    EXPECT_NE(error.find(name), std::string::npos) << c.key << ": " << error;
    if (c.value.is_string()) {
      EXPECT_NE(error.find(c.value.get<std::string>()), std::string::npos) << error;
    }
  }
  json config = SmallConfig();
  config["encoder_conf"].update({{"mlp_type", "moe"}, {"n_expert", 8}, {"n_expert_activated", 1}});
  EXPECT_EQ(ReadConfig(config).info.config.encoder.ffn.experts_per_frame, 1);
  config["encoder_conf"]["n_expert_activated"] = 9;  // messages have the names of the file
  EXPECT_NE(ConfigError(config).find("encoder_conf.n_expert_activated=9"), std::string::npos);
  config = SmallConfig();
  config["encoder_conf"]["output_size"] = 9;
  EXPECT_NE(ConfigError(config).find("encoder_conf.output_size"), std::string::npos);
  config = SmallConfig();
  config["encoder_conf"]["attention_dropout_rate"] = 0.1;  // warned about only
  config["something_else"] = 3;
  EXPECT_EQ(ConfigError(config), "");
  config = SmallConfig();
  config.erase("output_dim");
  EXPECT_NE(ConfigError(config).find("output_dim"), std::string::npos);
  config["encoder_conf"] = 3;
  EXPECT_NE(ConfigError(config), "");
  EXPECT_NE(ConfigError(json::array()), "");
}

TEST(WenetConfig, NotJson) {
  const std::string path = TempDir() + "/train.yaml";
  for (const char *text : {"encoder: conformer\n", "# a comment\naccum_grad: 1\n", "a:\n- b\n"}) {
    WriteFile(path, text);
    try {
      ReadWenetConfig(path, {});
      ADD_FAILURE();
    } catch (const DataError &e) {
      EXPECT_NE(std::string(e.what()).find("yaml.safe_load"), std::string::npos) << e.what();
    }
  }
  for (const std::string &text : {std::string("\xff\xfe{\0", 4), std::string("{\"\xe9\": 1}")}) {
    WriteFile(path, text);
    try {
      ReadWenetConfig(path, {});
      ADD_FAILURE();
    } catch (const Error &e) {
      EXPECT_TRUE(IsValidUtf8(e.what())) << e.what();
    }
  }
  WriteFile(path, R"({"encoder": "conformer", "encoder": "conformer"})");
  EXPECT_THROW(ReadWenetConfig(path, {}), DataError);
}

// The tensors of a random model of a configuration, under WeNet's names.
class SmallWeights {
 public:
  explicit SmallWeights(const WenetConfig &config) {
    AsrModel model(config.info.config);
    InitModel(&model, 3);
    ForEachParam(&model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
      tensors[name] = *t;
    });
  }
  std::string Write() const {
    std::vector<std::pair<std::string, const Tensor *>> list;
    for (const auto &item : tensors) list.emplace_back(item.first, &item.second);
    const std::string path = TempDir() + "/weights.safetensors";
    WriteSafetensors(path, list, {});
    return path;
  }
  std::string Error(const WenetConfig &config) const {
    const std::string path = Write();
    try {
      ImportWenet(config, path);
    } catch (const DataError &e) {
      EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
      return e.what();
    }
    return "";
  }
  std::map<std::string, Tensor> tensors;
};

TEST(ImportWenet, WrongTensorsAreNamed) {
  const WenetConfig config = ReadConfig(SmallConfig());
  const SmallWeights good(config);
  EXPECT_EQ(good.Error(config), "");
  SmallWeights w = good;
  w.tensors.erase("ctc.ctc_lo.bias");
  EXPECT_NE(w.Error(config).find("ctc.ctc_lo.bias"), std::string::npos);
  w = good;
  w.tensors["ctc.ctc_lo.bias"] = Tensor::Zeros({8});
  EXPECT_NE(w.Error(config).find("[8]"), std::string::npos);
  w = good;
  w.tensors["decoder.lora.weight"] = Tensor::Zeros({8});
  EXPECT_NE(w.Error(config).find("decoder.lora.weight"), std::string::npos);
  w = good;
  w.tensors["ctc.ctc_lo.bias"].Data()[1] = std::numeric_limits<float>::infinity();
  EXPECT_NE(w.Error(config).find("ctc.ctc_lo.bias"), std::string::npos);
  w = good;
  w.tensors["encoder.embed.pos_enc.pe"] = Tensor::Zeros({1, 5000, 8});
  EXPECT_EQ(w.Error(config), "");
  w.tensors.clear();
  w.tensors["a"] = Tensor::Zeros({8});
  EXPECT_NE(w.Error(config).find("too small"), std::string::npos);
}

TEST(ImportWenet, CmvnFromTheConfiguration) {
  json config = SmallConfig();
  SmallWeights w(ReadConfig(config));
  w.tensors.erase("encoder.global_cmvn.mean");
  w.tensors.erase("encoder.global_cmvn.istd");
  auto cmvn = [&](const WenetConfig &c, const std::string &name) {
    std::vector<float> values;
    ForEachParam(ImportWenet(c, w.Write()).get(),
                 [&](const std::string &n, Tensor *t, const ParamInit &, bool) {
                   if (n == "encoder.global_cmvn." + name)
                     values.assign(t->Data(), t->Data() + t->Size());
                 });
    return values;
  };
  EXPECT_EQ(cmvn(ReadConfig(config), "mean"), std::vector<float>(20, 0.0f));  // trained without
  EXPECT_EQ(cmvn(ReadConfig(config), "istd"), std::vector<float>(20, 1.0f));
  config["cmvn"] = "global_cmvn";
  EXPECT_NE(w.Error(ReadConfig(config)).find("--cmvn"), std::string::npos);
  config["cmvn"] = {{"mean", std::vector<double>(20, 2.5)}, {"istd", std::vector<double>(20, 0.5)}};
  EXPECT_EQ(cmvn(ReadConfig(config), "mean"), std::vector<float>(20, 2.5f));
  EXPECT_EQ(cmvn(ReadConfig(config), "istd"), std::vector<float>(20, 0.5f));
  // Weights that hold them too must agree.
  w.tensors["encoder.global_cmvn.mean"] = Tensor::Zeros({20});
  w.tensors["encoder.global_cmvn.istd"] = Tensor::Zeros({20});
  std::fill_n(w.tensors["encoder.global_cmvn.mean"].Data(), 20, 2.5001f);
  std::fill_n(w.tensors["encoder.global_cmvn.istd"].Data(), 20, 0.5f);
  EXPECT_EQ(w.Error(ReadConfig(config)), "");
  w.tensors["encoder.global_cmvn.istd"].Data()[7] = 0.6f;
  EXPECT_NE(w.Error(ReadConfig(config)).find("cmvn.istd[7] is 0.5, but 0.6 by "),
            std::string::npos);
  config["cmvn"]["mean"] = std::vector<double>(19, 2.5);
  EXPECT_THROW(ImportWenet(ReadConfig(config), w.Write()), DataError);
}

TEST(ImportWenet, PlainTransformerDecoder) {
  json config = SmallConfig();
  config["decoder"] = "transformer";
  config["decoder_conf"].erase("r_num_blocks");
  const WenetConfig read = ReadConfig(config);
  EXPECT_EQ(read.info.config.decoder.num_reverse_blocks, 0);
  EXPECT_EQ(read.info.config.reverse_weight, 0);
  SmallWeights w(read);
  std::map<std::string, Tensor> renamed;
  for (const auto &[name, t] : w.tensors) {
    const std::string left = "decoder.left_decoder.";
    renamed[StartsWith(name, left) ? "decoder." + name.substr(left.size()) : name] = t;
  }
  std::swap(w.tensors, renamed);
  const std::unique_ptr<AsrModel> model = ImportWenet(read, w.Write());
  ForEachParam(model.get(), [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    EXPECT_EQ(MaxAbsDiff(*t, renamed.at(name)), 0) << name;
  });
}

// One fact that several places state: they agree, or all are named.
TEST(WenetConfig, PlacesThatDisagree) {
  const std::vector<std::string> units = {"<blank>", "<unk>", "a", "b", "c", "d", "<sos/eos>"};
  const auto error = [&](json config, std::vector<std::string> with) -> std::string {
    try {
      ReadWenetConfig(WriteConfig(config), with, "units.txt");
    } catch (const DataError &e) {
      return e.what();
    }
    return "";
  };
  const auto expect = [](const std::string &text, std::vector<std::string> parts) {
    for (const std::string &part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  };
  EXPECT_EQ(error(SmallConfig(), units), "");
  json config = SmallConfig();
  config["ctc_conf"] = {{"ctc_blank_id", 0}};
  std::vector<std::string> moved = {"a", "<unk>", "<blank>", "b", "c", "d", "<sos/eos>"};
  expect(error(config, moved), {"<blank> is 0 by ctc_conf.ctc_blank_id", "2 by units.txt"});
  EXPECT_EQ(error(SmallConfig(), moved), "");  // the configuration does not say
  EXPECT_EQ(ReadWenetConfig(WriteConfig(SmallConfig()), moved).info.config.blank, 2);
  moved = {"<blank>", "<unk>", "<sos/eos>", "b", "c", "d", "a"};
  expect(error(SmallConfig(), moved), {"<sos> is 6 by WeNet's default", "2 by units.txt"});
  config = SmallConfig();
  config["tokenizer_conf"] = {{"special_tokens", {{"<sos>", 2}, {"<eos>", 3}}}};
  expect(error(config, moved), {"<eos> is 3 by tokenizer_conf.special_tokens", "2 by units.txt"});
  config["tokenizer_conf"]["special_tokens"]["<eos>"] = 2;
  EXPECT_EQ(error(config, moved), "");
  config["sos_id"] = 4;
  expect(error(config, moved), {"<sos> is 4 by sos_id", "2 by tokenizer_conf"});
  config = SmallConfig();
  config["tokenizer_conf"] = {{"special_tokens", {{"<blank>", 1}}}};
  config["ctc_conf"] = {{"ctc_blank_id", 0}};
  expect(error(config, {}), {"<blank> is 0 by ctc_conf.ctc_blank_id", "1 by tokenizer_conf"});
  config = SmallConfig();
  config["unk_id"] = 3;
  expect(error(config, units), {"<unk> is 3 by unk_id", "1 by units.txt"});
  config = SmallConfig();
  config["vocab_size"] = 8;
  expect(error(config, {}), {"7 by output_dim", "8 by vocab_size"});
  config = SmallConfig();
  expect(error(config, {"<blank>", "a"}), {"7 by output_dim", "2 by units.txt"});
  // The list of the configuration and that of the file, of which one would win.
  config["units"] = units;
  EXPECT_EQ(error(config, units), "");
  std::vector<std::string> other = units;
  std::swap(other[3], other[4]);
  expect(error(config, other), {"the unit 3 is b by units, but c by units.txt"});
  other = units;
  other.pop_back();
  expect(error(config, other), {"the unit 6 is <sos/eos> by units, but missing by units.txt"});
  config = SmallConfig();
  config["cmvn"] = {{"mean", std::vector<double>(19, 0)}, {"istd", std::vector<double>(19, 1)}};
  expect(error(config, {}), {"cmvn has 19 dimensions", "input_dim is 20"});
  config = SmallConfig();
  config["dataset_conf"] = {{"fbank_conf", {{"num_mel_bins", 23}}}};
  expect(error(config, {}), {"23 dimensions (num_mel_bins", "input_dim=20"});
}

TEST(WenetConfig, OnlyUnitsThatCanBeJoinedToText) {
  for (const char *kind : {"bpe", "whisper", "paraformer", "hugging_face"}) {
    json config = SmallConfig();
    config["tokenizer"] = kind;
    EXPECT_NE(ConfigError(config).find(Cat("tokenizer=", kind)), std::string::npos);
  }
  json config = SmallConfig();
  config["tokenizer"] = "char";
  config["tokenizer_conf"] = {{"bpe_path", nullptr}};
  EXPECT_EQ(ConfigError(config), "");
  config["tokenizer_conf"]["bpe_path"] = "train_unigram5000.model";
  EXPECT_NE(ConfigError(config).find("word pieces"), std::string::npos);
  EXPECT_NE(ConfigError(config, true).find("leave --bpe-model away"), std::string::npos);
  config["tokenizer"] = "bpe";
  EXPECT_NE(ConfigError(config).find("give it with --bpe-model"), std::string::npos);
  EXPECT_EQ(ConfigError(config, true), "");
  config.erase("tokenizer");  // older WeNet did not say
  EXPECT_EQ(ConfigError(config, true), "");
  config = SmallConfig();
  config["units"] = {"<blank>", "<unk>", "\u2581", "a", "b", "c", "<sos/eos>"};
  EXPECT_EQ(ConfigError(config), "");  // a space that is a unit of its own
  config["units"][3] = "\u2581a";
  EXPECT_NE(ConfigError(config).find("word piece"), std::string::npos);
  EXPECT_EQ(ConfigError(config, true), "");
}

TEST(WenetConfig, NumbersAsPeopleWriteThem) {
  for (const json &eps : {json(1e-5), json("1e-5"), json(0.00001), json(9.999999747378752e-06)}) {
    json config = SmallConfig();
    config["encoder_conf"]["norm_eps"] = config["decoder_conf"]["norm_eps"] = eps;
    EXPECT_EQ(ConfigError(config), "") << eps;
  }
  json config = SmallConfig();
  config["encoder_conf"].update({{"n_kv_head", 2}, {"head_dim", 4}});
  EXPECT_EQ(ConfigError(config), "");
  config["encoder_conf"]["head_dim"] = 8;
  EXPECT_NE(ConfigError(config).find("encoder_conf.head_dim=8"), std::string::npos);
  config = SmallConfig();
  config["decoder_conf"]["n_kv_head"] = 1;
  const std::string error = ConfigError(config);
  EXPECT_NE(error.find("decoder_conf.n_kv_head=1"), std::string::npos) << error;
  EXPECT_NE(error.find("attention_heads=2"), std::string::npos) << error;
  EXPECT_EQ(error.find("leave it out"), std::string::npos) << error;
}

// Weights of another type: the header and the bytes of each tensor made from float32.
std::string WriteAs(const SmallWeights &w, const std::string &dtype) {
  std::vector<SafetensorsItem> items;
  for (const auto &[name, tensor] : w.tensors) {
    std::string bytes;
    for (int64_t i = 0; i < tensor.Size(); ++i) {
      const float x = tensor.Data()[i];
      uint32_t bits;
      std::memcpy(&bits, &x, 4);
      const double wide = static_cast<double>(x) * (1 + 1e-12);
      if (dtype == "F64") {
        bytes.append(reinterpret_cast<const char *>(&wide), 8);
      } else if (dtype == "BF16") {
        const uint16_t half = static_cast<uint16_t>(bits >> 16);
        bytes.append(reinterpret_cast<const char *>(&half), 2);
      } else if (dtype == "F16") {  // of +-0.5, 1.5, 2^-24 and so on, by place
        static const uint16_t kHalves[] = {0x3800, 0xb800, 0x3e00, 0x0001, 0x8000, 0x0400, 0x7bff};
        const uint16_t half = kHalves[i % 7];
        bytes.append(reinterpret_cast<const char *>(&half), 2);
      } else {
        bytes.append(1, '\1');
      }
    }
    const auto held = std::make_shared<std::string>(bytes);
    items.push_back({name, dtype, tensor.Shape(),
                     [held] { return std::shared_ptr<const void>(held, held->data()); }});
  }
  const std::string path = TempDir() + "/other.safetensors";
  WriteSafetensors(path, items, {});
  return path;
}

TEST(ImportWenet, OtherTypesOfNumbers) {
  const WenetConfig config = ReadConfig(SmallConfig());
  const SmallWeights w(config);
  const auto import = [&](const std::string &dtype) {
    return ImportWenet(config, WriteAs(w, dtype));
  };
  ForEachParam(import("F64").get(),
               [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
                 EXPECT_EQ(MaxAbsDiff(*t, w.tensors.at(name)), 0) << name;
               });
  ForEachParam(import("BF16").get(),
               [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
                 for (int64_t i = 0; i < t->Size(); ++i) {
                   const float x = w.tensors.at(name).Data()[i], got = t->Data()[i];
                   uint32_t bits;
                   std::memcpy(&bits, &got, 4);
                   EXPECT_EQ(bits & 0xffff, 0u);
                   EXPECT_NEAR(got, x, std::abs(x) / 128);
                 }
               });
  const float kWant[] = {0.5f, -0.5f, 1.5f, 5.9604644775390625e-8f, -0.0f, 6.103515625e-5f, 65504};
  ForEachParam(import("F16").get(),
               [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
                 for (int64_t i = 0; i < t->Size(); ++i)
                   ASSERT_EQ(t->Data()[i], kWant[i % 7]) << name;
               });
  for (const char *dtype : {"I8", "U8", "F8_E4M3"}) {
    try {
      import(dtype);
      ADD_FAILURE();
    } catch (const DataError &e) {
      EXPECT_NE(std::string(e.what()).find("save it as float32"), std::string::npos) << e.what();
    }
  }
}

TEST(ImportWenet, PrefixesOfWrappers) {
  const WenetConfig config = ReadConfig(SmallConfig());
  const SmallWeights plain(config);
  SmallWeights w = plain;
  for (const std::string prefix : {"module.", "_orig_mod.", "model.", "module._orig_mod."}) {
    w.tensors.clear();
    for (const auto &[name, t] : plain.tensors) w.tensors[prefix + name] = t;
    ForEachParam(ImportWenet(config, w.Write()).get(),
                 [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
                   EXPECT_EQ(MaxAbsDiff(*t, plain.tensors.at(name)), 0) << prefix << name;
                 });
  }
  w.tensors["teacher.a"] = plain.tensors.at("ctc.ctc_lo.bias");
  const std::string error = w.Error(config);
  EXPECT_NE(error.find("has the prefix module._orig_mod., but teacher.a has not"),
            std::string::npos)
      << error;
}

TEST(ImportWenet, CheckpointsOfPyTorch) {
  const WenetConfig config = ReadConfig(SmallConfig());
  const std::string path = TempDir() + "/final.pt";
  for (const std::string &begin :
       {std::string("PK\3\4\0\0\0\0\0\0\0\0\0\0", 14),
        std::string("\x80\2\x8a\nl\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14)}) {
    WriteFile(path, begin + "archive/data.pkl and more");
    try {
      ImportWenet(config, path);
      ADD_FAILURE();
    } catch (const DataError &e) {
      EXPECT_NE(std::string(e.what()).find("final.pt: "), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("save_file"), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace u2moe
