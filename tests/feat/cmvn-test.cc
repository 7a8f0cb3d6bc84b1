#include "feat/cmvn.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/rng.h"
#include "support/golden-report.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

TEST(Cmvn, NormalisesToMeanZeroVarianceOne) {
  Rng rng(1);
  Tensor x = RandomTensor(&rng, 500, 7);
  for (int64_t t = 0; t < 500; ++t) {
    for (int64_t d = 0; d < 7; ++d) x(t, d) = x(t, d) * 0.1f + 100.0f * static_cast<float>(d);
  }
  DoubleMatrix stats;
  AccumulateCmvn(x, &stats);
  ASSERT_EQ(stats.rows, 2);
  ASSERT_EQ(stats.cols, 8);
  EXPECT_EQ(stats.data[7], 500);
  EXPECT_EQ(stats.data[15], 0);
  Tensor y = x;
  CmvnTransform(stats, true, true).Apply(false, y);
  for (int64_t d = 0; d < 7; ++d) {
    double sum = 0, squares = 0;
    for (int64_t t = 0; t < 500; ++t) {
      sum += y(t, d);
      squares += y(t, d) * y(t, d);
    }
    EXPECT_NEAR(sum / 500, 0, 1e-5) << d;
    EXPECT_NEAR(squares / 500, 1, 1e-4) << d;
  }
  CmvnTransform(stats, true, true).Apply(true, y);
  EXPECT_LE(MaxAbsDiff(x, y), 1e-4);

  Tensor z = x;
  CmvnTransform(stats, true, false).Apply(false, z);
  EXPECT_NEAR(z(3, 2), x(3, 2) - stats.data[2] / 500, 1e-5);
  z = x;
  CmvnTransform(stats, false, false).Apply(false, z);
  EXPECT_EQ(MaxAbsDiff(x, z), 0);
}

TEST(Cmvn, ManyUtterancesAreOneLongOne) {
  Rng rng(2);
  const Tensor x = RandomTensor(&rng, 100, 3);
  DoubleMatrix whole, parts, sum;
  AccumulateCmvn(x, &whole);
  AccumulateCmvn(x.View().RowRange(0, 41), &parts);
  AccumulateCmvn(x.View().RowRange(41, 0), &parts);
  AddCmvnStats(parts, &sum);
  parts = DoubleMatrix();
  AccumulateCmvn(x.View().RowRange(41, 59), &parts);
  AddCmvnStats(parts, &sum);
  for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(sum.data[i], whole.data[i], 1e-10);
}

TEST(Cmvn, WeightsCountFrames) {
  Rng rng(5);
  Tensor x = RandomTensor(&rng, 20, 3);
  std::vector<float> weights(20);
  for (size_t t = 0; t < 20; ++t) weights[t] = static_cast<float>(rng.Uniform());
  weights[4] = 0;
  x(4, 1) = std::numeric_limits<float>::quiet_NaN();  // weighs nothing
  DoubleMatrix stats;
  AccumulateCmvn(x, &stats, &weights);
  double count = 0, sum = 0, squares = 0;
  for (int64_t t = 0; t < 20; ++t) {
    const double w = weights[static_cast<size_t>(t)];
    count += w;
    if (w == 0) continue;
    sum += w * x(t, 1);
    squares += w * x(t, 1) * x(t, 1);
  }
  EXPECT_NEAR(stats.data[3], count, 1e-12);
  EXPECT_NEAR(stats.data[1], sum, 1e-12);
  EXPECT_NEAR(stats.data[5], squares, 1e-12);
  const DoubleMatrix before = stats;
  weights.pop_back();
  EXPECT_THROW(AccumulateCmvn(x, &stats, &weights), DataError);
  EXPECT_EQ(stats.data, before.data);
  DoubleMatrix none;
  EXPECT_THROW(AccumulateCmvn(Tensor(0, 0), &none), DataError);
  EXPECT_TRUE(none.data.empty());
}

TEST(Cmvn, SkippedDimensionsStay) {
  Rng rng(6);
  const Tensor x = RandomTensor(&rng, 30, 4);
  DoubleMatrix stats;
  AccumulateCmvn(x, &stats);
  Tensor all = x, some = x;
  CmvnTransform(stats, true, true).Apply(false, all);
  const CmvnTransform skipping(stats, true, true, {3, 1});
  skipping.Apply(false, some);
  for (int64_t t = 0; t < 30; ++t) {
    for (int64_t d = 0; d < 4; ++d) EXPECT_EQ(some(t, d), (d % 2 == 1 ? x : all)(t, d));
  }
  skipping.Apply(true, some);
  EXPECT_LE(MaxAbsDiff(some, x), 1e-5);
  EXPECT_THROW(CmvnTransform(stats, true, true, {4}), DataError);
  EXPECT_THROW(CmvnTransform(stats, true, true, {-1}), DataError);
}

TEST(Cmvn, MeansNeedNoSquares) {
  Tensor x = Tensor::Zeros(2, 1);
  CmvnTransform({1, 2, {6, 2}}, true, false).Apply(false, x);
  EXPECT_EQ(x(1, 0), -3);
  EXPECT_THROW(CmvnTransform({1, 2, {6, 2}}, true, true), DataError);
}

TEST(Cmvn, BadFeaturesLeaveTheStatisticsAlone) {
  Rng rng(3);
  Tensor x = RandomTensor(&rng, 10, 3);
  DoubleMatrix stats;
  AccumulateCmvn(x, &stats);
  const DoubleMatrix before = stats;
  EXPECT_THROW(AccumulateCmvn(RandomTensor(&rng, 10, 4), &stats), DataError);
  x(9, 1) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(AccumulateCmvn(x, &stats), DataError);
  EXPECT_EQ(stats.data, before.data);
  DoubleMatrix other;
  AccumulateCmvn(RandomTensor(&rng, 2, 2), &other);
  EXPECT_THROW(AddCmvnStats(other, &stats), DataError);
}

TEST(Cmvn, RefusesWhatIsNoStatistics) {
  EXPECT_THROW(CmvnTransform({3, 3, std::vector<double>(9, 1)}, true, true), DataError);
  EXPECT_THROW(CmvnTransform({2, 1, {5, 0}}, true, true), DataError);
  EXPECT_THROW(CmvnTransform({2, 2, {1, 0, 1, 0}}, true, true), DataError);  // no frame
  EXPECT_THROW(CmvnTransform({2, 2, {NAN, 4, 1, 0}}, true, true), DataError);
  EXPECT_THROW(CmvnTransform({2, 2, {1, 4, INFINITY, 0}}, true, true), DataError);
  Tensor x = Tensor::Zeros(2, 5);
  EXPECT_THROW(CmvnTransform({2, 2, {1, 4, 9, 0}}, true, true).Apply(false, x), DataError);
}

TEST(Cmvn, ConstantDimensionStaysFinite) {
  Tensor x = Tensor::Zeros(4, 2);
  for (int64_t t = 0; t < 4; ++t) x(t, 0) = 3;
  DoubleMatrix stats;
  AccumulateCmvn(x, &stats);
  CmvnTransform(stats, true, true).Apply(false, x);
  EXPECT_EQ(MaxAbsDiff(x, Tensor::Zeros(4, 2)), 0);
}

void CheckGolden(const std::string &feats_path, const std::string &prefix, double atol) {
  const std::string archive = GoldenPath(feats_path),
                    stats_path = GoldenPath(prefix + ".stats.ark"),
                    want_path = GoldenPath(prefix + ".normalised.ark");
  if (archive.empty() || stats_path.empty() || want_path.empty()) {
    GTEST_SKIP() << "no golden " << feats_path << " with its statistics";
  }
  DoubleMatrix stats;
  SequentialMatrixReader feats("ark:" + archive);
  for (; !feats.Done(); feats.Next()) AccumulateCmvn(feats.Value(), &stats);
  RandomAccessDoubleMatrixReader golden("ark:" + stats_path);
  const DoubleMatrix &want = golden.Value("global");
  ASSERT_EQ(stats.cols, want.cols);
  for (size_t i = 0; i < stats.data.size(); ++i) {
    EXPECT_NEAR(stats.data[i], want.data[i], 1e-12 * std::abs(want.data[i])) << i;
  }
  const CmvnTransform transform(want, true, true);
  RandomAccessMatrixReader normalised("ark:" + want_path);
  double worst = 0;
  for (SequentialMatrixReader again("ark:" + archive); !again.Done(); again.Next()) {
    Tensor x = again.Value();
    transform.Apply(false, x);
    worst = std::max(worst, MaxAbsDiff(x, normalised.Value(again.Key())));
  }
  ReportGolden("cmvn", prefix + ".normalised.ark", worst, atol);
}

TEST(CmvnGolden, Fbank40At8k) {
  CheckGolden("fbank/fbank40_8k.knf.ark", "fbank/cmvn_fbank40_8k", 8e-6);
}
TEST(CmvnGolden, Fbank80At16k) {
  CheckGolden("fbank/fbank80_16k.knf.ark", "fbank/cmvn_fbank80_16k", 9e-6);
}

}  // namespace
}  // namespace u2moe
