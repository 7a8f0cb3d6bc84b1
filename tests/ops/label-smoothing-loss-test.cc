#include "ops/label-smoothing-loss.h"

#include <nlohmann/json.hpp>

#include "ops/ref/label-smoothing-loss.h"
#include "support/golden-report.h"
#include "support/op-test.h"
#include "table/kaldi-tables.h"

namespace u2moe {
namespace {

std::vector<int32_t> RandomTargets(Rng *rng, int64_t rows, int64_t vocabulary) {
  std::vector<int32_t> targets;
  for (int64_t i = 0; i < rows; ++i) {
    targets.push_back(static_cast<int32_t>(rng->UniformInt(0, vocabulary - 1)));
  }
  return targets;
}

TEST(LabelSmoothingLoss, LossAndGradientAreTheReference) {
  Context ctx;
  Rng rng(1);
  ForOpCasesAndPacks(&rng, [&](const OpCase &c) {
    for (float smoothing : {0.f, 0.1f, 0.5f}) {
      if (c.cols == 1 && smoothing > 0) continue;  // no other label to give the rest to
      GuardedMatrix logits(RandomTensor(&rng, c.rows, c.cols, 3), c.padding),
          dlogits(c.rows, c.cols, c.padding);
      const std::vector<int32_t> targets = RandomTargets(&rng, c.rows, c.cols);
      int64_t correct = -1;
      const double loss =
          LabelSmoothingLoss(ctx, logits, targets, smoothing, 0.7f, dlogits, &correct);
      RefMatrix x(logits);
      const auto reference = [&] { return ref::LabelSmoothingLoss<double>(x, targets, smoothing); };
      EXPECT_NEAR(loss, reference(), 1e-6 * (1 + reference()));
      const auto weighted = [&] { return 0.7 * reference(); };
      if (c.rows * c.cols < 300) {
        EXPECT_LT(GradientError(weighted, &x, dlogits), 1e-6);
      }
      EXPECT_TRUE(dlogits.Intact() && logits.Intact());

      int64_t want = 0;
      for (int64_t i = 0; i < c.rows; ++i) {
        const float *row = logits.View().Row(i);
        want +=
            std::max_element(row, row + c.cols) - row == targets[static_cast<size_t>(i)] ? 1 : 0;
      }
      EXPECT_EQ(correct, want);
      EXPECT_EQ(LabelSmoothingLoss(ctx, logits, targets, smoothing, 0.7f, View(), nullptr), loss);
      // In the place of the logits: the same bits.
      EXPECT_EQ(LabelSmoothingLoss(ctx, logits, targets, smoothing, 0.7f, logits, nullptr), loss);
      EXPECT_EQ(MaxAbsDiff(logits, dlogits), 0);
    }
  });
}

// Only the first of the largest entries is what the row says.
TEST(LabelSmoothingLoss, TheFirstOfTheLargest) {
  Context ctx;
  ForOpTargets([&](int64_t) {
    Tensor logits = Tensor::Zeros(3, 70);
    for (int64_t i = 0; i < 3; ++i) logits(i, 9) = logits(i, 40) = logits(i, 69) = 2;
    int64_t correct = -1;
    for (const int32_t label : {9, 40, 69, 0}) {
      LabelSmoothingLoss(ctx, logits, {label, 9, 40}, 0, 1, View(), &correct);
      EXPECT_EQ(correct, label == 9 ? 2 : 1) << label;
    }
  });
}

TEST(LabelSmoothingLoss, IsWenets) {
  const std::string path = GoldenPath("losses/label_smoothing.json");
  if (path.empty()) GTEST_SKIP() << "no golden losses";
  Context ctx;
  const nlohmann::json golden = nlohmann::json::parse(ReadFile(path));
  RandomAccessMatrixReader logits("ark:" + GoldenPath("losses/label_smoothing_logits.ark"));
  const auto rows_of = golden.at("target").get<std::vector<std::vector<int32_t>>>();
  ASSERT_EQ(golden.at("cases").size(), 4u);
  ForOpTargets([&](int64_t) {
    double worst_loss = 0;
    for (const auto &item : golden.at("cases").items()) {
      SCOPED_TRACE(item.key());
      const float smoothing = item.value().at("smoothing").get<float>();
      size_t tokens = 0;
      for (const auto &row : rows_of) tokens += row.size() - std::count(row.begin(), row.end(), -1);
      const bool by_length = item.value().at("normalize_length").get<bool>();
      const double divisor = static_cast<double>(by_length ? tokens : rows_of.size());
      RandomAccessMatrixReader gradients(
          "ark:" + GoldenPath("losses/label_smoothing_grad_" + item.key() + ".ark"));
      double loss = 0, worst = 0;
      for (size_t r = 0; r < rows_of.size(); ++r) {
        const std::string key = Cat("row", r);
        std::vector<int32_t> targets = rows_of[r];
        targets.erase(std::find(targets.begin(), targets.end(), -1), targets.end());
        const int64_t n = static_cast<int64_t>(targets.size());
        const Tensor x = logits.Value(key), want = gradients.Value(key);
        Tensor dx(n, x.Cols());
        loss += LabelSmoothingLoss(ctx, x.View().RowRange(0, n), targets, smoothing,
                                   static_cast<float>(1 / divisor), dx, nullptr);
        worst = std::max(worst, MaxAbsDiff(dx, want.View().RowRange(0, n)));
      }
      ReportGolden("losses", "losses/label_smoothing_grad_" + item.key() + ".ark", worst, 2e-7);
      worst_loss = std::max(worst_loss, Deviation(loss / divisor, item.value().at("loss")));
    }
    ReportGolden("losses", "losses/label_smoothing.json", worst_loss, 1e-5);
  });
}

TEST(LabelSmoothingLoss, ZeroIsTheMinimum) {
  Context ctx;
  ForOpTargets([&](int64_t) {
    Tensor logits(1, 5), d(1, 5);
    for (int64_t j = 0; j < 5; ++j) logits(0, j) = std::log(j == 3 ? 0.9f : 0.025f);
    EXPECT_NEAR(LabelSmoothingLoss(ctx, logits, {3}, 0.1f, 1, d, nullptr), 0, 1e-7);
    EXPECT_LT(MaxAbsDiff(d, Tensor::Zeros(1, 5)), 1e-7);
  });
}

TEST(LabelSmoothingLoss, FarLogits) {
  Context ctx;
  ForOpTargets([&](int64_t) {
    Tensor logits(1, 9), d(1, 9);
    for (int64_t j = 0; j < 9; ++j) logits(0, j) = j == 2 ? 1e4f : -1e4f;
    EXPECT_NEAR(LabelSmoothingLoss(ctx, logits, {4}, 0, 1, d, nullptr), 2e4, 1e-2);
    EXPECT_EQ(d(0, 2), 1);
    EXPECT_EQ(d(0, 4), -1);
    // A logit of -infinity elsewhere is no harm without smoothing.
    logits(0, 8) = -std::numeric_limits<float>::infinity();
    EXPECT_NEAR(LabelSmoothingLoss(ctx, logits, {2}, 0, 1, d, nullptr), 0, 1e-7);
  });
}

TEST(LabelSmoothingLoss, NanInNanOut) {
  Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t target) {
    if (target == HWY_SCALAR) return;  // on which no Context runs
    for (int64_t at : {0, 5, 16}) {
      Tensor logits = RandomTensor(&rng, 2, 17), d(2, 17);
      logits(1, at) = std::numeric_limits<float>::quiet_NaN();
      EXPECT_TRUE(std::isnan(LabelSmoothingLoss(ctx, logits, {3, 4}, 0.1f, 1, d, nullptr)));
      EXPECT_TRUE(std::isnan(LabelSmoothingLoss(ctx, logits, {3, 4}, 0, 1, d, nullptr)));
      EXPECT_TRUE(std::isfinite(d(0, 0)));
      EXPECT_TRUE(std::isnan(d(1, 0)));
    }
  });
}

TEST(LabelSmoothingLoss, WrongArgumentsThrow) {
  Context ctx;
  const Tensor logits = Tensor::Zeros(2, 4);
  Tensor d(2, 3);
  ForOpTargets([&](int64_t) {
    EXPECT_THROW(LabelSmoothingLoss(ctx, logits, {1}, 0, 1, View(), nullptr), Error);
    EXPECT_THROW(LabelSmoothingLoss(ctx, logits, {1, 4}, 0, 1, View(), nullptr), Error);
    EXPECT_THROW(LabelSmoothingLoss(ctx, logits, {1, -1}, 0, 1, View(), nullptr), Error);
    EXPECT_THROW(LabelSmoothingLoss(ctx, logits, {1, 2}, 1, 1, View(), nullptr), Error);
    EXPECT_THROW(LabelSmoothingLoss(ctx, logits, {1, 2}, 0, 1, d, nullptr), Error);
  });
}

}  // namespace
}  // namespace u2moe
