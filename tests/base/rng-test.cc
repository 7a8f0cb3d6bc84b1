#include "base/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "base/error.h"

namespace u2moe {
namespace {

// The expected numbers were computed apart from this code, in Python's big integers from the
// published definitions of SplitMix64 and xoshiro256**; Mix64(0) is SplitMix64's well-known first
// output of seed 0.
TEST(Rng, KnownValues) {
  EXPECT_EQ(Mix64(0), 0xe220a8397b1dcdafull);
  EXPECT_EQ(SubSeed(1, 2), 0xf602ec30f98a3929ull);
  EXPECT_EQ(SubSeed(1, "utt1"), 0xf22a27bfcad4ede3ull);
  Rng rng(1);
  EXPECT_EQ(rng.Next(), 0xc5883e370b0926c3ull);
  EXPECT_EQ(rng.Next(), 0x021b74b80f71f81cull);
  EXPECT_EQ(rng.Next(), 0x268df06749e5c8ceull);
  EXPECT_EQ(rng.Next(), 0xe052757d667afef2ull);
  Rng again(1);
  EXPECT_EQ(again.Uniform(), 0.7716101536161983);
  EXPECT_EQ(again.Uniform(), 0.008231444298367196);
}

TEST(Rng, SubSeedsDiffer) {
  std::set<uint64_t> seeds;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (uint64_t stream = 0; stream < 100; ++stream) seeds.insert(SubSeed(seed, stream));
  }
  EXPECT_EQ(seeds.size(), 10000u);
  EXPECT_NE(SubSeed(1, "a"), SubSeed(2, "a"));
  EXPECT_NE(SubSeed(1, "a"), SubSeed(1, "b"));
}

// Chi-square of n draws over bins; about `bins` with standard deviation sqrt(2 bins) if uniform.
double ChiSquare(const std::vector<int> &counts, int n) {
  const double expected = static_cast<double>(n) / static_cast<double>(counts.size());
  double sum = 0;
  for (int c : counts) sum += (c - expected) * (c - expected) / expected;
  return sum;
}

TEST(Rng, UniformIsUniform) {
  Rng rng(7);
  std::vector<int> counts(100);
  double sum = 0, product = 0, last = 0.5;
  const int n = 200000;
  for (int i = 0; i < n; ++i) {
    const double u = rng.Uniform();
    ASSERT_TRUE(u >= 0 && u < 1);
    ++counts[static_cast<size_t>(100 * u)];
    sum += u;
    product += (u - 0.5) * (last - 0.5);
    last = u;
  }
  EXPECT_NEAR(sum / n, 0.5, 4 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(product / n, 0, 4.0 / 12 / std::sqrt(n));  // neighbours do not correlate
  EXPECT_LT(ChiSquare(counts, n), 100 + 4 * std::sqrt(200.0));
}

TEST(Rng, UniformInt) {
  Rng rng(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[static_cast<size_t>(rng.UniformInt(-3, 3) + 3)];
  EXPECT_LT(ChiSquare(counts, 70000), 7 + 4 * std::sqrt(14.0));
  EXPECT_EQ(rng.UniformInt(5, 5), 5);
  EXPECT_THROW(rng.UniformInt(2, 1), Error);
  // Ranges wider than int64_t.
  const int64_t low = std::numeric_limits<int64_t>::min(),
                high = std::numeric_limits<int64_t>::max();
  int negative = 0;
  for (int i = 0; i < 1000; ++i) negative += rng.UniformInt(low, high) < 0;
  EXPECT_NEAR(negative, 500, 80);
  for (int i = 0; i < 1000; ++i) EXPECT_LE(rng.UniformInt(low, 10), 10);
}

TEST(Rng, NormalHasTheMomentsOfANormal) {
  Rng rng(11);
  const int n = 200000;
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
  for (int i = 0; i < n; ++i) {
    const double x = rng.Normal();
    m1 += x / n;
    m2 += x * x / n;
    m3 += x * x * x / n;
    m4 += x * x * x * x / n;
  }
  EXPECT_NEAR(m1, 0, 4 * std::sqrt(1.0 / n));
  EXPECT_NEAR(m2, 1, 4 * std::sqrt(2.0 / n));
  EXPECT_NEAR(m3, 0, 4 * std::sqrt(15.0 / n));
  EXPECT_NEAR(m4, 3, 4 * std::sqrt(96.0 / n));
}

TEST(Rng, ShuffleIsAPermutationAndReachesAllPlaces) {
  Rng rng(5);
  std::vector<int> place(10);
  for (int trial = 0; trial < 10000; ++trial) {
    std::vector<int> v(10);
    std::iota(v.begin(), v.end(), 0);
    rng.Shuffle(&v);
    ++place[static_cast<size_t>(std::find(v.begin(), v.end(), 0) - v.begin())];
    std::sort(v.begin(), v.end());
    for (int i = 0; i < 10; ++i) ASSERT_EQ(v[static_cast<size_t>(i)], i);
  }
  EXPECT_LT(ChiSquare(place, 10000), 10 + 4 * std::sqrt(20.0));
  std::vector<int> empty;
  rng.Shuffle(&empty);
}

}  // namespace
}  // namespace u2moe
