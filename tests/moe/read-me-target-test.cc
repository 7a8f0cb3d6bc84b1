#include "moe/read-me-target.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/error-test.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

// Channels 0 to 4 are the first expert's, 5 to 9 the second's, 10 is shared by both.
std::vector<std::vector<bool>> Masks() {
  std::vector<std::vector<bool>> masks(2, std::vector<bool>(11, false));
  for (size_t c = 0; c < 10; ++c) masks[c / 5][c] = true;
  return masks;
}

TEST(ReadMeDemand, CountsByHand) {
  // Sorted: 9 8 7 6 5 ...; N = 5, so the ranks are 4, 4, 3, 2, 1: thresholds 5, 5, 6, 7, 8.
  Tensor z = Tensor::Zeros(3, 11);
  const float row[] = {9, 8, 0, 0, 0, 7, 6, 5, 0, 0, 4};
  std::copy_n(row, 11, z.View().Row(0));
  for (int64_t c = 0; c < 11; ++c) z(1, c) = 1;  // ties: nothing is above
  std::copy_n(row, 11, z.View().Row(2));
  std::swap_ranges(z.View().Row(2), z.View().Row(2) + 5, z.View().Row(2) + 5);
  const Tensor d = ReadMeDemand(z, Masks());
  // 9 is above all five, 8 above four; 7 above three, 6 above two, 5 above none.
  const double first = 9 / 15.0, second = 5 / 15.0, mean = (first + second) / 2;
  EXPECT_NEAR(d(0, 0), 10 * (first - mean), 1e-6);
  EXPECT_NEAR(d(0, 1), 10 * (second - mean), 1e-6);
  EXPECT_EQ(d(1, 0), 0);
  EXPECT_EQ(d(1, 1), 0);
  EXPECT_NEAR(d(2, 0), d(0, 1), 1e-6);
}

TEST(ReadMeDemand, MasksOfDifferentSizes) {
  std::vector<std::vector<bool>> masks = Masks();
  masks[1][9] = false;
  EXPECT_THROW(ReadMeDemand(Tensor::Zeros(1, 11), masks), UsageError);
  EXPECT_THROW(ReadMeDemand(Tensor::Zeros(1, 12), Masks()), UsageError);
}

TEST(ReadMeLoss, ValueAndGradient) {
  Rng rng(1);
  const Tensor logits = RandomTensor(&rng, 5, 3), demand = RandomTensor(&rng, 5, 3, 3);
  RefMatrix x(logits);
  const RefMatrix d(demand);
  const auto loss = [&] {
    double sum = 0;
    for (int64_t t = 0; t < 5; ++t) {
      double all = 0, all_d = 0;
      int64_t best = 0;
      for (int64_t e = 0; e < 3; ++e) {
        all += std::exp(x(t, e));
        all_d += std::exp(d(t, e));
        if (d(t, e) > d(t, best)) best = e;
      }
      for (int64_t e = 0; e < 3; ++e) {
        const double log_p = x(t, e) - std::log(all);
        sum -= 0.75 * ((e == best ? 0.5 : 0) + 0.5 / 3) * log_p;
        sum -= 0.25 * std::exp(d(t, e)) / all_d * log_p;
      }
    }
    return sum / 5;
  };
  Tensor dlogits = Tensor::Zeros(5, 3);
  EXPECT_NEAR(ReadMeLoss(logits, demand, 1, dlogits), loss(), 1e-6);
  EXPECT_LT(GradientError(loss, &x, dlogits), 1e-4);
  EXPECT_EQ(ReadMeLoss(Tensor(0, 3), Tensor(0, 3), 1, View()), 0);
}

}  // namespace
}  // namespace u2moe
