#include "lab/calibrate-experts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "lab/route-report.h"
#include "support/error-test.h"
#include "support/test-util.h"
#include "train/tiny.h"

namespace u2moe {
namespace {

using Mixtures = std::vector<std::vector<SkipCandidate>>;

// Rows and cost at or above the thresholds.
std::pair<int, double> Skipped(const Mixtures &mixtures, const std::vector<float> &gates) {
  std::pair<int, double> sum{0, 0};
  for (size_t m = 0; m < mixtures.size(); ++m) {
    for (const SkipCandidate &row : mixtures[m]) {
      if (row.gate < gates[m]) continue;
      ++sum.first;
      sum.second += row.cost;
    }
  }
  return sum;
}

std::vector<float> Gates(const std::vector<SkipThreshold> &thresholds) {
  std::vector<float> gates;
  for (const SkipThreshold &t : thresholds) gates.push_back(t.gate);
  return gates;
}

Mixtures Random(Rng *rng, int num_mixtures, int rows, bool ties) {
  Mixtures mixtures(static_cast<size_t>(num_mixtures));
  for (auto &m : mixtures) {
    const double scale = rng->Uniform(0.2, 5);
    for (int i = 0; i < rows; ++i) {
      const float gate = ties ? 0.5f + 0.1f * static_cast<float>(rng->UniformInt(0, 4))
                              : static_cast<float>(rng->Uniform(0.5, 1));
      m.push_back({gate, scale * (1 - gate) * rng->Uniform(0.5, 1.5)});
    }
  }
  return mixtures;
}

// Against every pair of thresholds: none that skips as many rows costs less.
TEST(ChooseSkipThresholds, ChangeIsTheCheapestOfAll) {
  Rng rng(41);
  for (int round = 0; round < 40; ++round) {
    const bool ties = round % 2 == 1;
    const Mixtures mixtures = Random(&rng, 2, 12, ties);
    const double skip = rng.Uniform(0.05, 0.95);
    const auto thresholds = ChooseSkipThresholds(SkipCriterion::kChange, skip, mixtures);
    const auto [rows, cost] = Skipped(mixtures, Gates(thresholds));
    EXPECT_LE(std::abs(rows - skip * 24), ties ? 6 : 1) << round;
    double shares = 0;
    for (const SkipThreshold &t : thresholds) shares += t.share * 12;
    EXPECT_NEAR(shares, rows, 1e-9);
    // On the hulls of cost over rows, so at most one step from the best with whole rows.
    double best = 1e9;
    for (const SkipCandidate &a : mixtures[0]) {
      for (const SkipCandidate &b : mixtures[1]) {
        const auto [n, c] = Skipped(mixtures, {a.gate, b.gate});
        if (n >= rows) best = std::min(best, c);
      }
    }
    double worst_row = 0;
    for (const auto &m : mixtures) {
      for (const SkipCandidate &row : m) worst_row = std::max(worst_row, row.cost);
    }
    EXPECT_LE(cost, best + (ties ? 12 : 3) * worst_row) << round;
  }
}

// By hand: skipping is free in the second mixture and dear in the first.
TEST(ChooseSkipThresholds, ByHand) {
  const Mixtures mixtures = {{{.9f, 1}, {.8f, 2}, {.7f, 3}, {.6f, 4}},
                             {{.95f, 0}, {.75f, .5}, {.65f, .5}, {.55f, 9}}};
  auto t = ChooseSkipThresholds(SkipCriterion::kChange, 0.5, mixtures);
  EXPECT_FLOAT_EQ(t[0].gate, .85f);
  EXPECT_FLOAT_EQ(t[1].gate, .6f);
  EXPECT_DOUBLE_EQ(t[0].share, .25);
  EXPECT_DOUBLE_EQ(t[1].share, .75);
  EXPECT_DOUBLE_EQ(t[0].cost, .1);
  EXPECT_DOUBLE_EQ(t[1].cost, .1);
  t = ChooseSkipThresholds(SkipCriterion::kQuantile, 0.5, mixtures);
  EXPECT_FLOAT_EQ(t[0].gate, .75f);
  EXPECT_FLOAT_EQ(t[1].gate, .7f);
  t = ChooseSkipThresholds(SkipCriterion::kGate, 0.5, mixtures);
  EXPECT_FLOAT_EQ(t[0].gate, .725f);
  EXPECT_FLOAT_EQ(t[1].gate, .725f);
  EXPECT_DOUBLE_EQ(t[0].share, .5);
  EXPECT_DOUBLE_EQ(t[1].share, .5);
}

TEST(ChooseSkipThresholds, Extremes) {
  Rng rng(42);
  const Mixtures mixtures = Random(&rng, 3, 20, false);
  for (const SkipCriterion c :
       {SkipCriterion::kChange, SkipCriterion::kQuantile, SkipCriterion::kGate}) {
    EXPECT_EQ(Skipped(mixtures, Gates(ChooseSkipThresholds(c, 0, mixtures))).first, 0);
    EXPECT_EQ(Skipped(mixtures, Gates(ChooseSkipThresholds(c, 1, mixtures))).first, 60);
    EXPECT_EQ(Gates(ChooseSkipThresholds(c, 0, mixtures)), std::vector<float>(3, 2));
    // Rows of one gate only: all or none.
    const Mixtures equal = {{{.5f, 1}, {.5f, 1}, {.5f, 1}}};
    EXPECT_EQ(Skipped(equal, Gates(ChooseSkipThresholds(c, 0.2, equal))).first, 0);
    EXPECT_EQ(Skipped(equal, Gates(ChooseSkipThresholds(c, 0.9, equal))).first, 3);
    EXPECT_EQ(ChooseSkipThresholds(c, 0.5, {{}})[0].gate, 2);
    EXPECT_TRUE(ChooseSkipThresholds(c, 0.5, {}).empty());
  }
}

// The share that a model then skips in its first mixture is the one promised; later ones see other
// inputs than without skipping.
TEST(ExpertCalibrator, ModelSkipsTheShare) {
  const Context ctx;
  const std::unique_ptr<AsrModel> model = TinyModel(0);
  // Routers that are not undecided, as those of a trained model.
  ForEachParam(model.get(), [](const std::string &name, Tensor *t, const ParamInit &, bool) {
    for (int64_t i = 0; i < t->Size() && name.find("gate") != std::string::npos; ++i)
      t->Data()[i] *= 5;
  });
  const std::vector<TrainUtterance> data = TinyData(12, 5);
  ExpertCalibrator calibrator(*model);
  for (const TrainUtterance &u : data)
    calibrator.AddUtterance(ctx, u.feats, AttentionMask::Full(), &u.labels);
  CalibrateOptions opts;
  opts.skip = 0.6f;
  opts.criterion = "quantile";
  ExpertPolicy policy;
  std::ostringstream table;
  calibrator.Calibrate(opts, &policy, table);
  const std::string text = table.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6);
  EXPECT_EQ(text.find("encoder.encoders.0.feed_forward_macaron  threshold "), 0u);
  ASSERT_EQ(policy.encoder_skip.size(), 4u);
  EXPECT_EQ(policy.left_skip.size(), 1u);
  EXPECT_EQ(policy.right_skip.size(), 1u);
  model->SetPolicy(policy);
  RouteReport report(model->Config());
  for (const TrainUtterance &u : data)
    report.AddUtterance(ctx, *model, u.feats, AttentionMask::Full(), &u.labels, {});
  bool first = true;
  for (const std::string &layer : report.Layers()) {
    EXPECT_NEAR(report.Stats(layer).SecondSkipped(), 0.6, first ? 0.02 : 0.2) << layer;
    first = false;
  }

  // Without tokens the decoders' thresholds stay.
  model->SetPolicy(ExpertPolicy());
  ExpertCalibrator encoder_only(*model);
  encoder_only.AddUtterance(ctx, data[0].feats, AttentionMask::Full(), nullptr);
  ExpertPolicy kept;
  kept.left_skip = {0.7f};
  encoder_only.Calibrate(opts, &kept, table);
  EXPECT_EQ(kept.left_skip, std::vector<float>{0.7f});
  EXPECT_TRUE(kept.right_skip.empty());
  EXPECT_EQ(kept.encoder_skip.size(), 4u);
}

// Each for the reason that its router gives.
TEST(ExpertCalibrator, RoutersWithoutThresholdsAreRefused) {
  const auto refusal = [](const std::string &router, int experts_per_frame) {
    ModelConfig config = TinyConfig(0);
    FeedForwardConfig *ffn = &config.encoder.ffn;
    ffn->router = router;
    ffn->experts_per_frame = experts_per_frame;
    const AsrModel model(config);
    return ErrorOf([&] { ExpertCalibrator{model}; });
  };
  EXPECT_HAS(refusal("segment", 1), "router segment, which averages its experts");
  EXPECT_HAS(refusal("smear", 1), "router smear, which averages its experts");
  for (const char *router : {"fixed-random", "uniform-random", "position-hash"})
    EXPECT_HAS(refusal(router, 2), Cat("router ", router, ", whose gates are all alike"));
  // The decoders have a second one.
  EXPECT_EQ(refusal("speech-moe", 1), "(no error)");
  EXPECT_EQ(refusal("speech-moe", 2), "(no error)");
}

TEST(ExpertCalibrator, DenseModelsAreRefused) {
  ModelConfig config = TinyConfig(0);
  config.encoder.ffn.num_experts = config.decoder.ffn.num_experts = 0;
  const AsrModel model(config);
  EXPECT_THROW(ExpertCalibrator{model}, UsageError);
  CalibrateOptions opts;
  opts.criterion = "best";
  EXPECT_THROW(opts.Check(), UsageError);
  opts.criterion = "gate";
  opts.skip = 1.5f;
  EXPECT_THROW(opts.Check(), UsageError);
}

}  // namespace
}  // namespace u2moe
