// Read-ME's routes, decided before the first layer: the network against plain loops in double, its
// gradients, its streams, and that one decision serves all mixtures. The battery has the rest.
#include "model/route-network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "layer/ref/linear.h"
#include "model/asr-model.h"
#include "modelfile/model-file.h"
#include "ops/ref/activation.h"
#include "ops/ref/rms-norm.h"
#include "ops/ref/rotary.h"
#include "pipeline/encode.h"
#include "support/error-test.h"
#include "support/layer-test.h"
#include "support/small-model.h"
#include "train/loss.h"

namespace u2moe {
namespace {

ModelConfig Config() {
  ModelConfig c = SmallModelOptions(2, 4).Config();
  c.encoder.ffn.router = "read-me";
  c.encoder.ffn.experts_per_frame = 1;
  c.encoder.ffn.router_layers = 2;
  c.encoder.ffn.router_heads = 2;
  c.encoder.ffn.router_dim = 8;
  c.decoder.ffn.num_experts = 0;
  return c;
}

RefMatrix Add(RefMatrix a, const RefMatrix &b) {
  for (size_t i = 0; i < a.data.size(); ++i) a.data[i] += b.data[i];
  return a;
}

// One sequence.
RefMatrix RefRoutes(const RefParams &p, int num_blocks, int heads, const AttentionMask &mask,
                    const RefMatrix &x) {
  RefMatrix h = ref::Linear(p, "in.", x);
  for (int i = 0; i < num_blocks; ++i) {
    const std::string scope = Cat("blocks.", i, ".");
    const RefMatrix n = ref::RmsNorm<double>(h, p.at(scope + "norm_attention.weight"), 1e-5);
    const RefMatrix q = ref::Rotate<double>(heads, 0, ref::Linear(p, scope + "q.", n)),
                    k = ref::Rotate<double>(heads, 0, ref::Linear(p, scope + "k.", n)),
                    v = ref::Linear(p, scope + "v.", n);
    RefMatrix context(h.rows, h.cols);
    const int64_t width = h.cols / heads;
    for (int64_t t = 0; t < h.rows; ++t) {
      for (int64_t head = 0; head < heads; ++head) {
        double sum = 0;
        std::vector<double> weights;
        for (int64_t j = mask.Begin(t); j < mask.End(t, h.rows); ++j) {
          double dot = 0;
          for (int64_t d = head * width; d < (head + 1) * width; ++d) dot += q(t, d) * k(j, d);
          weights.push_back(std::exp(dot / std::sqrt(static_cast<double>(width))));
          sum += weights.back();
        }
        for (size_t w = 0; w < weights.size(); ++w) {
          const int64_t j = mask.Begin(t) + static_cast<int64_t>(w);
          for (int64_t d = head * width; d < (head + 1) * width; ++d)
            context(t, d) += weights[w] / sum * v(j, d);
        }
      }
    }
    h = Add(h, ref::Linear(p, scope + "out.", context));
    const RefMatrix n2 = ref::RmsNorm<double>(h, p.at(scope + "norm_ff.weight"), 1e-5);
    h = Add(h, ref::Linear(p, scope + "w_2.",
                           ref::Activate(Activation::kSwish, ref::Linear(p, scope + "w_1.", n2))));
  }
  return ref::Linear(p, "out.", ref::RmsNorm<double>(h, p.at("norm.weight"), 1e-5));
}

TEST(RouteNetwork, ValuesAndGradients) {
  const Context ctx;
  Rng rng(1);
  const EncoderConfig config = Config().encoder;
  for (const AttentionMask &mask :
       {AttentionMask::Full(), AttentionMask::Causal(), AttentionMask::Chunk(2, 1)}) {
    RouteNetwork network(config, 0), grad(config, 0);
    RandomizeParams(&rng, &network);
    FillParams(kGradStart, &grad);
    const RaggedShape shape = RaggedShape::FromLengths({4, 1, 5});
    const Tensor x = RandomTensor(&rng, 10, config.model_dim), up = RandomTensor(&rng, 10, 4);
    ForwardMode mode;
    mode.mask = mask;
    RouteNetwork::Tape tape;
    const Tensor logits = network.Forward(ctx, mode, shape, x, &tape);
    EXPECT_EQ(MaxAbsDiff(network.Forward(ctx, mode, shape, x, nullptr), logits), 0);
    network.Backward(ctx, shape, tape, up, &grad);
    RefParams params = ParamsOf(&network);
    const auto loss = [&] {
      double sum = 0;
      for (int b = 0; b < shape.NumSequences(); ++b) {
        sum += ref::Dot(
            RefMatrix(shape.Rows<const float>(up.View(), b)),
            RefRoutes(params, 2, 2, mask, RefMatrix(shape.Rows<const float>(x.View(), b))));
      }
      return sum;
    };
    for (int b = 0; b < shape.NumSequences(); ++b) {
      EXPECT_LT(MaxAbsDiff(
                    shape.Rows<const float>(logits.View(), b),
                    RefRoutes(params, 2, 2, mask, RefMatrix(shape.Rows<const float>(x.View(), b)))),
                2e-5);
    }
    ExpectParamGradients(&grad, &params, loss, 1e-3);
  }
}

RoutingState RoutesOf(const AsrModel &model, const Tensor &feats) {
  RoutingState routing;
  routing.collect = true;
  ForwardMode mode;
  mode.routing = &routing;
  mode.mask = AttentionMask::Chunk(4, 2);
  Tensor out;
  RaggedShape shape;
  model.Encoder().Forward(Context(), mode, feats, RaggedShape::Single(feats.Rows()), &out, &shape,
                          nullptr, nullptr);
  return routing;
}

// A fresh network may send all frames to one expert: one that sends these to several.
void InitVaried(AsrModel *model, const Tensor &feats) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    InitModel(model, seed);
    ForEachParam(model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
      for (int64_t i = 0; name.find("encoder.gate.") == 0 && i < t->Size(); ++i) t->Data()[i] *= 3;
    });
    const std::vector<int64_t> counts = RoutesOf(*model, feats).layers[0].Counts();
    if (std::count_if(counts.begin(), counts.end(), [](int64_t n) { return n > 3; }) > 1) return;
  }
  FAIL() << "all frames go to one expert";
}

// One decision for all mixtures, with gate 1, which no weight of the backbone changes.
TEST(ReadMe, RoutesComeBeforeTheBackbone) {
  Rng rng(2);
  AsrModel model(Config());
  const Tensor feats = RandomTensor(&rng, 150, 20);
  InitVaried(&model, feats);
  const RoutingState before = RoutesOf(model, feats);
  ASSERT_EQ(before.layers.size(), 4u);
  for (const RoutedLayer &layer : before.layers) {
    EXPECT_EQ(layer.routes.experts, before.layers[0].routes.experts);
    for (const float gate : layer.routes.gates) EXPECT_EQ(gate, 1);
  }
  ForEachParam(&model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (name.find("encoder.encoders.") != 0) return;
    for (int64_t i = 0; i < t->Size(); ++i) t->Data()[i] += 0.1f * static_cast<float>(rng.Normal());
  });
  EXPECT_EQ(RoutesOf(model, feats).layers[3].routes.experts, before.layers[0].routes.experts);
}

TEST(ReadMe, Streams) {
  const Context ctx;
  Rng rng(4);
  AsrModel model(Config());
  const Tensor feats = RandomTensor(&rng, 190, 20);
  InitVaried(&model, feats);
  for (const bool packed : {false, true}) {
    if (packed) model.PrepareForInference(ctx);
    for (const int32_t chunk : {1, 4}) {
      for (const int32_t left : {-1, 1}) {
        EncodeOptions streaming, masked;
        masked.chunk_size = streaming.chunk_size = chunk;
        masked.num_left_chunks = streaming.num_left_chunks = left;
        streaming.streaming = true;
        EXPECT_LT(MaxAbsDiff(EncodeUtterance(ctx, model, feats, streaming),
                             EncodeUtterance(ctx, model, feats, masked)),
                  5e-5)
            << chunk << " " << left << " " << packed;
      }
    }
  }
}

// The task teaches it nothing; losses on routes do.
TEST(ReadMe, OnlyLossesOnRoutesTeach) {
  const Context ctx;
  Rng rng(5);
  for (const bool aux : {false, true}) {
    ModelConfig config = Config();
    if (aux) config.encoder.ffn.balance_weight = 0.1f;
    CheckCanLearn(config, "test");
    AsrModel model(config), grad(config);
    InitModel(&model, 3);
    SetZero(&grad);
    TrainBatch batch;
    batch.shape = RaggedShape::FromLengths({60, 50});
    batch.feats = RandomTensor(&rng, 110, 20);
    batch.labels = {{1, 2}, {3}};
    ComputeLoss(ctx, model, batch, LossOptions(), &grad, nullptr);
    double largest = 0;
    ForEachParam(&grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
      for (int64_t i = 0; name.find("encoder.gate.") == 0 && i < t->Size(); ++i)
        largest = std::max(largest, std::fabs(static_cast<double>(t->Data()[i])));
    });
    EXPECT_EQ(largest > 0, aux);
  }
}

TEST(ReadMe, OnDevice) {
  const Context cpu, guarded(Device::kGuarded);
  Rng rng(6);
  ModelConfig config = Config();
  config.encoder.ffn.balance_weight = 0.1f;
  AsrModel here(config), there(config), grad(config), guarded_grad(config);
  InitModel(&here, 3);
  InitModel(&there, 3);
  SetZero(&grad);
  SetZero(&guarded_grad);
  MoveToDevice(guarded, &there);
  MoveToDevice(guarded, &guarded_grad);
  TrainBatch batch;
  batch.shape = RaggedShape::FromLengths({60, 50});
  batch.feats = RandomTensor(&rng, 110, 20);
  batch.labels = {{1, 2}, {3}};
  EXPECT_EQ(ComputeLoss(cpu, here, batch, LossOptions(), &grad, nullptr).total,
            ComputeLoss(guarded, there, batch, LossOptions(), &guarded_grad, nullptr).total);
  std::vector<const Tensor *> want;
  ForEachParam(&grad,
               [&](const std::string &, Tensor *t, const ParamInit &, bool) { want.push_back(t); });
  size_t i = 0;
  ForEachParam(&guarded_grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    EXPECT_EQ(MaxAbsDiff(*want[i++], t->ToHost()), 0) << name;
  });
  StreamState a = here.Encoder().NewStream(), b = there.Encoder().NewStream();
  const Tensor feats = RandomTensor(&rng, here.Encoder().WindowLength(4), 20);
  for (int chunk = 0; chunk < 3; ++chunk) {
    ForwardMode mode, guarded_mode;
    mode.streams = {&a};
    guarded_mode.streams = {&b};
    Tensor out, guarded_out;
    RaggedShape shape;
    const RaggedShape in = RaggedShape::Single(feats.Rows());
    here.Encoder().Forward(cpu, mode, feats, in, &out, &shape, nullptr, nullptr);
    there.Encoder().Forward(guarded, guarded_mode, CopyToDevice(guarded, feats), in, &guarded_out,
                            &shape, nullptr, nullptr);
    EXPECT_EQ(MaxAbsDiff(out, guarded_out.ToHost()), 0);
  }
}

TEST(ReadMe, Refusals) {
  ModelConfig c = Config();
  EXPECT_EQ(ErrorOf([&] { CheckConfig(c); }), "(no error)");
  c.encoder.ffn.experts_per_frame = 2;
  EXPECT_HAS(ErrorOf([&] { CheckConfig(c); }), "1 to 1, what router=read-me takes");
  c = Config();
  c.encoder.ffn.router_heads = 0;
  EXPECT_HAS(ErrorOf([&] { CheckConfig(c); }), "router-heads=0");
  c = Config();
  c.encoder.ffn.router_dim = 6;
  EXPECT_HAS(ErrorOf([&] { AsrModel model(c); }), "no multiple of twice its 2 heads");
  c = Config();
  c.encoder.layers.assign(4, c.encoder.ffn);
  c.encoder.layers[1].num_experts = 8;
  EXPECT_HAS(ErrorOf([&] { AsrModel model(c); }), "the same num-experts");
  c = Config();
  c.decoder.ffn = c.encoder.ffn;
  EXPECT_HAS(ErrorOf([&] { CheckConfig(c); }), "decoder-router=read-me is for encoders");
}

}  // namespace
}  // namespace u2moe
