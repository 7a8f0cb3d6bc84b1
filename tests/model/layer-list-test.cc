#include "model/layer-list.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

FeedForwardConfig Base() {
  FeedForwardConfig ffn;
  ffn.hidden_dim = 10, ffn.num_experts = 8;
  return ffn;
}

std::string Again(const std::string &text, const LayerPlaces &places) {
  return LayersToString(ParseLayers("layers", text, Base(), places), Base(), places);
}

TEST(LayerList, TheShortestSayingOfWhatWasSaid) {
  const LayerPlaces encoder{6, true}, decoder{3, false};
  const std::pair<const char *, const char *> kCases[] = {
      {"", ""},
      {" ", ""},
      {"0:num-experts=8", ""},
      {"0-2:num-experts=0", "0-2:num-experts=0"},
      {" 0 - 2 , 4 : num-experts = 0 ", "0-2,4:num-experts=0"},
      {"0.macaron:num-experts=0;0.last:num-experts=0", "0:num-experts=0"},
      {"all:num-experts=4;all.last:num-experts=8", "all.macaron:num-experts=4"},
      {"all:router=a;5:router=b", "0-4:router=a;5:router=b"},
      {"5.macaron:router=switch,num-experts=4", "5.macaron:num-experts=4,router=switch"},
      {"3:activation=relu,ffn-bias=false,balance-weight=0.01,hidden-dim=10",
       "3:activation=relu,ffn-bias=false,balance-weight=0.01"}};
  for (const auto &[text, want] : kCases) EXPECT_EQ(Again(text, encoder), want) << text;
  EXPECT_EQ(Again("1-2:bank=shared,shared-experts=1;2:shared-experts=2", decoder),
            "1:bank=shared,shared-experts=1;2:bank=shared,shared-experts=2");
}

TEST(LayerList, LayersAreInTheOrderOfTheNetwork) {
  const auto layers = ParseLayers("layers", "1.macaron:num-experts=3;2.last:z-weight=0.5", Base(),
                                  LayerPlaces{3, true});
  ASSERT_EQ(layers.size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(layers[i].num_experts, i == 2 ? 3 : 8);
    EXPECT_EQ(layers[i].z_weight, i == 5 ? 0.5f : 0.0f);
    EXPECT_EQ(layers[i].hidden_dim, 10);
  }
}

TEST(LayerList, WhatIsSaidComesBack) {
  Rng rng(3);
  for (int round = 0; round < 200; ++round) {
    const LayerPlaces places{static_cast<int32_t>(rng.UniformInt(1, 9)), round % 2 == 0};
    std::vector<FeedForwardConfig> layers(
        static_cast<size_t>(places.num_blocks * places.PerBlock()), Base());
    for (FeedForwardConfig &layer : layers) {
      if (rng.UniformInt(0, 1) == 0) layer.num_experts = static_cast<int32_t>(rng.UniformInt(7, 8));
      if (rng.UniformInt(0, 3) == 0) layer.router_noise = 0.1f;
      if (rng.UniformInt(0, 3) == 0) layer.bias = false;
    }
    const std::string text = LayersToString(layers, Base(), places);
    const auto read = ParseLayers("layers", text, Base(), places);
    EXPECT_EQ(read.empty(), text.empty());
    for (size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(read[i].num_experts, layers[i].num_experts) << text;
      EXPECT_EQ(read[i].router_noise, layers[i].router_noise) << text;
      EXPECT_EQ(read[i].bias, layers[i].bias) << text;
    }
  }
}

TEST(LayerList, WhatIsWrongIsNamed) {
  const std::pair<const char *, const char *> kCases[] = {
      {";", "the entry '': is empty"},
      {"0:num-experts=0;", "the entry '': is empty"},
      {"0", "the entry '0': has no ':'"},
      {":num-experts=0", "'' is neither a block, as 3, nor a range"},
      {"x:num-experts=0", "'x' is neither a block"},
      {"2-1:num-experts=0", "'2-1' is neither a block"},
      {"-1:num-experts=0", "'-1' is neither a block"},
      {"6:num-experts=0", "there is no block 6; they are 0 to 5"},
      {"0-9:num-experts=0", "there is no block 9"},
      {"0.first:num-experts=0", "'first' is neither macaron nor last"},
      {"0:", "'' is no name=value"},
      {"0:num-experts", "'num-experts' is no name=value"},
      {"0:experts=4", "'experts' is no setting of a layer; there are hidden-dim, num-experts, "},
      {"0:num-experts=4.5", "'4.5' is no value of num-experts"},
      {"0:ffn-bias=maybe", "'maybe' is no value of ffn-bias"},
      {"0:activation=gelu", "'gelu' is no value of activation"},
      {"0:router=", "'' is no value of router"},
      {"0:z-weight=nan", "'nan' is no value of z-weight"}};
  for (const auto &[text, message] : kCases) {
    const std::string error = ErrorOf([t = std::string(text)] {
      ParseLayers("decoder-layers", t, Base(), LayerPlaces{6, true});
    });
    EXPECT_HAS(error, message) << text;
    EXPECT_EQ(error.find("decoder-layers: the entry '"), 0u) << error;
  }
}

}  // namespace
}  // namespace u2moe
