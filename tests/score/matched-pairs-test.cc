#include "score/matched-pairs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/error.h"
#include "base/rng.h"
#include "score/wer-comparison.h"

namespace u2moe {
namespace {

WerResult Score(const std::vector<Transcript> &refs, const std::vector<Transcript> &hyps) {
  return ScoreTranscripts(refs, hyps, WerOptions(), true);
}

std::vector<std::string> Letters(const std::string &s) {
  std::vector<std::string> letters;
  for (const char c : s) letters.emplace_back(1, c);
  return letters;
}

std::vector<Transcript> One(const std::string &s) { return {{"u", Letters(s)}}; }

MatchedPairs Compare(const std::string &ref, const std::string &first, const std::string &second) {
  return MatchedPairsTest(Score(One(ref), One(first)), Score(One(ref), One(second)));
}

TEST(MatchedPairs, SegmentsByHand) {
  EXPECT_EQ(Compare("abcd", "abcd", "abcd").segments, 0);
  EXPECT_EQ(Compare("", "", "").segments, 0);
  EXPECT_EQ(Compare("", "x", "").segments, 1);
  EXPECT_EQ(Compare("abcdef", "xbcdef", "abcdex").segments, 2);   // four correct words between
  EXPECT_EQ(Compare("abcdef", "xbcxef", "abcdef").segments, 2);   // two
  EXPECT_EQ(Compare("abcdef", "xbxdef", "abcdef").segments, 1);   // one
  EXPECT_EQ(Compare("abcdef", "xbcdef", "abxdef").segments, 1);   // one that both have right
  EXPECT_EQ(Compare("abcdef", "xbycdef", "abcdef").segments, 1);  // an insertion between the two
  EXPECT_EQ(Compare("abcdef", "xbcydef", "abcdef").segments, 2);
  EXPECT_EQ(Compare("abcdef", "abcdefx", "abcdef").segments, 1);
  const MatchedPairs m = Compare("abcdef", "xbcdef", "abcdxx");
  EXPECT_EQ(m.segments, 2);
  EXPECT_DOUBLE_EQ(m.mean, 0.5);                  // -1 and 2
  EXPECT_DOUBLE_EQ(m.deviation, std::sqrt(4.5));  // of 1.5 squared twice, over 1
  EXPECT_DOUBLE_EQ(m.z, 0.5 / (std::sqrt(4.5) / std::sqrt(2.0)));
  EXPECT_NEAR(m.p, 0.7389, 1e-4);
}

TEST(MatchedPairs, NoSpreadIsNoDifferenceAsInScStats) {
  const MatchedPairs m = Compare("abcdefgh", "xbcdefgx", "abcdefgh");
  EXPECT_EQ(m.segments, 2);
  EXPECT_EQ(m.mean, -1);
  EXPECT_EQ(m.z, 0);
  EXPECT_EQ(m.p, 1);
}

// What was done, word by word, as a string: a segment is what lies between two or more dots.
TEST(MatchedPairs, AgreesWithCuttingAtCorrectStretches) {
  Rng rng(3);
  const auto draw = [&](int64_t longest) {
    std::string s;
    for (int64_t n = rng.UniformInt(0, longest); n > 0; --n)
      s += static_cast<char>('a' + rng.UniformInt(0, 2));
    return s;
  };
  const auto change = [&](const std::string &s) {
    std::string t;
    for (const char c : s) {
      const double x = rng.Uniform();
      if (x < 0.07) continue;
      t += x < 0.14 ? 'x' : c;
      if (x > 0.93) t += 'y';
    }
    return t;
  };
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<Transcript> refs, firsts, seconds;
    for (int u = 0; u < 5; ++u) {
      const std::string ref = draw(20), key = "u" + std::to_string(u);
      refs.push_back({key, Letters(ref)});
      firsts.push_back({key, Letters(change(ref))});
      seconds.push_back({key, Letters(change(ref))});
    }
    const WerResult first = Score(refs, firsts), second = Score(refs, seconds);
    std::vector<double> differences;
    double errors = 0;
    for (size_t u = 0; u < refs.size(); ++u) {
      // By place, a gap before each word and each word: the difference, and '.' or 'x'.
      const size_t n = 2 * refs[u].words.size() + 1;
      std::vector<double> difference(n, 0);
      std::string marks(n, ' ');
      for (size_t k = 1; k < n; k += 2) marks[k] = '.';
      for (const auto &[result, sign] : {std::pair(&first, -1.0), std::pair(&second, 1.0)}) {
        size_t k = 0;
        for (const Edit edit : result->utterances[u].edits) {
          if (edit == Edit::kInsertion) {
            marks[k] = 'x';
            difference[k] += sign;
            continue;
          }
          if (edit != Edit::kCorrect) {
            marks[k + 1] = 'x';
            difference[k + 1] += sign;
          }
          k += 2;
        }
      }
      std::string text;
      std::vector<double> left;
      for (size_t k = 0; k < n; ++k) {
        if (marks[k] == ' ') continue;
        text += marks[k];
        left.push_back(difference[k]);
      }
      for (size_t begin = 0; begin < text.size();) {
        size_t end = text.find("..", begin);
        if (end == std::string::npos) end = text.size();
        if (text.substr(begin, end - begin).find('x') != std::string::npos) {
          differences.push_back(0);
          for (size_t k = begin; k < end; ++k) differences.back() += left[k];
        }
        begin = text.find_first_not_of('.', end);
        if (begin == std::string::npos) break;
      }
    }
    const MatchedPairs m = MatchedPairsTest(first, second);
    ASSERT_EQ(m.segments, static_cast<int64_t>(differences.size()));
    double mean = 0, square = 0;
    for (const double d : differences) mean += d / static_cast<double>(differences.size());
    for (const double d : differences) square += (d - mean) * (d - mean);
    errors = static_cast<double>(second.totals.Errors() - first.totals.Errors());
    EXPECT_NEAR(m.mean, mean, 1e-12);
    EXPECT_NEAR(m.mean * static_cast<double>(m.segments), errors, 1e-9);
    if (square > 1e-9) {
      const auto n = static_cast<double>(differences.size());
      EXPECT_NEAR(m.deviation, std::sqrt(square / (n - 1)), 1e-12);
      EXPECT_NEAR(m.p, std::erfc(std::fabs(mean) * std::sqrt(n) / m.deviation / std::sqrt(2.0)),
                  1e-12);
    }
  }
}

TEST(MatchedPairs, OtherUtterances) {
  const WerResult a = Score(One("ab"), One("ab")), b = Score(One("abc"), One("abc"));
  EXPECT_THROW(MatchedPairsTest(a, b), Error);
  EXPECT_THROW(MatchedPairsTest(a, Score({{"u", {"a", "b"}}, {"v", {}}}, {{"u", {}}, {"v", {}}})),
               Error);
}

TEST(Holm, ByHand) {
  EXPECT_TRUE(HolmAdjusted({}).empty());
  EXPECT_EQ(HolmAdjusted({0.03}), std::vector<double>{0.03});
  const std::vector<double> p = HolmAdjusted({0.04, 0.01, 0.5, 0.015});
  EXPECT_DOUBLE_EQ(p[1], 0.04);   // 4 * 0.01
  EXPECT_DOUBLE_EQ(p[3], 0.045);  // 3 * 0.015
  EXPECT_DOUBLE_EQ(p[0], 0.08);   // 2 * 0.04
  EXPECT_DOUBLE_EQ(p[2], 0.5);
  EXPECT_EQ(HolmAdjusted({0.9, 0.8}), (std::vector<double>{1, 1}));
}

// Holm's procedure as it is described: test the smallest at level / m, the next at level / (m - 1),
// and stop at the first that is not rejected.
TEST(Holm, AgreesWithSteppingDown) {
  Rng rng(4);
  for (int trial = 0; trial < 500; ++trial) {
    std::vector<double> p(static_cast<size_t>(rng.UniformInt(1, 6)));
    for (double &x : p) x = rng.Uniform() * (rng.Uniform() < 0.5 ? 0.05 : 1);
    const std::vector<double> adjusted = HolmAdjusted(p);
    const double level = rng.Uniform();
    std::vector<bool> rejected(p.size(), false);
    for (size_t step = 0; step < p.size(); ++step) {
      size_t best = p.size();
      for (size_t i = 0; i < p.size(); ++i)
        if (!rejected[i] && (best == p.size() || p[i] < p[best])) best = i;
      if (p[best] * static_cast<double>(p.size() - step) >= level) break;
      rejected[best] = true;
    }
    for (size_t i = 0; i < p.size(); ++i) EXPECT_EQ(adjusted[i] < level, rejected[i]);
  }
}

TEST(WerComparison, BootstrapP) {
  BootstrapResult b;
  b.num_draws = 999;
  b.second_better = 1;
  EXPECT_DOUBLE_EQ(BootstrapP(b), 0.002);
  b.second_better = 0;
  EXPECT_DOUBLE_EQ(BootstrapP(b), 0.002);
  b.second_better = 0.5;
  EXPECT_DOUBLE_EQ(BootstrapP(b), 1);
  EXPECT_DOUBLE_EQ(BootstrapP(BootstrapResult()), 1);
}

}  // namespace
}  // namespace u2moe
