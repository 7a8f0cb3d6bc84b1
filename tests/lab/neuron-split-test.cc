#include "lab/neuron-split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/rng.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

void ExpectEqualGroups(const std::vector<int> &group_of, int num_groups) {
  std::vector<size_t> sizes(static_cast<size_t>(num_groups), 0);
  for (const int g : group_of) ++sizes.at(static_cast<size_t>(g));
  for (const size_t size : sizes)
    EXPECT_EQ(size, group_of.size() / static_cast<size_t>(num_groups));
}

// Whether two neurons are in one group exactly where they are so in the other list.
bool SamePartition(const std::vector<int> &a, const std::vector<int> &b) {
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if ((a[i] == a[j]) != (b[i] == b[j])) return false;
    }
  }
  return true;
}

// Groups hidden in the rows and in what fires together are found.
TEST(Split, FindsHiddenGroups) {
  Rng rng(1);
  constexpr int kGroups = 4, kSize = 6;
  std::vector<int> hidden;
  for (int i = 0; i < kGroups * kSize; ++i) hidden.push_back(i % kGroups);
  rng.Shuffle(&hidden);
  Tensor rows(kGroups * kSize, 10);
  for (int64_t i = 0; i < rows.Rows(); ++i) {
    for (int64_t d = 0; d < 10; ++d) {
      rows(i, d) = 0.1f * static_cast<float>(rng.Normal()) +
                   (d == hidden[static_cast<size_t>(i)] ? 1.f : 0.f);
    }
    for (int64_t d = 0; d < 10; ++d)
      rows(i, d) *= static_cast<float>(1 + i);  // lengths are no matter
  }
  bool found = false;  // k-means depends on where it begins
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const std::vector<int> split = SplitByKMeans(rows, kGroups, seed);
    ExpectEqualGroups(split, kGroups);
    found |= SamePartition(split, hidden);
  }
  EXPECT_TRUE(found);
  Tensor activity = Tensor::Zeros(400, kGroups * kSize);
  for (int64_t t = 0; t < activity.Rows(); ++t) {
    const int64_t group = t / 8 % kGroups;
    for (int64_t i = 0; i < activity.Cols(); ++i) {
      if (hidden[static_cast<size_t>(i)] == group) activity(t, i) = 1;
    }
  }
  try {
    EXPECT_TRUE(SamePartition(SplitByCoActivation(Context(), activity, kGroups, 1), hidden));
  } catch (const UsageError &e) {  // built without METIS
    EXPECT_NE(std::string(e.what()).find("libmetis-dev"), std::string::npos);
    GTEST_SKIP() << e.what();
  }
}

TEST(Split, EqualSizesWhatever) {
  Rng rng(2);
  for (const int groups : {1, 2, 3, 4, 6, 12}) {
    const Tensor rows = RandomTensor(&rng, 12, 3);
    ExpectEqualGroups(SplitByKMeans(rows, groups, 3), groups);
    ExpectEqualGroups(SplitAtRandom(12, groups, 3), groups);
    for (const bool silent : {false, true}) {
      Tensor activity = RandomTensor(&rng, 30, 12);
      for (int64_t i = 0; i < activity.Size(); ++i)
        activity.Data()[i] = silent ? 0 : std::max(0.f, activity.Data()[i]);
      try {
        const std::vector<int> split = SplitByCoActivation(Context(), activity, groups, 3);
        ExpectEqualGroups(split, groups);
        EXPECT_EQ(split, SplitByCoActivation(Context(), activity, groups, 3));
      } catch (const UsageError &) {
      }
    }
  }
}

// Who knows the scores captures the most, more with more groups, all with all.
TEST(CapturedShare, OracleIsBest) {
  Rng rng(3);
  Tensor scores = RandomTensor(&rng, 40, 6);
  for (int64_t i = 0; i < scores.Size(); ++i) scores.Data()[i] = std::fabs(scores.Data()[i]);
  double before = 0;
  for (int k = 1; k <= 6; ++k) {
    const double oracle = CapturedShare(scores, scores, k);
    EXPECT_GE(oracle, before);
    before = oracle;
    for (int round = 0; round < 20; ++round)
      EXPECT_LE(CapturedShare(scores, RandomTensor(&rng, 40, 6), k), oracle + 1e-9);
  }
  EXPECT_DOUBLE_EQ(before, 1);
  EXPECT_EQ(CapturedShare(Tensor::Zeros(3, 2), Tensor::Zeros(3, 2), 1), 1);
}

double NaiveLoss(const RefMatrix &v1, const RefMatrix &v2, const RefMatrix &unit,
                 const RefMatrix &targets) {
  double sum = 0;
  for (int64_t t = 0; t < unit.rows; ++t) {
    for (int64_t g = 0; g < v2.rows; ++g) {
      double s = 0;
      for (int64_t h = 0; h < v1.rows; ++h) {
        double a = 0;
        for (int64_t d = 0; d < v1.cols; ++d) a += v1(h, d) * unit(t, d);
        s += v2(g, h) * std::tanh(a);
      }
      const double p = 1 / (1 + std::exp(-s)), y = targets(t, g);
      sum -= y * std::log(p) + (1 - y) * std::log(1 - p);
    }
  }
  return sum / static_cast<double>(unit.rows * v2.rows);
}

TEST(GroupRouterLoss, ValueAndGradient) {
  const Context ctx;
  Rng rng(4);
  GroupRouter router{RandomTensor(&rng, 3, 5), RandomTensor(&rng, 3, 3)}, grad;
  const Tensor unit = UnitRows(RandomTensor(&rng, 7, 5));
  Tensor targets(7, 3);
  for (int64_t i = 0; i < targets.Size(); ++i)
    targets.Data()[i] = static_cast<float>(rng.Uniform());
  const double loss = GroupRouterLoss(ctx, router, unit, targets, &grad);
  RefMatrix v1(router.v1), v2(router.v2);
  const RefMatrix x(unit), y(targets);
  const auto naive = [&] { return NaiveLoss(v1, v2, x, y); };
  EXPECT_NEAR(loss, naive(), 1e-6);
  EXPECT_LT(GradientError(naive, &v1, grad.v1), 1e-3);
  EXPECT_LT(GradientError(naive, &v2, grad.v2), 1e-3);
}

// The router learns which groups fire: better than chance and centres, no better than the oracle.
TEST(TrainGroupRouter, Learns) {
  const Context ctx;
  Rng rng(5);
  const Tensor rows = RandomTensor(&rng, 24, 8), x = RandomTensor(&rng, 2000, 8);
  Tensor activity(2000, 24);
  for (int64_t t = 0; t < 2000; ++t) {
    for (int64_t i = 0; i < 24; ++i) {
      float sum = i % 3 == 0 ? 0.5f : -0.5f;  // biases, which centres do not know
      for (int64_t d = 0; d < 8; ++d) sum += rows(i, d) * x(t, d);
      activity(t, i) = std::max(0.f, sum);
    }
  }
  const std::vector<int> split = SplitByKMeans(rows, 6, 1);
  const Tensor scores = GroupScores(activity, split, 6);
  GroupRouterOptions opts;
  opts.num_choices = 2;
  opts.num_epochs = 20;
  GroupRouterReport report;
  const GroupRouter router =
      TrainGroupRouter(ctx, x, scores, CentreRouter(rows, split, 6), opts, &report);
  EXPECT_GT(report.router, report.centres);
  EXPECT_GT(report.centres, report.random + 0.05);
  EXPECT_LE(report.router, report.oracle);
  EXPECT_NEAR(report.random, 1.0 / 3, 0.05);
  EXPECT_GT(report.router, 0.9 * report.oracle);
  EXPECT_GT(CapturedShare(scores, GroupLogits(ctx, router, UnitRows(x)), 2), report.centres);
}

}  // namespace
}  // namespace u2moe
