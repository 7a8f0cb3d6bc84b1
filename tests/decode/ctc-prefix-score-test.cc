// CTC prefix scores against all alignments written out.
#include "decode/ctc-prefix-score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "decode/naive-ctc.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;
constexpr double kInf = std::numeric_limits<double>::infinity();

// Equal logarithms, where both may be minus infinity.
void ExpectLog(double got, double probability, double tolerance, const std::string &what) {
  if (probability == 0) {
    EXPECT_EQ(got, -kInf) << what;
  } else {
    EXPECT_NEAR(got, std::log(probability), tolerance * (1 + std::fabs(got))) << what;
  }
}

// Prefix scores leave out what comes after, whose probabilities sum to 1 but for float32.
constexpr double kExact = 1e-10, kRowSums = 1e-6;

std::string Text(const Ids &ids) {
  std::string s;
  for (const int32_t id : ids) s += std::to_string(id) + " ";
  return s;
}

// All prefixes that have a probability, and all one label longer, from the scores of their parents.
void CheckAll(ConstView logp, int32_t blank, int *num_checked) {
  const auto all = NaiveCtc(logp, blank);
  const CtcPrefixScorer scorer(logp, blank);
  EXPECT_EQ(scorer.NumFrames(), logp.Rows());
  Ids labels;
  for (int64_t c = 0; c < logp.Cols(); ++c) labels.push_back(static_cast<int32_t>(c));
  const std::function<void(const Ids &, const CtcPrefixScorer::State &)> go =
      [&](const Ids &prefix, const CtcPrefixScorer::State &state) {
        const auto exact = all.find(prefix);
        ExpectLog(scorer.End(state), exact == all.end() ? 0 : exact->second, kExact,
                  Text(prefix) + "end");
        if (static_cast<int64_t>(prefix.size()) > logp.Rows()) return;
        std::vector<double> scores(labels.size());
        scorer.Score(state, labels, scores.data());
        for (const int32_t c : labels) {
          Ids longer = prefix;
          longer.push_back(c);
          const double want = c == blank ? 0 : NaivePrefix(all, longer);
          ExpectLog(scores[static_cast<size_t>(c)], want, kRowSums, Text(longer));
          ++*num_checked;
          if (c != blank) go(longer, scorer.Extend(state, c));
        }
      };
  go({}, scorer.Start());
}

TEST(CtcPrefixScore, EqualsAllAlignments) {
  Rng rng(1);
  int num_checked = 0;
  for (int n = 0; n < 40; ++n) {
    const int64_t frames = n % 5, vocab = 2 + n % 2;
    const int32_t blank = static_cast<int32_t>(rng.UniformInt(0, vocab - 1));
    CheckAll(RandomLogProbs(&rng, frames, vocab, n % 3 == 0), blank, &num_checked);
  }
  EXPECT_GT(num_checked, 500);
}

TEST(CtcPrefixScore, NoFrames) {
  const CtcPrefixScorer scorer(Tensor(0, 4), 0);
  const CtcPrefixScorer::State start = scorer.Start();
  EXPECT_EQ(scorer.End(start), 0);
  double score = 0;
  scorer.Score(start, {2}, &score);
  EXPECT_EQ(score, -kInf);
  EXPECT_EQ(scorer.End(scorer.Extend(start, 2)), -kInf);
}

// An hour of frames neither underflows nor loses the terms that count; scores fall along a prefix.
TEST(CtcPrefixScore, ManyFrames) {
  Rng rng(2);
  const int64_t frames = 20000;
  const Tensor logp = RandomLogProbs(&rng, frames, 5);
  const CtcPrefixScorer scorer(logp, 0);
  CtcPrefixScorer::State state = scorer.Start();
  double before = 0;
  for (int n = 0; n < 20; ++n) {
    const int32_t label = static_cast<int32_t>(rng.UniformInt(1, 4));
    double score = 0;
    scorer.Score(state, {label}, &score);
    EXPECT_LE(score, before);
    EXPECT_TRUE(std::isfinite(score));
    state = scorer.Extend(state, label);
    EXPECT_LE(scorer.End(state), score + 1e-9);
    before = score;
  }
  // Nearly every sequence of this many frames begins with some label or other.
  std::vector<double> scores(4);
  scorer.Score(scorer.Start(), {1, 2, 3, 4}, scores.data());
  double sum = 0;
  for (const double s : scores) sum += std::exp(s);
  EXPECT_NEAR(sum, 1, 1e-5);
}

TEST(CtcPrefixScore, BadValues) {
  Tensor logp = Tensor::Zeros(2, 3);
  for (int64_t i = 0; i < 6; ++i) logp.Data()[i] = -1;
  EXPECT_THROW(CtcPrefixScorer(logp, 3), DataError);
  logp(1, 2) = std::nanf("");
  EXPECT_THROW(CtcPrefixScorer(logp, 0), DataError);
  logp(1, 2) = 3;
  EXPECT_THROW(CtcPrefixScorer(logp, 0), DataError);
}

}  // namespace
}  // namespace u2moe
