#include "lab/route-stats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/tensor.h"

namespace u2moe {
namespace {

Tensor Rows(const std::vector<std::vector<float>> &rows) {
  Tensor t(static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size()));
  for (size_t i = 0; i < rows.size(); ++i)
    std::copy(rows[i].begin(), rows[i].end(), t.View().Row(static_cast<int64_t>(i)));
  return t;
}

const std::vector<int32_t> kExperts = {0, 1, 0, 2, 1, 0};
const std::vector<float> kGates = {.75f, .25f, .5f, .5f, .9f, .1f};

Tensor Logits() { return Rows({{3, 2, 1, 0}, {4, 0, 4, 1}, {1, 2, -1, .5f}}); }

void ExpectHandMade(const RouteStats &s, double distinct) {
  EXPECT_EQ(s.NumExperts(), 4);
  EXPECT_EQ(s.NumChoices(), 2);
  EXPECT_EQ(s.NumRows(), 3);
  const int64_t counts[] = {3, 2, 1, 0};
  for (int e = 0; e < 4; ++e) {
    EXPECT_EQ(s.Count(e), counts[e]);
    EXPECT_DOUBLE_EQ(s.Share(e), static_cast<double>(counts[e]) / 6);
    EXPECT_DOUBLE_EQ(s.Load(e), static_cast<double>(counts[e]) / 1.5);
  }
  EXPECT_DOUBLE_EQ(s.MaxLoad(), 2);
  const double entropy = -(.5 * std::log(.5) + std::log(1 / 3.) / 3 + std::log(1 / 6.) / 6);
  EXPECT_NEAR(s.Entropy(), entropy / std::log(4.), 1e-12);
  EXPECT_NEAR(s.MeanGate(0), (.75 + .5 + .9) / 3, 1e-7);
  EXPECT_NEAR(s.MeanGate(1), (.25 + .5 + .1) / 3, 1e-7);
  // Row 0: 2 - 1; row 1: 4 - 1; row 2: 1 - 0.5.
  EXPECT_DOUBLE_EQ(s.MeanMargin(), 1.5);
  EXPECT_DOUBLE_EQ(s.CoActivation(0, 1), 2 / 3.);
  EXPECT_DOUBLE_EQ(s.CoActivation(1, 0), 2 / 3.);
  EXPECT_DOUBLE_EQ(s.CoActivation(2, 0), 1 / 3.);
  EXPECT_DOUBLE_EQ(s.CoActivation(1, 2), 0);
  EXPECT_DOUBLE_EQ(s.CoActivation(3, 3), 0);
  EXPECT_EQ(s.DeadExperts(), (std::vector<int>{3}));
  EXPECT_DOUBLE_EQ(s.DistinctPerChunk(), distinct);
}

TEST(RouteStats, HandMadeCase) {
  for (const auto &[chunk, distinct] :
       {std::pair<int64_t, double>{-1, 3}, {0, 3}, {1, 2}, {2, 2.5}, {3, 3}, {100, 3}}) {
    SCOPED_TRACE(chunk);
    RouteStats s(4, 2);
    s.Add(Logits(), kExperts, kGates, chunk);
    ExpectHandMade(s, distinct);
  }
}

TEST(RouteStats, PartsAddUp) {
  RouteStats first(4, 2), second(4, 2), sum, both(4, 2);
  const Tensor logits = Logits();
  first.Add(logits.View().RowRange(0, 2), {0, 1, 0, 2}, {.75f, .25f, .5f, .5f}, -1);
  second.Add(logits.View().RowRange(2, 1), {1, 0}, {.9f, .1f}, -1);
  sum.Add(first);
  sum.Add(second);
  ExpectHandMade(sum, 2.5);
  both.Add(logits.View().RowRange(0, 2), {0, 1, 0, 2}, {.75f, .25f, .5f, .5f}, -1);
  both.Add(logits.View().RowRange(2, 1), {1, 0}, {.9f, .1f}, -1);
  ExpectHandMade(both, 2.5);
  EXPECT_THROW(sum.Add(RouteStats(5, 2)), Error);
  EXPECT_THROW(sum.Add(RouteStats(4, 3)), Error);
}

TEST(RouteStats, Extremes) {
  RouteStats even(2, 2);
  even.Add(Rows({{1, 2}}), {1, 0}, {.7f, .3f}, -1);
  EXPECT_DOUBLE_EQ(even.Entropy(), 1);
  EXPECT_DOUBLE_EQ(even.MaxLoad(), 1);
  EXPECT_DOUBLE_EQ(even.MeanMargin(), 0);  // nobody is rejected
  EXPECT_TRUE(even.DeadExperts().empty());

  RouteStats one(3, 1);
  for (int i = 0; i < 5; ++i) one.Add(Rows({{0, 2, 1}}), {1}, {1}, -1);
  EXPECT_DOUBLE_EQ(one.Entropy(), 0);
  EXPECT_DOUBLE_EQ(one.MaxLoad(), 3);
  EXPECT_DOUBLE_EQ(one.MeanMargin(), 1);
  EXPECT_EQ(one.DeadExperts(), (std::vector<int>{0, 2}));

  const RouteStats none(3, 2);
  EXPECT_EQ(none.Share(0), 0);
  EXPECT_EQ(none.Entropy(), 0);
  EXPECT_EQ(none.MeanGate(1), 0);
  EXPECT_EQ(none.MeanMargin(), 0);
  EXPECT_EQ(none.CoActivation(0, 1), 0);
  EXPECT_EQ(none.DistinctPerChunk(), 0);
  EXPECT_EQ(none.DeadExperts().size(), 3u);
}

// Row 0 has one expert, row 1 none, row 2 two.
TEST(RouteStats, FewerExperts) {
  RouteStats s(4, 2);
  s.Add(Logits(), {0, -1, -1, -1, 1, 0}, {1, 0, 0, 0, .9f, .1f}, 2);
  EXPECT_EQ(s.NumRows(), 3);
  EXPECT_EQ(s.Count(0), 2);
  EXPECT_DOUBLE_EQ(s.Share(0), 2 / 3.);
  EXPECT_DOUBLE_EQ(s.ExpertsPerRow(), 1);
  EXPECT_DOUBLE_EQ(s.SecondSkipped(), 1 / 3.);
  EXPECT_DOUBLE_EQ(s.Exited(), 1 / 3.);
  EXPECT_DOUBLE_EQ(s.DistinctPerChunk(), 1.5);
  EXPECT_DOUBLE_EQ(s.MeanMargin(), (1 + .5) / 2);  // 3 - 2; 1 - 0.5
  EXPECT_NEAR(s.MeanGate(0), 1.9 / 3, 1e-7);
  RouteStats sum;
  sum.Add(s);
  sum.Add(s);
  EXPECT_DOUBLE_EQ(sum.ExpertsPerRow(), 1);
  EXPECT_DOUBLE_EQ(sum.Exited(), 1 / 3.);
}

TEST(RouteStats, WrongRoutes) {
  const Tensor logits = Rows({{3, 2, 1, 0}});
  const auto add = [&](const std::vector<int32_t> &experts, const std::vector<float> &gates) {
    RouteStats s(4, 2);
    s.Add(logits, experts, gates, -1);
  };
  EXPECT_NO_THROW(add({0, 1}, {.5f, .5f}));
  EXPECT_THROW(add({1, 1}, {.5f, .5f}), Error);
  EXPECT_THROW(add({0, 4}, {.5f, .5f}), Error);
  EXPECT_THROW(add({-1, 0}, {.5f, .5f}), Error);
  EXPECT_THROW(add({0, -1}, {.5f, .5f}), Error);
  EXPECT_THROW(add({0, -1}, {.9f, 0}), Error);
  EXPECT_THROW(add({0, 1}, {.5f, .4f}), Error);
  EXPECT_THROW(add({0, 1}, {.5f, std::numeric_limits<float>::quiet_NaN()}), Error);
  EXPECT_THROW(add({0}, {1}), Error);
  EXPECT_THROW(add({0, 1}, {1}), Error);
  EXPECT_THROW(add({0, 1, 2}, {.5f, .25f, .25f}), Error);
  RouteStats three(3, 2);
  EXPECT_THROW(three.Add(logits, {0, 1}, {.5f, .5f}, -1), Error);
}

}  // namespace
}  // namespace u2moe
