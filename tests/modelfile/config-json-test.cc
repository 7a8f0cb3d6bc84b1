#include "modelfile/config-json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/error-test.h"

namespace u2moe {
namespace {

using nlohmann::json;

const std::vector<std::string> kUnits = {"<blank>", "a", "b", "<sos/eos>"};

ModelOptions Valid() {
  ModelOptions o;
  o.SetUnits(kUnits);
  return o;
}

ModelConfig Read(const json &config) {
  return ConfigFromJson(config.dump(), kNestedConfigVersion, "file", kUnits);
}

// What Read says on stderr.
std::string Warning(const json &config) {
  testing::internal::CaptureStderr();
  Read(config);
  return testing::internal::GetCapturedStderr();
}

std::string Error(const json &config) {
  return ErrorOf([&] { Read(config); });
}

json Config(const ModelOptions &o = Valid()) { return json::parse(ConfigToJson(o.Config())); }

TEST(ConfigJson, RoundTrip) {
  std::vector<ModelOptions> all(4, Valid());
  all[1].num_experts = 8, all[1].activation = "relu", all[1].conv_norm = "batch-norm";
  all[1].ctc_weight = 1.0f / 3, all[1].dropout = 0.05f, all[1].decoder_num_experts = 0;
  all[1].num_blocks = 3, all[1].decoder_heads = 2, all[1].dynamic_left_chunk = true;
  all[1].layers = "0:num-experts=0;2.macaron:num-experts=4,balance-weight=0.25";
  all[2].num_experts = 4, all[2].z_weight = 0.5f, all[2].router_dim = 3, all[2].router_noise = 0;
  all[2].decoder_z_weight = 0, all[2].decoder_router_dim = 0;  // not the encoder's
  all[2].decoder_router_noise = 1;
  all[2].decoder_layers = "1-2:hidden-dim=64;2:z-weight=0.125";
  all[3].reverse_decoder_blocks = 0, all[3].reverse_weight = 0, all[3].decoder_blocks = 1;
  for (const ModelOptions &o : all) {
    const ModelConfig config = o.Config();
    const std::string text = ConfigToJson(config);
    testing::internal::CaptureStderr();
    const ModelConfig read = ConfigFromJson(text, kNestedConfigVersion, "file", {});
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << text;
    EXPECT_EQ(ModelOptions(read).ToString(), ModelOptions(config).ToString());
    EXPECT_EQ(ConfigToJson(read), text);
    // The flat form of before.
    const std::string flat = ModelOptions(config).ToJson();
    EXPECT_EQ(ConfigToJson(ConfigFromJson(flat, 3, "file", {})), text);
  }
}

TEST(ConfigJson, ListsOfLayersSayWhatDiffers) {
  ModelOptions o = Valid();
  o.num_blocks = 2, o.num_experts = 8, o.decoder_blocks = 2, o.reverse_decoder_blocks = 1;
  o.layers = "0.macaron:num-experts=0;1.last:z-weight=0.5";
  o.decoder_layers = "1:router=topk-softmax,num-experts=4";
  const json config = Config(o);
  EXPECT_EQ(config["encoder"]["layers"].dump(),
            R"([{"macaron":{"num-experts":0}},{"last":{"training":{"z-weight":0.5}}}])");
  EXPECT_EQ(config["decoder"]["layers"].dump(), R"([{},{"num-experts":4}])");
  EXPECT_EQ(config["encoder"]["feed-forward"].count("bank"), 0u) << "young, and the default";
  EXPECT_EQ(Config()["encoder"].count("layers"), 0u);
  json wrong = config;
  wrong["encoder"]["layers"].erase(0);
  EXPECT_HAS(Error(wrong), "file: encoder.layers: expected a list of 2 blocks");
  wrong["encoder"]["layers"] = 3;
  EXPECT_HAS(Error(wrong), "file: encoder.layers: expected a list");
  wrong = config;
  wrong["encoder"]["layers"][1]["last"]["num-experts"] = "4";
  EXPECT_HAS(Error(wrong), "encoder.layers.1.last.num-experts: wrong value \"4\"");
  wrong = config;
  wrong["encoder"]["layers"][1]["middle"] = json{{"num-experts", 4}};
  EXPECT_HAS(Error(wrong), "encoder.layers.1.middle={\"num-experts\":4}");
  wrong = config;
  wrong["decoder"]["layers"][0]["merge"] = 2;
  EXPECT_HAS(Error(wrong), "decoder.layers.0.merge=2");
  wrong = config;
  wrong["decoder"]["layers"][0] = json::array();
  EXPECT_HAS(Error(wrong), "file: decoder.layers.0: no object");
  wrong = config;
  wrong["decoder"]["layers"][0]["experts-per-frame"] = 9;
  EXPECT_HAS(Error(wrong), "decoder-layers: block 0: experts-per-frame=9 is outside 1 to");
}

TEST(ConfigJson, AbsentDecodersAreTheEncoders) {
  ModelOptions o = Valid();
  o.num_heads = 8, o.num_experts = 4, o.hidden_dim = 32, o.dropout = 0.25f, o.activation = "relu";
  o.z_weight = 0.5f;
  json config = Config(o);
  config["decoder"] = json::object();
  config.erase("sos");
  const std::string warning = Warning(config);
  EXPECT_HAS(warning, "decoder.heads=8");
  EXPECT_HAS(warning, "taken as sos=3, ");  // by the units
  EXPECT_EQ(warning.find("z-weight"), std::string::npos) << warning;
  const ModelConfig read = Read(config);
  EXPECT_EQ(read.decoder.num_heads, 8);
  EXPECT_EQ(read.decoder.ffn.num_experts, 4);
  EXPECT_EQ(read.decoder.ffn.hidden_dim, 32);
  EXPECT_EQ(read.decoder.ffn.activation, Activation::kRelu);
  EXPECT_EQ(read.decoder.ffn.z_weight, 0) << "not written is the default";
  EXPECT_EQ(read.decoder.dropout, 0.25f);
  EXPECT_EQ(read.sos, 3);
}

TEST(ConfigJson, UnknownKeys) {
  const json good = Config();
  const std::pair<const char *, json> kMayMatter[] = {{"/embedding", {{"blocks", 6}}},
                                                      {"/encoder/depth", 3},
                                                      {"/encoder/feed-forward/merge", "segments"},
                                                      {"/decoder/words", json::array({1})}};
  for (const auto &[path, value] : kMayMatter) {
    json config = good;
    config[json::json_pointer(path)] = value;
    std::string name = std::string(path).substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    EXPECT_HAS(Error(config),
               "file: unknown here, and it may change results: " + name + "=" + value.dump());
    EXPECT_EQ(UnknownInConfig(config.dump(), "file"), name + "=" + value.dump());
    for (const json &off : {json(false), json(0), json(nullptr), json(""), json::array()}) {
      config[json::json_pointer(path)] = off;
      EXPECT_HAS(Warning(config), "passed over, as it changes no results: " + name + "=");
    }
  }
  for (const char *path : {"/training/topology", "/encoder/training/noise",
                           "/decoder/feed-forward/training/boredom-weight"}) {
    json config = good;
    config[json::json_pointer(path)] = 0.5;
    EXPECT_HAS(Warning(config), "=0.5");
    EXPECT_EQ(UnknownInConfig(config.dump(), "file"), "");
  }
}

TEST(ConfigJson, WrongOnes) {
  const json good = Config();
  const std::tuple<const char *, json, const char *> kCases[] = {
      {"/encoder/causal", 1, "file: encoder.causal: wrong value 1"},
      {"/encoder/num-blocks", 12.5, "encoder.num-blocks: wrong value 12.5"},
      {"/encoder/num-blocks", int64_t{4294967308}, "encoder.num-blocks: wrong value"},
      {"/encoder/num-blocks", "12", "encoder.num-blocks: wrong value \"12\""},
      {"/encoder/num-blocks", 0, "file: num-blocks=0 is outside 1 to"},
      {"/encoder/training/dropout", "0.1", "encoder.training.dropout: wrong value"},
      {"/encoder/training", 0, "file: encoder.training: no object"},
      {"/encoder/feed-forward", 3, "file: encoder.feed-forward: no object"},
      {"/encoder/feed-forward/activation", "gelu", "feed-forward.activation: wrong value \"gelu\""},
      {"/encoder/feed-forward/router", "none", "file: router=none is unknown"},
      {"/decoder", json::array(), "file: decoder: no object"},
      {"/vocab-size", 1, "file: vocab-size=1 is outside"}};
  for (const auto &[path, value, message] : kCases) {
    json config = good;
    config[json::json_pointer(path)] = value;
    EXPECT_HAS(Error(config), message);
  }
  for (const char *text : {"", "[]", "3", "{", "{\"encoder\":{},\"encoder\":{}}"}) {
    EXPECT_HAS(ErrorOf([&] { ConfigFromJson(text, kNestedConfigVersion, "file", {}); }), "file: ")
        << text;
  }
  std::string deep = "{\"a\":";
  for (int i = 0; i < 40; ++i) deep += "[";
  EXPECT_HAS(ErrorOf([&] { ConfigFromJson(deep, kNestedConfigVersion, "file", {}); }), "deeper");
}

}  // namespace
}  // namespace u2moe
