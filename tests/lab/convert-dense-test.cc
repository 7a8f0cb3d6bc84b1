// Conversions that take dense layers apart: groups of neurons, chains of tensors, narrower experts,
// experts of domains.
#include <cmath>
#include <utility>

#include "lab/convert-test.h"

namespace u2moe {
namespace {

ModelConfig ReluConfig() {
  ModelConfig config = Config(0);
  config.encoder.ffn.activation = Activation::kRelu;
  return config;
}

// All groups of neurons at work are the dense layer, biases included.
TEST(Moefication, AllGroupsAreTheDenseModel) {
  const std::unique_ptr<AsrModel> dense = Random(ReluConfig(), 18);
  const ConvertData data = Data();
  for (const char *split : {"k-means", "random"}) {
    ConvertOptions opts = Method("moefication", 8);
    opts.experts_per_frame = 8;
    opts.router_epochs = 1;
    opts.split = split;
    const std::unique_ptr<AsrModel> groups = Convert(opts, dense.get(), &data);
    EXPECT_EQ(groups->Config().encoder.ffn.bank, "neuron-groups");
    EXPECT_EQ(groups->Config().encoder.ffn.hidden_dim, 4);
    EXPECT_LT(Difference(*dense, *groups), 2e-5) << split;
    // No parameter but the routers' is new.
    EXPECT_EQ(groups->NumParams() - dense->NumParams(), 7 * (16 * 8 + 8 * 8));
  }
  // Fewer groups are nearer to it than random ones.
  ConvertOptions some = Method("moefication", 8);
  some.experts_per_frame = 6;
  const std::unique_ptr<AsrModel> trained = Convert(some, dense.get(), &data);
  EXPECT_GT(Difference(*dense, *trained), 1e-3);
}

// What goes into a dense layer: with the layer's weights it gives what the network gives.
TEST(FeedForwardInputs, AreTheRowsOfTheLayer) {
  const std::unique_ptr<AsrModel> dense = Random(ReluConfig(), 19);
  const ConvertData data = Data();
  const std::vector<FeedForwardPlace> places = ChoosePlaces(dense->Config(), "all");
  const auto all = FeedForwardInputs(Context(), dense.get(), places, data, 100000, 1);
  // Frames of the three utterances after subsampling by 4, and tokens with the start.
  int64_t frames = 0;
  for (int u = 0; u < 3; ++u) frames += dense->Encoder().OutLength(60 + 10 * u);
  EXPECT_EQ(all.at("encoder.encoders.1.feed_forward").Rows(), frames);
  EXPECT_EQ(all.at("decoder.left_decoder.decoders.1.feed_forward").Rows(), 3 + 2 + 4 + 3);
  const auto few = FeedForwardInputs(Context(), dense.get(), places, data, 10, 1);
  EXPECT_EQ(few.at("encoder.encoders.1.feed_forward").Rows(), 10);
  // The input of the first layer is a norm's output: with its gain and bias undone, mean 0 and
  // variance 1.
  const TensorsByName t(dense.get());
  const Tensor &x = all.at("encoder.encoders.0.feed_forward_macaron");
  for (int64_t r = 0; r < x.Rows(); ++r) {
    double sum = 0, square = 0;
    for (int64_t d = 0; d < 16; ++d) {
      const double v = (x(r, d) - t["encoder.encoders.0.norm_ff_macaron.bias"].Data()[d]) /
                       t["encoder.encoders.0.norm_ff_macaron.weight"].Data()[d];
      sum += v;
      square += v * v;
    }
    EXPECT_NEAR(sum, 0, 1e-3);
    EXPECT_NEAR(square / 16, 1, 1e-2);
  }
  // A mixture of the layer alone makes no difference to the layers behind: they see the same.
  ConvertOptions relu = Method("relu");
  const std::unique_ptr<AsrModel> swish = Random(Config(0), 19);
  EXPECT_EQ(Convert(relu, swish.get())->Config().encoder.ffn.activation, Activation::kRelu);
  ExpectRefusal("have ReLU already", Refusal(relu, dense.get()));
}

// Chains of tensors at full rank are the dense layers, and whole experts again are the chains.
TEST(Mpoe, IsTheDenseModel) {
  const std::unique_ptr<AsrModel> dense = Random(Config(0), 20);
  for (const char *shape : {"", "mpo-shape=4x2x2/4x4x2"}) {
    ConvertOptions opts = Method("mpoe", 3);
    opts.mixture = shape;
    const std::unique_ptr<AsrModel> mpo = Convert(opts, dense.get());
    EXPECT_EQ(mpo->Config().encoder.ffn.bank, "mpo");
    EXPECT_LT(Difference(*dense, *mpo), 5e-5) << shape;
    // Each expert on its own once they differ.
    Rng rng(21);
    ForEachParam(mpo.get(), [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
      if (name.find(".mpo.") == name.npos) return;
      for (int64_t i = 0; i < t->Size(); ++i)
        t->Data()[i] += 0.1f * static_cast<float>(rng.Normal());
    });
    const std::unique_ptr<AsrModel> whole = Convert(Method("materialise"), mpo.get());
    EXPECT_EQ(whole->Config().encoder.ffn.bank, "full");
    EXPECT_GT(Difference(*dense, *whole), 1e-2);
    EXPECT_LT(Difference(*mpo, *whole), 5e-5) << shape;
  }
  ConvertOptions cut = Method("mpoe", 3);
  cut.mixture = "mpo-bond=2";
  EXPECT_LT(Convert(cut, dense.get())->NumParams(), dense->NumParams());
  cut.mixture = "mpo-shape=4x2x2/4x4x3";
  ExpectRefusal("the products are not 16 and 32", Refusal(cut, dense.get()));
  ExpectRefusal("those of bank mpo", Refusal(Method("materialise"), Random(Config(2), 22).get()));
}

// Experts of the layer's own width begin as the layer; narrower ones come nearer to it, each layer
// by itself.
TEST(Ladimo, LearnsTheLayer) {
  const std::unique_ptr<AsrModel> dense = Random(Config(0), 23);
  const ConvertData data = Data();
  ConvertOptions copies = Method("ladimo", 3);
  copies.expert_dim = 32;
  copies.layer_epochs = 0;
  EXPECT_LT(Difference(*dense, *Convert(copies, dense.get(), &data)), 2e-5);
  ConvertOptions opts = Method("ladimo", 3);
  opts.layer_epochs = 0;
  const std::unique_ptr<AsrModel> begun = Convert(opts, dense.get(), &data);
  EXPECT_EQ(begun->Config().encoder.ffn.hidden_dim, 13);
  opts.layer_epochs = 60;
  opts.layer_rate = 3e-3f;
  const std::unique_ptr<AsrModel> fitted = Convert(opts, dense.get(), &data);
  EXPECT_LT(Difference(*dense, *fitted), Difference(*dense, *begun));
  opts.part = "last";
  const std::unique_ptr<AsrModel> alone = Convert(opts, dense.get(), &data);
  const TensorsByName a(fitted.get()), b(alone.get());
  for (const char *name : {"experts.0.w_1.weight", "experts.2.w_2.bias", "gate.weight"}) {
    const std::string tensor = Cat("encoder.encoders.1.feed_forward.", name);
    EXPECT_EQ(MaxAbsDiff(a[tensor], b[tensor]), 0) << name;
  }
  opts.expert_dim = 33;
  ExpectRefusal("is more than the 32 neurons", Refusal(opts, dense.get(), &data));
  opts.expert_dim = 0;
  opts.mixture = "router=rmoe";
  ExpectRefusal("fits each layer alone", Refusal(opts, dense.get(), &data));
}

// Two domains: utterances 0 and 2, and 1.
ConvertData Labelled(std::string *label) {
  ConvertData data = Data();
  data.label = [label] { return *label; };
  data.for_each = [label](const ConvertData::Use &use) {
    for (int u = 0; u < 3; ++u) {
      *label = u == 1 ? "b" : "a";
      use(Feats(u), &kTokens[static_cast<size_t>(u)]);
    }
  };
  return data;
}

// An expert is the dense layer with the neurons that its domain uses least cut out.
TEST(ReadMe, IsTheMaskedDenseModel) {
  const std::unique_ptr<AsrModel> dense = Random(Config(0), 24);
  std::string label;
  const ConvertData data = Labelled(&label);
  ConvertOptions opts = Method("read-me");
  opts.mixture = "router=topk-softmax";
  opts.keep_share = 1;
  EXPECT_LT(Difference(*dense, *Convert(opts, dense.get(), &data)), 2e-5);
  opts.keep_share = 0.25f;
  const std::unique_ptr<AsrModel> model = Convert(opts, dense.get(), &data);
  EXPECT_EQ(model->Config().encoder.ffn.num_experts, 2);
  EXPECT_EQ(model->Config().encoder.ffn.hidden_dim, 8);
  const std::vector<FeedForwardPlace> places = FeedForwardPlaces(dense->Config());
  const TensorsByName to(model.get()), from(dense.get());
  for (const int expert : {0, 1}) {
    // What the domain's utterances make of the neurons.
    ConvertData domain = Data();
    domain.for_each = [&](const ConvertData::Use &use) {
      data.for_each([&](ConstView feats, const std::vector<int32_t> *tokens) {
        if (label == (expert == 0 ? "a" : "b")) use(feats, tokens);
      });
    };
    const auto inputs = FeedForwardInputs(Context(), dense.get(), places, domain, 1 << 20, 1);
    AsrModel masked(dense->Config());
    const TensorsByName m(&masked);
    for (const auto &[name, t] : m.All()) *t = from[name];
    for (const FeedForwardPlace &p : places) {
      const Tensor a = HiddenActivity(Context(), from, p.Name(),
                                      p.Config(dense->Config()).activation, inputs.at(p.Name()));
      std::vector<std::pair<double, int64_t>> means;
      for (int64_t i = 0; i < 32; ++i) {
        double sum = 0;
        for (int64_t t = 0; t < a.Rows(); ++t) sum += std::fabs(a(t, i));
        means.push_back({sum, i});
      }
      std::sort(means.begin(), means.end());
      for (size_t i = 0; i < 24; ++i) {
        for (int64_t d = 0; d < 16; ++d) m[p.Name() + ".w_2.weight"](d, means[i].second) = 0;
      }
      // The expert alone: with equal logits the first, so the other's place is taken.
      to[p.Name() + ".gate.weight"].SetZero();
      if (expert == 1) {
        for (const char *part : {".w_1.weight", ".w_1.bias", ".w_2.weight"})
          to[p.Name() + ".experts.0" + part] = to[p.Name() + ".experts.1" + part];
      }
    }
    EXPECT_LT(Difference(masked, *model), 2e-5) << expert;
  }
  const ConvertData plain = Data();
  ExpectRefusal("give --labels", Refusal(opts, dense.get(), &plain));
  opts.mixture = "num-experts=5";
  ExpectRefusal("leave num-experts", Refusal(opts, dense.get(), &data));
}

// m times as many experts of an m-th of the width, m times as many of them at work: the matrices
// have as many parameters, all and active.
TEST(FineGrained, EqualCounts) {
  const auto counts = [](int m) {
    ModelOptions o = SmallModelOptions(1, 4 * m);
    o.experts_per_frame = 2 * m;
    o.hidden_dim = 32 / m;
    AsrModel model(o.Config());
    double all = 0, active = 0;
    ForEachParamOrPacked(
        &model, [](const ParamInfo &, Tensor *) {},
        [&](const ParamInfo &info, Tensor *t, PackedMatrix *) {
          if (info.use.role != ParamRole::kExpert) return;
          all += static_cast<double>(t->Size());
          active += info.use.share * static_cast<double>(t->Size());
        });
    return std::make_pair(all, active);
  };
  EXPECT_EQ(counts(1), counts(2));
  EXPECT_EQ(counts(1), counts(4));
  EXPECT_EQ(counts(1).first, 2 * counts(1).second);
}

}  // namespace
}  // namespace u2moe
