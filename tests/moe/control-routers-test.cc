// Routers that learn nothing.
#include <cmath>
#include <map>

#include "model/asr-model.h"
#include "model/token-tree.h"
#include "modelfile/model-file.h"
#include "moe/battery-models.h"
#include "moe/battery-random.h"

namespace u2moe {
namespace {

Routes RoutesOf(const MixtureStack &stack, const RouteCall &call, int64_t rows) {
  Tensor x = Tensor::Zeros(rows, kDim);
  return Run(stack, call, &x).layers[0].routes;
}

// Pearson's statistic of equally likely cells.
double ChiSquare(const std::map<int, int64_t> &counts, int cells, int64_t draws) {
  const double even = static_cast<double>(draws) / cells;
  double sum = even * (cells - static_cast<int>(counts.size()));
  for (const auto &[cell, n] : counts) {
    sum += (static_cast<double>(n) - even) * (static_cast<double>(n) - even) / even;
  }
  return sum;
}

TEST(PositionHash, EachPairIsEquallyLikely) {
  for (const char *name : {"position-hash", "uniform-random"}) {
    const MixtureStack stack(kDim, Config(name, "full"), 1);
    const Routes routes = RoutesOf(stack, RouteCall(), 12000);
    std::map<int, int64_t> pairs;
    for (int64_t t = 0; t < 12000; ++t) {
      const size_t i = routes.Begin(t);
      ++pairs[4 * routes.experts[i] + routes.experts[i + 1]];
      EXPECT_EQ(routes.gates[i], 0.5f);
    }
    EXPECT_LT(ChiSquare(pairs, 12, 12000), 31.3) << name;  // 0.1 % of 11 degrees of freedom
  }
}

TEST(PositionHash, PositionsOnly) {
  const MixtureStack stack(kDim, Config("position-hash", "full"), 1);
  const Routes all = RoutesOf(stack, RouteCall(), 20);
  const RaggedShape shape = RaggedShape::FromLengths({20, 5});
  const std::vector<SequenceFacts> facts = {{3, 0, true}, {4, 15, false}};
  RouteCall call;
  call.shape = &shape;
  call.sequences = facts;
  const Routes two = RoutesOf(stack, call, 25);
  for (size_t i = 0; i < 40; ++i) EXPECT_EQ(two.experts[i], all.experts[i]);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(two.experts[40 + i], all.experts[30 + i]);
  const std::vector<int32_t> depths = {0, 1, 1, 7};
  RouteCall tree;
  tree.depths = depths;
  const Routes nodes = RoutesOf(stack, tree, 4);
  for (size_t n = 0; n < 4; ++n) {
    const size_t depth = static_cast<size_t>(depths[n]);
    EXPECT_EQ(nodes.experts[2 * n], all.experts[2 * depth]);
    EXPECT_EQ(nodes.experts[2 * n + 1], all.experts[2 * depth + 1]);
  }
  // Each mixture has its own.
  RouteCall other;
  other.mixture = 0;
  const MixtureStack layers(kDim, Config("position-hash", "full"), 2);
  Tensor x = Tensor::Zeros(20, kDim);
  const RoutingState both = u2moe::Run(layers, RouteCall(), &x);
  EXPECT_NE(both.layers[0].routes.experts, both.layers[1].routes.experts);
}

TEST(UniformRandom, AnewForEachUtteranceInTraining) {
  const MixtureStack stack(kDim, Config("uniform-random", "full"), 1);
  const auto experts = [&](uint64_t seed, bool training) {
    const RaggedShape shape = RaggedShape::Single(50);
    const std::vector<SequenceFacts> facts = {{seed, 0, training}};
    RouteCall call;
    call.shape = &shape;
    call.sequences = facts;
    return RoutesOf(stack, call, 50).experts;
  };
  EXPECT_EQ(experts(1, true), experts(1, true));
  EXPECT_NE(experts(1, true), experts(2, true));
  EXPECT_EQ(experts(1, false), experts(2, false));
  EXPECT_EQ(experts(1, false), RoutesOf(stack, RouteCall(), 50).experts);
  const MixtureStack hash(kDim, Config("position-hash", "full"), 1);
  EXPECT_NE(experts(1, false), RoutesOf(hash, RouteCall(), 50).experts);
}

TEST(FixedRandom, IsNoParameterButIsKept) {
  MixtureStack stack(kDim, Config("fixed-random", "full"), 1);
  int buffers = 0;
  ForEachParam(&stack, [&](const std::string &name, Tensor *t, const ParamInit &init, bool train) {
    if (!IsRouterParam(name)) return;
    EXPECT_FALSE(train);
    EXPECT_EQ(t->Rows(), 4);
    EXPECT_EQ(init.kind, ParamInit::Kind::kNormal);
    ++buffers;
  });
  EXPECT_EQ(buffers, 1);
}

// A decoder's tree of hypotheses gives what each hypothesis alone does, where experts depend on
// positions.
TEST(PositionHash, NodesOfATreeAreTheirDepths) {
  const Context ctx;
  for (const char *name : {"position-hash", "uniform-random", "fixed-random"}) {
    const Subject subject = {name, Config(name, "full")};
    AsrModel model(Model(subject));
    InitModel(&model, 4);
    Rng rng(1);
    const Tensor encoded = RandomTensor(&rng, 7, 16);
    const std::vector<std::vector<int32_t>> hyps = {{1, 2, 3}, {1, 2}, {4, 2, 3, 5}, {}};
    const TokenTree tree = MakeTokenTree(hyps, 9, false);
    const Decoder &decoder = model.LeftDecoder();
    const std::vector<double> got = Decoder::SequenceScores(
        tree, decoder.ScoreTree(ctx, tree, 9, decoder.Project(ctx, encoded)));
    for (size_t h = 0; h < hyps.size(); ++h) {
      Tensor logits;
      const DecoderInput input = MakeDecoderInput({hyps[h]}, {0}, 9, false);
      decoder.Forward(ctx, input, encoded, RaggedShape::Single(7), nullptr, RouteCall(), &logits,
                      nullptr);
      double want = 0;
      for (int64_t t = 0; t < logits.Rows(); ++t) {
        double sum = 0;
        for (int64_t v = 0; v < logits.Cols(); ++v) sum += std::exp(logits(t, v));
        const size_t i = static_cast<size_t>(t);
        want += logits(t, i < hyps[h].size() ? hyps[h][i] : 9) - std::log(sum);
      }
      EXPECT_NEAR(got[h], want, 1e-4) << name;
    }
  }
}

}  // namespace
}  // namespace u2moe
