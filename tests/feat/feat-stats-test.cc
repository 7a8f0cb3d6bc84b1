#include "feat/feat-stats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

// All numbers first, then two passes.
void ExpectStats(const std::vector<float> &all, const ValueStats &got) {
  std::vector<double> x;
  int64_t num_nan = 0;
  for (const float v : all) {
    num_nan += std::isnan(v);
    if (std::isfinite(v)) x.push_back(v);
  }
  const double n = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  for (const double v : x) mean += v / n;
  for (const double v : x) variance += (v - mean) * (v - mean) / n;
  EXPECT_EQ(got.num_nan, num_nan);
  EXPECT_EQ(got.Count(), static_cast<int64_t>(all.size()));
  EXPECT_EQ(got.num_finite, static_cast<int64_t>(x.size()));
  EXPECT_NEAR(got.mean, mean, 1e-9 * std::max(1.0, std::abs(mean)));
  EXPECT_NEAR(got.Variance(), variance, 1e-9 * std::max(1.0, variance));
  EXPECT_EQ(got.min, *std::min_element(x.begin(), x.end()));
  EXPECT_EQ(got.max, *std::max_element(x.begin(), x.end()));
}

TEST(FeatStats, AgreesWithTwoPasses) {
  Rng rng(1);
  FeatStatsOptions opts;
  opts.per_utterance = true;
  FeatStats stats(opts);
  std::vector<std::vector<float>> dims(3);
  std::vector<float> all;
  for (const int64_t num_frames : {1, 40, 7}) {
    Tensor x = RandomTensor(&rng, num_frames, 3);
    for (int64_t t = 0; t < num_frames; ++t) x(t, 1) = 1e5f + 0.1f * x(t, 1);
    if (num_frames == 40) {
      x(3, 0) = NAN;
      x(4, 0) = INFINITY;
      x(5, 2) = -INFINITY;
    }
    std::vector<float> utterance;
    for (int64_t t = 0; t < num_frames; ++t) {
      for (int64_t d = 0; d < 3; ++d) {
        dims[static_cast<size_t>(d)].push_back(x(t, d));
        utterance.push_back(x(t, d));
      }
    }
    all.insert(all.end(), utterance.begin(), utterance.end());
    stats.AddUtterance(Cat("utt", num_frames), x);
    ExpectStats(utterance, stats.Utterances().back().second.values);
    EXPECT_EQ(stats.Utterances().back().second.num_frames, num_frames);
  }
  for (size_t d = 0; d < 3; ++d) ExpectStats(dims[d], stats.Dimensions()[d]);
  ExpectStats(all, stats.Total().values);
  EXPECT_EQ(stats.Total().num_frames, 48);
  EXPECT_EQ(stats.NumUtterances(), 3);
}

TEST(FeatStats, CountsSilence) {
  FeatStats stats{FeatStatsOptions()};
  Tensor x = Tensor::Zeros(4, 2);
  x(0, 0) = -15.94f;
  x(1, 0) = x(1, 1) = -15.94f;
  x(2, 0) = x(2, 1) = -15;
  x(3, 0) = -16;
  x(3, 1) = NAN;
  stats.AddUtterance("a", x);
  EXPECT_EQ(stats.Total().num_silent_frames, 2);
  EXPECT_EQ(stats.Dimensions()[0].num_silent, 4);
  EXPECT_EQ(stats.Dimensions()[1].num_silent, 2);
  EXPECT_TRUE(stats.Utterances().empty());
}

TEST(FeatStats, BadUtterancesLeaveNoTrace) {
  FeatStats stats{FeatStatsOptions()};
  EXPECT_THROW(stats.AddUtterance("empty", Tensor(0, 0)), DataError);
  stats.AddUtterance("a", Tensor::Zeros(2, 3));
  EXPECT_THROW(stats.AddUtterance("b", Tensor::Zeros(2, 4)), DataError);
  EXPECT_THROW(stats.AddUtterance("c", Tensor(0, 3)), DataError);
  EXPECT_EQ(stats.NumUtterances(), 1);
  EXPECT_EQ(stats.Total().num_frames, 2);
}

TEST(FeatStats, WithoutAnyNumber) {
  FeatStatsOptions opts;
  opts.per_utterance = true;
  FeatStats stats(opts);
  std::ostringstream empty;
  stats.WriteText(empty);
  stats.WriteJson(empty);
  Tensor x(1, 1);
  x(0, 0) = NAN;
  stats.AddUtterance("a", x);
  std::ostringstream text, json;
  stats.WriteText(text);
  stats.WriteJson(json);
  EXPECT_NE(text.str().find(" - "), std::string::npos) << text.str();
  const nlohmann::json j = nlohmann::json::parse(json.str());
  EXPECT_TRUE(j.at("total").at("mean").is_null());
  EXPECT_EQ(j.at("by_utterance").at("a").at("nan"), 1);
}

}  // namespace
}  // namespace u2moe
