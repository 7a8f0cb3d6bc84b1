#include "score/bootstrap.h"

#include <gtest/gtest.h>

#include "base/quantile.h"

#include <cmath>

#include "base/rng.h"

namespace u2moe {
namespace {

TEST(Bootstrap, Quantiles) {
  EXPECT_EQ(SortedQuantile({}, 0.5), 0);
  EXPECT_EQ(SortedQuantile({3}, 0.975), 3);
  EXPECT_DOUBLE_EQ(SortedQuantile({0, 10, 20}, 0.5), 10);
  EXPECT_DOUBLE_EQ(SortedQuantile({0, 10, 20}, 0.25), 5);
  EXPECT_DOUBLE_EQ(SortedQuantile({0, 10, 20}, 1), 20);
}

TEST(Bootstrap, NothingAndNoWords) {
  EXPECT_EQ(Bootstrap({}, 0, 1).rate.high, 0);
  const BootstrapResult r = Bootstrap({{3, 0, 0}, {1, 0, 0}}, 0, 1);
  EXPECT_EQ(r.num_draws, 0);
  EXPECT_EQ(r.rate.high, 0);
}

TEST(Bootstrap, EqualUnitsHaveNoSpread) {
  const BootstrapResult r = Bootstrap(std::vector<BootstrapUnit>(20, {1, 2, 10}), 500, 1);
  EXPECT_EQ(r.num_draws, 500);
  EXPECT_DOUBLE_EQ(r.rate.low, 0.1);
  EXPECT_DOUBLE_EQ(r.rate.high, 0.1);
  EXPECT_DOUBLE_EQ(r.difference.low, 0.1);
  EXPECT_FALSE(r.difference.Holds(0));
  EXPECT_EQ(r.second_better, 0);
}

// Each of n utterances of one word is wrong with probability p: the error rate of a draw is
// binomial, so the interval is known: p +- 1.96 sqrt(p (1 - p) / n).
TEST(Bootstrap, IntervalOfABinomial) {
  std::vector<BootstrapUnit> units(1000);
  for (size_t i = 0; i < units.size(); ++i) units[i] = {i % 5 == 0, i % 5 == 0, 1};
  const BootstrapResult r = Bootstrap(units, 0, 7);
  EXPECT_EQ(r.num_draws, 10000);
  const double half = 1.96 * std::sqrt(0.2 * 0.8 / 1000);
  EXPECT_NEAR(r.rate.low, 0.2 - half, 0.002);
  EXPECT_NEAR(r.rate.high, 0.2 + half, 0.002);
  // Equal hypotheses: the paired difference is exactly zero although each rate has an interval.
  EXPECT_EQ(r.difference.low, 0);
  EXPECT_EQ(r.difference.high, 0);
  EXPECT_EQ(r.second_better, 0.5);
}

TEST(Bootstrap, PairedIntervalIsNarrowerThanUnpaired) {
  // The second hypothesis makes the same errors but for 30 fewer among 1000.
  std::vector<BootstrapUnit> units(1000);
  for (size_t i = 0; i < units.size(); ++i) units[i] = {i % 5 == 0, i % 5 == 0 && i % 33 != 0, 1};
  const BootstrapResult r = Bootstrap(units, 0, 7);
  EXPECT_FALSE(r.difference.Holds(0));
  EXPECT_LT(r.difference.high, 0);
  EXPECT_GT(r.second_better, 0.99);
  EXPECT_GT(r.rate2.high, r.rate.low);  // the two intervals overlap
}

TEST(Bootstrap, SameSeedSameResult) {
  Rng rng(3);
  std::vector<BootstrapUnit> units(50);
  for (auto &u : units) u = {rng.UniformInt(0, 3), rng.UniformInt(0, 3), rng.UniformInt(1, 9)};
  const BootstrapResult a = Bootstrap(units, 300, 5), b = Bootstrap(units, 300, 5),
                        c = Bootstrap(units, 300, 6);
  EXPECT_EQ(a.rate.low, b.rate.low);
  EXPECT_EQ(a.difference.high, b.difference.high);
  EXPECT_NE(a.rate.low, c.rate.low);
}

// The promise of an interval: over many test sets it holds the true rate about 95 times of 100.
TEST(Bootstrap, Coverage) {
  Rng rng(11);
  int held = 0;
  const int kSets = 300;
  for (int set = 0; set < kSets; ++set) {
    std::vector<BootstrapUnit> units(80);
    for (auto &u : units) {
      u.words = rng.UniformInt(3, 7);
      for (int64_t w = 0; w < u.words; ++w) u.errors += rng.Uniform() < 0.15;
    }
    held += Bootstrap(units, 1000, static_cast<uint64_t>(set)).rate.Holds(0.15);
  }
  EXPECT_GE(held, kSets * 0.90);
  EXPECT_LE(held, kSets * 0.99);
}

}  // namespace
}  // namespace u2moe
