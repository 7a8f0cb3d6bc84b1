#include "lab/mutual-information.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace u2moe {
namespace {

using Pairs = std::vector<std::pair<int, int>>;

JointCounts Counted(const Pairs &pairs, size_t num_a) {
  JointCounts counts(num_a);
  for (const auto &[a, b] : pairs) counts.Add(static_cast<size_t>(a), static_cast<size_t>(b));
  return counts;
}

// sum p(a, b) log2 p(a, b) / (p(a) p(b)), by the definition.
double Naive(const Pairs &pairs) {
  std::map<int, double> a, b;
  std::map<std::pair<int, int>, double> both;
  const double one = 1.0 / static_cast<double>(pairs.size());
  for (const auto &pair : pairs) {
    a[pair.first] += one;
    b[pair.second] += one;
    both[pair] += one;
  }
  double sum = 0;
  for (const auto &[pair, p] : both) sum += p * std::log2(p / (a[pair.first] * b[pair.second]));
  return sum;
}

Pairs Random(size_t n, int num_a, int num_b, uint64_t seed) {
  Rng rng(seed);
  Pairs pairs;
  for (size_t i = 0; i < n; ++i) {
    pairs.emplace_back(static_cast<int>(rng.UniformInt(0, num_a - 1)),
                       static_cast<int>(rng.UniformInt(0, num_b - 1)));
  }
  return pairs;
}

TEST(MutualInformation, AsDefined) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Pairs pairs = Random(1 + seed * seed, 1 + static_cast<int>(seed % 7), 5, seed);
    EXPECT_NEAR(Counted(pairs, 7).MutualInformation(), Naive(pairs), 1e-12) << seed;
  }
}

TEST(MutualInformation, KnownValues) {
  JointCounts same(4), product(2), one(3);
  for (size_t i = 0; i < 4; ++i) same.Add(i, 3 - i, 5);
  EXPECT_DOUBLE_EQ(same.MutualInformation(), 2);
  EXPECT_DOUBLE_EQ(same.EntropyA(), 2);
  EXPECT_DOUBLE_EQ(same.EntropyB(), 2);
  EXPECT_DOUBLE_EQ(same.NormalisedInformation(), 1);
  // (4 + 4 - 4 - 1) / (2 * 20) nats.
  EXPECT_NEAR(same.CorrectedInformation(), 2 + 3 / (40 * std::log(2.0)), 1e-12);
  product.Add(0, 0, 2);  // shares 1/4, 3/4 by 1/3, 2/3
  product.Add(0, 1, 4);
  product.Add(1, 0, 6);
  product.Add(1, 1, 12);
  EXPECT_NEAR(product.MutualInformation(), 0, 1e-12);
  EXPECT_NEAR(product.NormalisedInformation(), 0, 1e-12);
  EXPECT_NEAR(product.CorrectedInformation(), -1 / (48 * std::log(2.0)), 1e-12);
  one.Add(2, 0, 9);  // neither varies
  EXPECT_EQ(one.MutualInformation(), 0);
  EXPECT_EQ(one.NormalisedInformation(), 0);
  EXPECT_EQ(one.CorrectedInformation(), 0);
}

TEST(MutualInformation, WithoutCounts) {
  for (const JointCounts &counts : {JointCounts(), JointCounts(3)}) {
    EXPECT_EQ(counts.Total(), 0);
    EXPECT_EQ(counts.MutualInformation(), 0);
    EXPECT_EQ(counts.CorrectedInformation(), 0);
    EXPECT_EQ(counts.NormalisedInformation(), 0);
  }
}

// Of variables that know nothing of each other the plain estimate has the bias of the contract; the
// corrected one has next to none.
TEST(MutualInformation, CorrectionTakesTheBiasAway) {
  const int kTrials = 400;
  const size_t kDraws = 200;
  double plain = 0, corrected = 0;
  for (int i = 0; i < kTrials; ++i) {
    const JointCounts counts = Counted(Random(kDraws, 8, 5, 1000 + static_cast<uint64_t>(i)), 8);
    plain += counts.MutualInformation() / kTrials;
    corrected += counts.CorrectedInformation() / kTrials;
  }
  const double bias = 7 * 4 / (2.0 * static_cast<double>(kDraws) * std::log(2.0));
  EXPECT_NEAR(plain, bias, 0.1 * bias);
  EXPECT_NEAR(corrected, 0, 0.1 * bias);
}

TEST(MutualInformation, NamesDoNotMatter) {
  Pairs pairs = Random(60, 4, 4, 7);
  for (auto &[a, b] : pairs) b = a == 0 ? 3 : b;  // something to find
  Pairs renamed;
  for (const auto &[a, b] : pairs) renamed.emplace_back(3 - a, (b + 2) % 4);
  const JointCounts one = Counted(pairs, 4), other = Counted(renamed, 4);
  EXPECT_NEAR(one.NormalisedInformation(), other.NormalisedInformation(), 1e-12);
  EXPECT_GT(one.NormalisedInformation(), 0.1);
  EXPECT_NEAR(one.CorrectedInformation(), other.CorrectedInformation(), 1e-12);
}

}  // namespace
}  // namespace u2moe
