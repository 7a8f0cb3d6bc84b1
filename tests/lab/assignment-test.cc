#include "lab/assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/rng.h"
#include "tensor/tensor.h"

namespace u2moe {
namespace {

double Sum(ConstView score, const std::vector<int64_t> &order) {
  double sum = 0;
  for (size_t i = 0; i < order.size(); ++i) sum += score(static_cast<int64_t>(i), order[i]);
  return sum;
}

// Against all permutations; with whole numbers there are ties.
TEST(BestAssignment, IsTheBestOfAll) {
  Rng rng(3);
  for (int round = 0; round < 200; ++round) {
    const int64_t n = rng.UniformInt(0, 6);
    Tensor score(n, n);
    for (int64_t i = 0; i < n * n; ++i) {
      score.Data()[i] = round % 2 == 0 ? static_cast<float>(rng.Normal())
                                       : static_cast<float>(rng.UniformInt(-2, 2));
    }
    const std::vector<int64_t> got = BestAssignment(score);
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::vector<int64_t> sorted = got;
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(sorted, order);
    double best = Sum(score, order);
    while (std::next_permutation(order.begin(), order.end()))
      best = std::max(best, Sum(score, order));
    EXPECT_NEAR(Sum(score, got), best, 1e-5) << round;
  }
}

// A permutation hidden in noise, at the size of a layer.
TEST(BestAssignment, FindsAPermutation) {
  Rng rng(4);
  const int64_t n = 300;
  std::vector<int64_t> hidden(static_cast<size_t>(n));
  std::iota(hidden.begin(), hidden.end(), 0);
  rng.Shuffle(&hidden);
  Tensor score(n, n);
  for (int64_t i = 0; i < n * n; ++i) score.Data()[i] = static_cast<float>(rng.Normal());
  for (int64_t i = 0; i < n; ++i) score(i, hidden[static_cast<size_t>(i)]) += 20;
  EXPECT_EQ(BestAssignment(score), hidden);
}

}  // namespace
}  // namespace u2moe
