#include "decode/ctc-align.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "decode/naive-ctc.h"
#include "ops/ctc-loss.h"
#include "support/ctc-paths.h"
#include "support/error-test.h"
#include "util/ctc-topology.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;

// The states of the chain that a path of frame labels goes through, for the tokens it stands for.
std::vector<int> StatesOf(const Ids &path, int32_t blank) {
  std::vector<int> states;
  int state = 0;
  for (size_t t = 0; t < path.size(); ++t) {
    const int32_t before = t == 0 ? blank : path[t - 1];
    if (path[t] == blank) {
      state += state % 2;
    } else if (path[t] != before) {
      state += before == blank ? 1 : 2;
    }
    states.push_back(state);
  }
  return states;
}

struct BestPath {
  Ids path;
  double score = -std::numeric_limits<double>::infinity();
  double sum = 0;  // of the probabilities of all paths
};

// Of all V^T paths the best that stands for the tokens by the definition of the topology, by the
// rule for ties.
BestPath ByDefinition(ConstView logp, const Ids &tokens, int32_t blank) {
  BestPath best;
  const CtcTopology &topology = FindCtcTopology("correct", "");
  ForEachSequence(
      static_cast<int32_t>(logp.Cols()), static_cast<int>(logp.Rows()), [&](const Ids &path) {
        if (!CtcPathStandsFor(topology, blank, path, tokens)) return;
        double score = 0;
        for (size_t t = 0; t < path.size(); ++t) score += logp(static_cast<int64_t>(t), path[t]);
        best.sum += std::exp(score);
        if (score < best.score || std::isinf(score)) return;
        const std::vector<int> a = StatesOf(path, blank), b = StatesOf(best.path, blank);
        if (score > best.score ||
            std::lexicographical_compare(b.rbegin(), b.rend(), a.rbegin(), a.rend())) {
          best.path = path;
          best.score = score;
        }
      });
  return best;
}

// Log-probabilities that are multiples of 1/4, so that sums are exact and ties are many; rows need
// not sum to 1.
Tensor CoarseLogProbs(Rng *rng, int64_t frames, int64_t vocab) {
  Tensor logp(frames, vocab);
  for (int64_t t = 0; t < frames; ++t) {
    for (int64_t v = 0; v < vocab; ++v)
      logp(t, v) = -0.25f * static_cast<float>(rng->UniformInt(1, 4));
  }
  return logp;
}

void ExpectConsistent(const CtcAlignment &a, ConstView logp, const Ids &tokens, int32_t blank) {
  const Ids path = a.Path(blank);
  ASSERT_EQ(static_cast<int64_t>(path.size()), logp.Rows());
  ASSERT_EQ(Collapsed(path, blank), tokens);
  ASSERT_EQ(a.tokens.size(), tokens.size());
  double score = 0;
  for (int64_t t = 0; t < logp.Rows(); ++t) {
    ASSERT_EQ(a.frame_log_probs[static_cast<size_t>(t)], logp(t, path[static_cast<size_t>(t)]));
    score += logp(t, path[static_cast<size_t>(t)]);
  }
  ASSERT_EQ(a.score, score);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const AlignedToken &token = a.tokens[i];
    ASSERT_EQ(token.token, tokens[i]);
    ASSERT_LT(token.begin, token.end);
    double sum = 0;
    int32_t peak = token.begin;
    for (int32_t t = token.begin; t < token.end; ++t) {
      ASSERT_EQ(path[static_cast<size_t>(t)], tokens[i]);
      sum += logp(t, tokens[i]);
      if (logp(t, tokens[i]) > logp(peak, tokens[i])) peak = t;
    }
    ASSERT_EQ(token.peak, peak);
    ASSERT_EQ(token.peak_log_prob, logp(peak, tokens[i]));
    ASSERT_NEAR(token.log_prob, sum / (token.end - token.begin), 1e-12);
  }
}

// Every token sequence that fits, over all small shapes, with ties and with minus infinities.
TEST(CtcAlign, IsTheBestOfAllPaths) {
  Rng rng(3);
  int64_t cases = 0, impossible = 0, ties = 0;
  for (int32_t vocab = 1; vocab <= 3; ++vocab) {
    for (int frames = 1; frames <= 7 - vocab / 3; ++frames) {
      for (int kind = 0; kind < 3; ++kind) {
        const int32_t blank = static_cast<int32_t>(rng.UniformInt(0, vocab - 1));
        const Tensor logp = kind == 0   ? CoarseLogProbs(&rng, frames, vocab)
                            : kind == 1 ? RandomLogProbs(&rng, frames, vocab)
                                        : RandomLogProbs(&rng, frames, vocab, true);
        for (int length = 0; length <= std::min(frames, 4); ++length) {
          ForEachSequence(vocab, length, [&](const Ids &tokens) {
            if (std::count(tokens.begin(), tokens.end(), blank) > 0) return;
            if (CtcMinFrames(tokens) > frames) return;
            const BestPath want = ByDefinition(logp, tokens, blank);
            if (std::isinf(want.score)) {
              ++impossible;
              EXPECT_HAS(ErrorOf([&] { AlignCtc(logp, tokens, blank); }),
                         "has a probability above 0");
              return;
            }
            ++cases;
            const CtcAlignment got = AlignCtc(logp, tokens, blank);
            ASSERT_EQ(got.Path(blank), want.path);
            ASSERT_EQ(got.score, want.score);
            ExpectConsistent(got, logp, tokens, blank);
            // The loss sums over the same paths.
            if (kind > 0) {
              const Context ctx;
              const double loss = CtcLoss(ctx, logp, tokens, blank, 1, View());
              ASSERT_NEAR(loss, -std::log(want.sum), 1e-5);
              ASSERT_LE(got.score, -loss + 1e-6);
            } else {
              ties += want.path != Ids(static_cast<size_t>(frames), blank);
            }
          });
        }
      }
    }
  }
  EXPECT_GT(cases, 200);
  EXPECT_GT(impossible, 3);
  EXPECT_GT(ties, 50);
}

// Where everything is equal, tokens come as early as they can.
TEST(CtcAlign, AlignmentOfAPath) {
  const std::vector<int32_t> path = {0, 2, 2, 0, 2, 1, 1, 1};
  const CtcAlignment got = AlignmentOfPath(path, 0);
  ASSERT_EQ(got.tokens.size(), 3u);
  const std::vector<std::vector<int32_t>> want = {{2, 1, 3}, {2, 4, 5}, {1, 5, 8}};
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ((std::vector<int32_t>{got.tokens[i].token, got.tokens[i].begin, got.tokens[i].end}),
              want[i]);
  }
  EXPECT_EQ(got.Path(0), path);
  EXPECT_EQ(AlignmentOfPath({}, 0).NumFrames(), 0);
  EXPECT_TRUE(AlignmentOfPath(std::vector<int32_t>{3, 3}, 3).tokens.empty());
  EXPECT_EQ(AlignmentOfPath(std::vector<int32_t>{3, 3}, 3).NumFrames(), 2);
}

TEST(CtcAlign, TiesAreSettledEarly) {
  Tensor logp(6, 3);
  for (int64_t t = 0; t < 6; ++t) {
    for (int64_t v = 0; v < 3; ++v) logp(t, v) = -1;
  }
  EXPECT_EQ(AlignCtc(logp, {1, 1, 2}, 0).Path(0), (Ids{1, 0, 1, 2, 0, 0}));
  EXPECT_EQ(AlignCtc(logp, {}, 0).Path(0), Ids(6, 0));
  EXPECT_EQ(AlignCtc(logp, {2}, 1).Path(1), (Ids{2, 1, 1, 1, 1, 1}));
}

// The textbook recursion with all scores and steps kept, for lengths that cut blocks anywhere.
Ids NaivePath(ConstView logp, const Ids &tokens, int32_t blank) {
  Ids symbols = {blank};
  for (const int32_t token : tokens) symbols.insert(symbols.end(), {token, blank});
  const size_t n = symbols.size();
  constexpr double kNo = -std::numeric_limits<double>::infinity();
  std::vector<std::vector<double>> score;
  std::vector<std::vector<size_t>> from;
  for (int64_t t = 0; t < logp.Rows(); ++t) {
    score.emplace_back(n, kNo);
    from.emplace_back(n, 0);
    for (size_t s = 0; s < n; ++s) {
      double best = t > 0 ? score[score.size() - 2][s] : s < 2 ? 0 : kNo;
      from.back()[s] = s;
      for (size_t back = 1; t > 0 && back <= 2 && back <= s; ++back) {
        if (back == 2 && (symbols[s] == blank || symbols[s] == symbols[s - 2])) continue;
        const double other = score[score.size() - 2][s - back];
        if (other > best) {
          best = other;
          from.back()[s] = s - back;
        }
      }
      score.back()[s] = best + logp(t, symbols[s]);
    }
  }
  size_t s = n - 1;
  if (n > 1 && score.back()[n - 2] > score.back()[n - 1]) s = n - 2;
  Ids path(score.size());
  for (size_t t = score.size(); t-- > 0; s = from[t][s]) path[t] = symbols[s];
  return path;
}

TEST(CtcAlign, BlocksDoNotShow) {
  Rng rng(4);
  for (int64_t frames = 1; frames < 70; ++frames) {
    const int64_t vocab = 2 + frames % 9;
    const Tensor logp =
        frames % 3 == 0 ? CoarseLogProbs(&rng, frames, vocab) : RandomLogProbs(&rng, frames, vocab);
    Ids tokens;
    for (int64_t n = rng.UniformInt(0, frames / 2); n > 0; --n)
      tokens.push_back(static_cast<int32_t>(rng.UniformInt(1, vocab - 1)));
    const CtcAlignment got = AlignCtc(logp, tokens, 0);
    ASSERT_EQ(got.Path(0), NaivePath(logp, tokens, 0)) << frames;
    ExpectConsistent(got, logp, tokens, 0);
  }
}

TEST(CtcAlign, Refusals) {
  Rng rng(5);
  const Tensor logp = RandomLogProbs(&rng, 3, 4);
  const auto error = [&](ConstView x, const Ids &tokens, int32_t blank) {
    return ErrorOf([&] { AlignCtc(x, tokens, blank); });
  };
  EXPECT_HAS(error(logp, {1, 2, 3, 1}, 0), "needs 4 frames, for 4 tokens and 0 blanks");
  EXPECT_HAS(error(logp, {1, 1, 2}, 0),
             "needs 4 frames, for 3 tokens and 1 blanks between equal ones, and there are 3");
  EXPECT_EQ(AlignCtc(logp, {1, 1}, 0).Path(0), (Ids{1, 0, 1}));  // just fits
  EXPECT_HAS(error(logp, {4}, 0), "token 1 of the transcript, 4, is outside the 4 columns");
  EXPECT_HAS(error(logp, {1, -1}, 0), "token 2 of the transcript, -1, is outside");
  EXPECT_HAS(error(logp, {1, 0}, 0), "token 2 of the transcript is the blank");
  EXPECT_HAS(error(logp, {1}, 4), "blank id 4 is outside");
  // No frames: nothing can be said, and nothing is.
  EXPECT_HAS(error(Tensor(0, 4), {1}, 0), "needs 1 frames");
  EXPECT_TRUE(AlignCtc(Tensor(0, 0), {}, 0).tokens.empty());
  Tensor bad(3, 4);
  for (int64_t t = 0; t < 3; ++t) std::copy_n(logp.View().Row(t), 4, bad.View().Row(t));
  bad(2, 3) = 1;
  EXPECT_HAS(error(bad, {1}, 0), "frame 2, token 3 is 1, above 0");
  bad(2, 3) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_HAS(error(bad, {}, 0), "frame 2, token 3 is NaN");
}

}  // namespace
}  // namespace u2moe
