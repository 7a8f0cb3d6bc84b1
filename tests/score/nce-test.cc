#include "score/nce.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/rng.h"

namespace u2moe {
namespace {

double LeastCost(const std::vector<JudgedWord> &words, double slope, double offset) {
  double sum = 0.005 * ((slope - 1) * (slope - 1) + offset * offset);
  for (const JudgedWord &w : words) {
    const double p = 1 / (1 + std::exp(-slope * ConfidenceLogOdds(w.confidence) - offset));
    sum -= std::log(w.correct ? p : 1 - p);
  }
  return sum;
}

// Words whose confidences are too sure: right with the probability of half their log-odds - shift.
JudgedUtterances TooSure(Rng *rng, int num, double slope, double shift) {
  JudgedUtterances utterances(static_cast<size_t>(num / 10));
  for (auto &u : utterances) {
    for (int i = 0; i < 10; ++i) {
      const double x = rng->Uniform() * 12 - 4;
      const double p = 1 / (1 + std::exp(-slope * x - shift));
      u.push_back({1 / (1 + std::exp(-x)), rng->Uniform() < p});
    }
  }
  return utterances;
}

TEST(Nce, ByHand) {
  EXPECT_TRUE(std::isnan(NormalizedCrossEntropy({})));
  EXPECT_TRUE(std::isnan(NormalizedCrossEntropy({{0.5, true}})));
  EXPECT_TRUE(std::isnan(NormalizedCrossEntropy({{0.5, false}, {0.1, false}})));
  // The share of right words as the confidence of all says nothing.
  EXPECT_NEAR(NormalizedCrossEntropy({{0.75, true}, {0.75, true}, {0.75, true}, {0.75, false}}), 0,
              1e-12);
  EXPECT_NEAR(NormalizedCrossEntropy({{1, true}, {0, false}}), 1, 1e-6);
  // What sclite prints of these (tests/cli/compute-nce.sh): 0.476, and 0.598 with the others.
  std::vector<JudgedWord> words = {{0.9, true}, {0.6, true}, {0.4, false}, {0.95, true}};
  EXPECT_NEAR(NormalizedCrossEntropy(words), 0.476, 5e-4);
  words.push_back({1, true});
  words.push_back({0.3, false});
  EXPECT_NEAR(NormalizedCrossEntropy(words), 0.598, 5e-4);
}

TEST(Nce, Calibration) {
  const auto table =
      CalibrationTable({{0, false}, {0.05, true}, {0.95, true}, {1, true}, {0.1, true}}, 10);
  ASSERT_EQ(table.size(), 10u);
  EXPECT_EQ(table[0].words, 2);
  EXPECT_EQ(table[0].correct, 1);
  EXPECT_DOUBLE_EQ(table[0].mean, 0.025);
  EXPECT_EQ(table[1].words, 1);
  EXPECT_EQ(table[9].words, 2);
  EXPECT_NEAR(CalibrationError(table), (2 * 0.475 + 0.9 + 2 * 0.025) / 5, 1e-12);
  EXPECT_EQ(CalibrationError(CalibrationTable({}, 10)), 0);
}

TEST(Nce, FitFindsTheLeast) {
  Rng rng(5);
  for (const bool with_offset : {false, true}) {
    const std::vector<JudgedWord> words = AllWords(TooSure(&rng, 2000, 0.5, with_offset ? -1 : 0));
    const ConfidenceMap map = FitConfidenceMap(words, with_offset);
    EXPECT_NEAR(map.slope, 0.5, 0.1);
    EXPECT_NEAR(map.offset, with_offset ? -1 : 0, with_offset ? 0.3 : 0);
    const double least = LeastCost(words, map.slope, map.offset);
    for (const double da : {-0.01, 0.0, 0.01}) {
      for (const double db : {-0.01, 0.0, 0.01}) {
        if (!with_offset && db != 0) continue;
        EXPECT_LE(least, LeastCost(words, map.slope + da, map.offset + db) + 1e-9);
      }
    }
    std::vector<JudgedWord> mapped = words;
    for (JudgedWord &w : mapped) w.confidence = map.Apply(w.confidence);
    EXPECT_GT(NormalizedCrossEntropy(mapped), NormalizedCrossEntropy(words));
    EXPECT_LT(CalibrationError(CalibrationTable(mapped, 10)),
              CalibrationError(CalibrationTable(words, 10)));
  }
}

TEST(Nce, FitStaysFinite) {
  const ConfidenceMap apart = FitConfidenceMap({{0.2, false}, {0.9, true}}, true);
  EXPECT_TRUE(std::isfinite(apart.slope) && std::isfinite(apart.offset));
  EXPECT_GT(apart.slope, 1);
  EXPECT_GT(FitConfidenceMap({{0, true}, {1, false}, {1, false}}, true).slope, 0);
  EXPECT_GT(FitConfidenceMap({{0, true}, {1, false}}, false).slope, 0);
  EXPECT_THROW(ChooseConfidenceMap({{}, {}}), Error);
}

TEST(Nce, OffsetOnlyWhereItHelps) {
  Rng rng(6);
  EXPECT_NE(ChooseConfidenceMap(TooSure(&rng, 2000, 0.5, -2)).offset, 0);
  int without = 0;
  for (int trial = 0; trial < 10; ++trial)
    without += ChooseConfidenceMap(TooSure(&rng, 400, 0.5, 0)).offset == 0;
  EXPECT_GE(without, 4);
}

TEST(Nce, Map) {
  ConfidenceMap map;
  EXPECT_TRUE(map.IsIdentity());
  EXPECT_EQ(map.Apply(0.3), 0.3);
  map.slope = 0.5;
  EXPECT_EQ(map.Apply(-1.0), -1);
  EXPECT_NEAR(map.Apply(0.5), 0.5, 1e-12);
  EXPECT_NEAR(map.Apply(0.9), 0.75, 1e-12);  // log 9 / 2 = log 3
  EXPECT_GT(map.Apply(0.0), 0);
  EXPECT_LT(map.Apply(1.0), 1);
  map.slope = 0;
  EXPECT_THROW(map.Check(), UsageError);
}

TEST(Nce, JudgedWordsOfRecordings) {
  WerOptions opts;
  opts.mode = "all";
  opts.normalize.normalize = "lowercase,no-punctuation";
  const auto judged = JudgeWords(
      {{"u1", {"a", "b", "c"}}, {"u2", {}}, {"u3", {"x"}}},
      {{"u1", {{"A", 0, 1, 0.9}, {"...", 1, 1, 0.2}, {"d", 1, 2, 0.4}, {"c", 2, 3, 0.8}}},
       {"u2", {{"y", 0, 1, 0.5}}}},
      opts);
  ASSERT_EQ(judged.size(), 3u);
  ASSERT_EQ(judged[0].size(), 3u);
  EXPECT_TRUE(judged[0][0].correct);
  EXPECT_FALSE(judged[0][1].correct);
  EXPECT_EQ(judged[0][1].confidence, 0.4);
  EXPECT_EQ(judged[0][2].confidence, 0.8);
  ASSERT_EQ(judged[1].size(), 1u);
  EXPECT_FALSE(judged[1][0].correct);
  EXPECT_TRUE(judged[2].empty());
  EXPECT_THROW(JudgeWords({{"u", {"a"}}}, {{"u", {{"a", 0, 1, -1}}}}, opts), DataError);
}

TEST(Nce, Digest) {
  const std::vector<Transcript> a = {{"u1", {"a"}}, {"u2", {"b", "c"}}}, b = {a[1], a[0]};
  EXPECT_EQ(SetDigest(a), SetDigest(b));
  EXPECT_EQ(SetDigest(a).size(), 16u);
  EXPECT_NE(SetDigest(a), SetDigest({{"u1", {"a"}}, {"u2", {"bc"}}}));
}

}  // namespace
}  // namespace u2moe
