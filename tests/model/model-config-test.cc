#include "model/model-config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "support/test-util.h"
#include "util/options.h"

namespace u2moe {
namespace {

ModelOptions Valid() {
  ModelOptions o;
  o.SetUnits({"<blank>", "<unk>", "<sos/eos>", "a", "b"});
  return o;
}

TEST(ModelOptions, DefaultsAreThoseOfModelConfig) {
  const ModelConfig config = Valid().Config(), plain;
  ModelOptions a(config), b(plain);
  b.vocab_size = 5, b.blank = 0, b.sos = b.eos = 2;
  EXPECT_EQ(a.ToString(), b.ToString());
}

TEST(ModelOptions, DecodersFollowTheEncoder) {
  ModelOptions o = Valid();
  o.num_heads = 8, o.hidden_dim = 100, o.num_experts = 4, o.experts_per_frame = 3,
  o.dropout = 0.25f;
  ModelConfig c = o.Config();
  EXPECT_EQ(c.decoder.num_heads, 8);
  EXPECT_EQ(c.decoder.ffn.hidden_dim, 100);
  EXPECT_EQ(c.decoder.ffn.num_experts, 4);
  EXPECT_EQ(c.decoder.ffn.experts_per_frame, 3);
  EXPECT_EQ(c.encoder.positional_dropout, 0.25f);
  EXPECT_EQ(c.decoder.dropout, 0.25f);
  EXPECT_EQ(c.decoder.positional_dropout, 0.25f);
  EXPECT_EQ(c.encoder.ffn.activation, Activation::kSwish);
  EXPECT_EQ(c.decoder.ffn.activation, Activation::kRelu);
  o.decoder_num_experts = 0, o.decoder_hidden_dim = 7, o.decoder_dropout = 0, o.decoder_heads = 2;
  c = o.Config();
  EXPECT_EQ(c.encoder.ffn.num_experts, 4);
  EXPECT_EQ(c.decoder.ffn.num_experts, 0);
  EXPECT_EQ(c.decoder.ffn.hidden_dim, 7);
  EXPECT_EQ(c.decoder.dropout, 0);
  EXPECT_EQ(c.decoder.positional_dropout, 0);
  EXPECT_EQ(c.decoder.num_heads, 2);
}

TEST(ModelOptions, SpecialUnits) {
  ModelOptions o;
  o.SetUnits({"<blank>", "a", "b"});  // WeNet: the last unit
  EXPECT_EQ(o.vocab_size, 3);
  EXPECT_EQ(o.blank, 0);
  EXPECT_EQ(o.sos, 2);
  EXPECT_EQ(o.eos, 2);
  ModelOptions p;
  p.SetUnits({"<eos>", "<sos>", "a", "<blank>"});
  EXPECT_EQ(p.blank, 3);
  EXPECT_EQ(p.sos, 1);
  EXPECT_EQ(p.eos, 0);
  ModelOptions given;
  given.sos = 1, given.eos = 2, given.blank = 3;
  given.SetUnits({"<eos>", "<sos>", "a", "<blank>"});
  EXPECT_EQ(given.eos, 2);
  ModelOptions wrong;
  wrong.vocab_size = 4;
  EXPECT_THROW(wrong.SetUnits({"<blank>", "a", "b"}), UsageError);
}

TEST(ModelOptions, JsonRoundTrip) {
  ModelOptions o = Valid();
  o.dropout = 0.1f, o.ctc_weight = 1.0f / 3, o.conv_norm = "batch-norm", o.num_experts = 8,
  o.causal = false;
  o.conv_kernel = 15;
  const ModelOptions whole(o.Config());
  const std::string text = whole.ToJson();
  const ModelOptions read = ModelOptions::FromJson(text, "test");
  EXPECT_EQ(read.ToString(), whole.ToString());
  EXPECT_EQ(read.ctc_weight, 1.0f / 3);
  EXPECT_EQ(read.ToJson(), text);
  EXPECT_NE(text.find("\"dropout\":0.1,"), std::string::npos) << text;
}

TEST(ModelOptions, JsonMustBeExact) {
  const std::string text = ModelOptions(Valid().Config()).ToJson();
  auto replaced = [&](const std::string &from, const std::string &to) {
    std::string s = text;
    const size_t at = s.find(from);
    EXPECT_NE(at, s.npos) << from;
    return s.replace(at, from.size(), to);
  };
  auto error = [](const std::string &json) -> std::string {
    try {
      ModelOptions::FromJson(json, "m.safetensors");
    } catch (const DataError &e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(error(text), "");
  EXPECT_EQ(error(replaced("\"causal\":true,", "")), "");
  EXPECT_NE(error(replaced("{", "{\"depth\":3,")).find("depth=3"), std::string::npos);
  EXPECT_NE(error(replaced("{", "{\"shift\":true,")).find("shift=true"), std::string::npos);
  for (const char *off : {"false", "0", "null", "\"\"", "[]"})  // a part that this model has not
    EXPECT_EQ(error(replaced("{", Cat("{\"depth\":", off, ","))), "") << off;
  EXPECT_NE(error(replaced("\"causal\":true", "\"causal\":1")).find("causal"), std::string::npos);
  EXPECT_NE(error(replaced("\"num-blocks\":12", "\"num-blocks\":12.5")).find("num-blocks"),
            std::string::npos);
  EXPECT_NE(error(replaced("\"num-blocks\":12", "\"num-blocks\":4294967308")).find("num-blocks"),
            std::string::npos);
  EXPECT_NE(error(replaced("\"num-blocks\":12", "\"num-blocks\":\"12\"")).find("num-blocks"),
            std::string::npos);
  EXPECT_NE(error(replaced("{", "{\"causal\":true,")).find("twice"), std::string::npos);
  EXPECT_NE(error("[]"), "");
  EXPECT_NE(error(text.substr(0, 40)).find("m.safetensors"), std::string::npos);
}

// Without any one option, an object gives all others as they are and the default of that one.
TEST(ModelOptions, AbsentOptions) {
  ModelOptions other = Valid();
  other.num_blocks = 2, other.num_heads = 8, other.causal = false, other.conv_kernel = 7;
  other.activation = "relu", other.decoder_activation = "swish", other.decoder_heads = 2;
  other.num_experts = 4, other.experts_per_frame = 3, other.decoder_experts_per_frame = 2;
  other.dynamic_chunk = false, other.reverse_decoder_blocks = 1, other.z_weight = 0.5f;
  other.layers = "1:hidden-dim=7";
  const nlohmann::json defaults = nlohmann::json::parse(ModelOptions().ToJson());
  for (const ModelOptions &o : {Valid(), other}) {
    const nlohmann::json whole = nlohmann::json::parse(ModelOptions(o.Config()).ToJson());
    for (const auto &item : whole.items()) {
      nlohmann::json less = whole, want = whole;
      less.erase(item.key());
      want[item.key()] = defaults.at(item.key());
      testing::internal::CaptureStderr();
      const ModelOptions read = ModelOptions::FromJson(less.dump(), "m.safetensors");
      const std::string warned = testing::internal::GetCapturedStderr();
      EXPECT_EQ(nlohmann::json::parse(read.ToJson()), want) << item.key();
      const bool young =
          item.key() == "bank" || item.key() == "decoder-z-weight" || item.key() == "layers";
      if (young || item.key() == "num-heads") {
        EXPECT_EQ(warned.find("m.safetensors: not given, and taken as " + item.key() + "=") ==
                      std::string::npos,
                  young)
            << item.key() << " " << warned;
      }
    }
  }
}

TEST(ModelOptions, ConfigFileRoundTrip) {
  ModelOptions o = Valid();
  o.num_experts = 4, o.label_smoothing = 0.05f, o.causal = false, o.conv_kernel = 7;
  o.layers = "0-2,5.macaron:num-experts=0; 7:num-experts=3", o.decoder_layers = "1:ffn-bias=false";
  const std::string path = TempDir() + "/model.conf";
  const ModelOptions whole(o.Config());
  WriteFile(path, whole.ToString());
  ModelOptions read;
  OptionParser po("test");
  read.Register(&po);
  po.ReadConfigFile(path);
  EXPECT_EQ(read.ToString(), whole.ToString());
}

TEST(ModelOptions, CommandLineGoesBeforeTheFile) {
  ModelOptions file, line;
  file.num_blocks = 3, file.model_dim = 64;
  OptionParser po("test");
  line.Register(&po);
  const char *argv[] = {"x", "--num-blocks=5", "--print-args=false", "--router=other"};
  ASSERT_TRUE(po.Parse(4, argv, 0, 0, InputArgs{0}));
  file.TakeGiven(po, line);
  EXPECT_EQ(file.num_blocks, 5);
  EXPECT_EQ(file.model_dim, 64);
  EXPECT_EQ(file.router, "other");
}

TEST(ModelOptions, ChecksNameTheOption) {
  const struct {
    const char *option;
    std::function<void(ModelOptions *)> spoil;
  } kCases[] = {
      {"feature-dim", [](ModelOptions *o) { o->feature_dim = 6; }},
      {"feature-dim", [](ModelOptions *o) { o->feature_dim = 14, o->subsampling = 8; }},
      {"model-dim", [](ModelOptions *o) { o->model_dim = 0; }},
      {"model-dim", [](ModelOptions *o) { o->model_dim = 33, o->num_heads = 1; }},
      {"num-heads", [](ModelOptions *o) { o->num_heads = 3; }},
      {"num-heads", [](ModelOptions *o) { o->num_heads = 0, o->decoder_heads = 1; }},
      {"decoder-heads", [](ModelOptions *o) { o->decoder_heads = 3; }},
      {"num-blocks", [](ModelOptions *o) { o->num_blocks = 0; }},
      {"decoder-blocks", [](ModelOptions *o) { o->decoder_blocks = 0; }},
      {"reverse-decoder-blocks", [](ModelOptions *o) { o->reverse_decoder_blocks = -1; }},
      {"reverse-weight", [](ModelOptions *o) { o->reverse_decoder_blocks = 0; }},
      {"subsampling", [](ModelOptions *o) { o->subsampling = 5; }},
      {"conv-kernel", [](ModelOptions *o) { o->conv_kernel = 8, o->causal = false; }},
      {"conv-kernel", [](ModelOptions *o) { o->conv_kernel = 0; }},
      {"conv-norm", [](ModelOptions *o) { o->conv_norm = "layer_norm"; }},
      {"activation", [](ModelOptions *o) { o->activation = "gelu"; }},
      {"decoder-activation", [](ModelOptions *o) { o->decoder_activation = ""; }},
      {"hidden-dim", [](ModelOptions *o) { o->hidden_dim = 0; }},
      {"num-experts", [](ModelOptions *o) { o->num_experts = -1, o->decoder_num_experts = 0; }},
      {"experts-per-frame", [](ModelOptions *o) { o->num_experts = 2, o->experts_per_frame = 3; }},
      {"experts-per-frame", [](ModelOptions *o) { o->num_experts = 8, o->experts_per_frame = 0; }},
      {"decoder-experts-per-frame",
       [](ModelOptions *o) { o->num_experts = 8, o->decoder_experts_per_frame = 9; }},
      {"router", [](ModelOptions *o) { o->router = "random"; }},
      {"decoder-router", [](ModelOptions *o) { o->decoder_router = "random"; }},
      {"dropout", [](ModelOptions *o) { o->dropout = 1; }},
      {"decoder-positional-dropout",
       [](ModelOptions *o) { o->decoder_positional_dropout = -0.5f; }},
      {"label-smoothing", [](ModelOptions *o) { o->label_smoothing = 1; }},
      {"ctc-weight", [](ModelOptions *o) { o->ctc_weight = 1.5f; }},
      {"ctc-weight", [](ModelOptions *o) { o->ctc_weight = std::nanf(""); }},
      {"reverse-weight", [](ModelOptions *o) { o->reverse_weight = 1; }},
      {"vocab-size", [](ModelOptions *o) { o->vocab_size = 1; }},
      {"sos", [](ModelOptions *o) { o->sos = 5; }},
      {"blank", [](ModelOptions *o) { o->blank = 2; }},
  };
  EXPECT_NO_THROW(Valid().Check());
  for (const auto &c : kCases) {
    ModelOptions o = Valid();
    c.spoil(&o);
    try {
      o.Check();
      ADD_FAILURE() << "a wrong " << c.option << " was accepted";
    } catch (const UsageError &e) {
      EXPECT_NE(std::string(e.what()).find(std::string(c.option) + "="), std::string::npos)
          << e.what();
    }
  }
}

TEST(ModelOptions, ChecksNameTheLayer) {
  const struct {
    const char *layers, *decoder_layers, *message;
  } kCases[] = {
      {"3.last:num-experts=1", "",
       "layers: block 3.last: experts-per-frame=2 is outside 1 to num-"},
      {"all:router=none", "", "layers: block 0.macaron: router=none is unknown; there is "},
      {"", "1:z-weight=-1", "decoder-layers: block 1: z-weight=-1 is not "},
      {"12:num-experts=0", "", "layers: the entry '12:num-experts=0': there is no block 12; they "},
      {"", "0.last:num-experts=0", "decoder-layers: the entry '0.last:num-experts=0': a decoder b"},
  };
  for (const auto &c : kCases) {
    ModelOptions o = Valid();
    o.num_experts = 4, o.layers = c.layers, o.decoder_layers = c.decoder_layers;
    try {
      o.Check();
      ADD_FAILURE() << c.message;
    } catch (const UsageError &e) {
      EXPECT_EQ(std::string(e.what()).find(c.message), 0u) << e.what();
    }
  }
}

TEST(ModelConfig, LayersThatDiffer) {
  ModelOptions o = Valid();
  o.num_blocks = 3, o.num_experts = 8, o.decoder_blocks = 2, o.reverse_decoder_blocks = 1;
  o.layers = "all.macaron:num-experts=0;1.last:num-experts=4,experts-per-frame=3";
  o.decoder_layers = "0:num-experts=0";
  const ModelConfig c = o.Config();
  EXPECT_EQ(c.encoder.NumMixtures(), 3);
  EXPECT_EQ(c.decoder.NumMixtures(false), 1);
  EXPECT_EQ(c.decoder.NumMixtures(true), 0);
  EXPECT_EQ(c.encoder.FeedForwardOf(2, true).num_experts, 0);
  EXPECT_EQ(c.encoder.FeedForwardOf(1, false).experts_per_frame, 3);
  EXPECT_EQ(c.encoder.FeedForwardOf(2, false).num_experts, 8);
  EXPECT_EQ(c.decoder.FeedForwardOf(0).num_experts, 0);
  EXPECT_EQ(c.decoder.FeedForwardOf(1).num_experts, 8);
  std::vector<int32_t> experts;
  c.ForEachMixture([&](const FeedForwardConfig &ffn) { experts.push_back(ffn.num_experts); });
  EXPECT_EQ(experts, (std::vector<int32_t>{8, 4, 8, 8}));
  EXPECT_TRUE(c.HasMixtures());
  EXPECT_EQ(ModelOptions(c).ToString(), ModelOptions(ModelOptions(c).Config()).ToString());
  // What says nothing new is nothing.
  o.layers = "0:num-experts=8", o.decoder_layers = "";
  EXPECT_TRUE(o.Config().encoder.layers.empty());
  // All decoders follow the encoder's experts, but not its lists.
  EXPECT_EQ(o.Config().decoder.NumMixtures(false), 2);
  // A mixture in one layer alone.
  o.num_experts = 0, o.layers = "2.macaron:num-experts=2";
  EXPECT_EQ(o.Config().encoder.NumMixtures(), 1);
  EXPECT_TRUE(o.Config().HasMixtures());
  o.layers = "2.macaron:num-experts=2,experts-per-frame=1";
  EXPECT_THROW(CheckCanLearn(o.Config(), "m"), UsageError);
}

TEST(ModelOptions, OneExpertAlone) {
  ModelOptions o = Valid();
  o.num_experts = 1, o.experts_per_frame = 1;
  EXPECT_NO_THROW(o.Check());
  EXPECT_NO_THROW(CheckCanLearn(o.Config(), "m"));
}

TEST(ModelOptions, OneExpertOfManyCanOnlyBeRun) {
  for (const bool decoder : {false, true}) {
    ModelOptions o = Valid();
    o.num_experts = 8;
    (decoder ? o.decoder_experts_per_frame : o.experts_per_frame) = 1;
    if (!decoder) o.decoder_experts_per_frame = 2;
    try {
      CheckCanLearn(o.Config(), "m");
      ADD_FAILURE();
    } catch (const UsageError &e) {
      EXPECT_EQ(std::string(e.what()).find(decoder ? "m: decoder-experts-per-frame=1"
                                                   : "m: experts-per-frame=1"),
                0u)
          << e.what();
      EXPECT_NE(std::string(e.what()).find("no gradient"), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace u2moe
