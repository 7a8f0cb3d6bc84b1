#include "decode/allowed-words.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/rng.h"
#include "decode/ctc-prefix-beam.h"
#include "decode/ctc-search.h"
#include "decode/naive-words.h"
#include "decode/word-posterior.h"
#include "support/error-test.h"
#include "support/test-util.h"
#include "tensor/tensor.h"

namespace u2moe {
namespace {

using Tokens = std::vector<int32_t>;

// Every sequence of the given length of numbers from `first` to below `end`.
std::vector<Tokens> Sequences(int32_t first, int32_t end, size_t length) {
  std::vector<Tokens> all = {{}};
  for (size_t i = 0; i < length; ++i) {
    std::vector<Tokens> longer;
    for (const Tokens &t : all) {
      for (int32_t k = first; k < end; ++k) {
        longer.push_back(t);
        longer.back().push_back(k);
      }
    }
    all = std::move(longer);
  }
  return all;
}

TEST(AllowedWords, AcceptsWordsAndNothingElse) {
  Rng rng(1);
  for (int trial = 0; trial < 60; ++trial) {
    const int32_t boundary = trial % 2 == 0 ? 1 : -1;
    const std::vector<Tokens> list = RandomWords(&rng, 2, 5);
    const std::set<Tokens> words(list.begin(), list.end());
    const AllowedWords allowed(list, boundary);
    for (size_t length = 0; length <= 5; ++length) {
      for (const Tokens &tokens : Sequences(1, 5, length)) {
        int32_t state = allowed.Begin();
        for (const int32_t t : tokens) state = state < 0 ? state : allowed.Step(state, t);
        const bool accepted = state >= 0 && allowed.MayEnd(state);
        ASSERT_EQ(accepted, AreWords(words, boundary, tokens, 0));
        ASSERT_EQ(allowed.WholeWords(tokens) == tokens.size(), accepted);
        for (int32_t t = 0; state >= 0 && t < 6; ++t) {
          const auto next = allowed.Tokens(state);
          EXPECT_EQ(std::find(next.begin(), next.end(), t) != next.end(),
                    allowed.Step(state, t) >= 0);
        }
      }
    }
  }
}

// Log-posteriors [frames, units], in which `said` (a label a frame) has the given logit.
Tensor LogPosteriors(Rng *rng, const Tokens &said, int64_t units, double logit) {
  Tensor logp(static_cast<int64_t>(said.size()), units);
  for (size_t t = 0; t < said.size(); ++t) {
    std::vector<double> row;
    double sum = 0;
    for (int64_t k = 0; k < units; ++k) {
      row.push_back(rng->Normal() + (k == said[t] ? logit : 0));
      sum += std::exp(row.back());
    }
    for (int64_t k = 0; k < units; ++k)
      logp.View()(static_cast<int64_t>(t), k) =
          static_cast<float>(row[static_cast<size_t>(k)] - std::log(sum));
  }
  return logp;
}

Tokens Collapsed(const Tokens &path) {
  Tokens tokens;
  int32_t previous = -1;
  for (const int32_t k : path) {
    if (k != previous && k != 0) tokens.push_back(k);
    previous = k;
  }
  return tokens;
}

// By token sequence: the sum of the probabilities of all paths through some frames.
std::map<Tokens, double> AllSums(ConstView logp, int64_t begin, int64_t end) {
  std::map<Tokens, double> sums;
  for (const Tokens &path :
       Sequences(0, static_cast<int32_t>(logp.Cols()), static_cast<size_t>(end - begin))) {
    double p = 0;
    for (int64_t t = begin; t < end; ++t)
      p += static_cast<double>(logp(t, path[static_cast<size_t>(t - begin)]));
    sums[Collapsed(path)] += std::exp(p);
  }
  return sums;
}

TEST(AllowedWords, BeamSearchFindsTheBestOfThem) {
  Rng rng(2);
  for (int trial = 0; trial < 60; ++trial) {
    const int32_t boundary = trial % 2 == 0 ? 1 : -1;
    const std::vector<Tokens> list = RandomWords(&rng, 2, 4);
    const std::set<Tokens> words(list.begin(), list.end());
    const AllowedWords allowed(list, boundary);
    const Tensor logp = LogPosteriors(&rng, {0, 2, 3, 1, 2, 0}, 4, 1);
    PrefixBeamExtras extras;
    extras.words = &allowed;
    extras.num_units = 4;
    CtcPrefixBeamSearch search(1000, 0, 0, extras);
    const auto nbest = CtcDecode(logp, 1000, &search);
    std::map<Tokens, double> sums = AllSums(logp, 0, logp.Rows());
    size_t num_words = 0;
    for (const auto &[tokens, p] : sums) num_words += AreWords(words, boundary, tokens, 0);
    ASSERT_EQ(nbest.size(), num_words);
    for (size_t n = 0; n < nbest.size(); ++n) {
      EXPECT_TRUE(AreWords(words, boundary, nbest[n].tokens, 0));
      EXPECT_NEAR(nbest[n].acoustic_score, std::log(sums[nbest[n].tokens]), 1e-5);
      EXPECT_EQ(nbest[n].times.size(), nbest[n].tokens.size());
      if (n > 0) {
        EXPECT_LE(nbest[n].Score(), nbest[n - 1].Score());
      }
    }
    // In chunks the same; with the smallest beam whole words still.
    CtcPrefixBeamSearch chunks(1000, 0, 0, extras), narrow(1, 0, 0, extras);
    chunks.Begin();
    for (int64_t t = 0; t < logp.Rows(); ++t) chunks.Step(logp.View().RowRange(t, 1));
    EXPECT_EQ(chunks.End(1)[0].tokens, nbest[0].tokens);
    const auto best = CtcDecode(logp, 1, &narrow);
    ASSERT_EQ(best.size(), 1u);
    EXPECT_TRUE(AreWords(words, boundary, best[0].tokens, 0));
    EXPECT_EQ(best[0].times.size(), best[0].tokens.size());
  }
}

TEST(AllowedWords, PosteriorsAreSumsOverAllPaths) {
  Rng rng(3);
  for (int trial = 0; trial < 20; ++trial) {
    const Tensor logp = LogPosteriors(&rng, {0, 2, 2, 0, 3, 0, 1}, 4, 2);
    // Words "2" and "3 1"; frames 1 to 3, 4, 6. Borders in the middle: 3 of 3 to 4, so 4.
    const auto p =
        CtcWordPosteriors(logp, {{2, 1, 3}, {3, 4, 5}, {1, 6, 7}}, {{"", 0, 1}, {"", 1, 3}}, 0);
    ASSERT_EQ(p.size(), 2u);
    EXPECT_NEAR(p[0], (AllSums(logp, 0, 4)[{2}]), 1e-6);
    EXPECT_NEAR(p[1], (AllSums(logp, 4, 7)[{3, 1}]), 1e-6);
    // A token of no word between them has its own frames.
    const auto q =
        CtcWordPosteriors(logp, {{2, 0, 1}, {1, 3, 4}, {3, 6, 7}}, {{"", 0, 1}, {"", 2, 3}}, 0);
    EXPECT_NEAR(q[0], (AllSums(logp, 0, 2)[{2}]), 1e-6);
    EXPECT_NEAR(q[1], (AllSums(logp, 5, 7)[{3}]), 1e-6);
  }
  const Tensor logp = LogPosteriors(&rng, {0, 2, 2}, 4, 2);
  EXPECT_TRUE(CtcWordPosteriors(logp, {}, {}, 0).empty());
  EXPECT_THROW(CtcWordPosteriors(logp, {{4, 0, 1}}, {{"", 0, 1}}, 0), DataError);
  EXPECT_THROW(CtcWordPosteriors(logp, {{2, 2, 4}}, {{"", 0, 1}}, 0), DataError);
  EXPECT_THROW(CtcWordPosteriors(logp, {{2, 1, 2}, {3, 1, 2}}, {{"", 0, 2}}, 0), DataError);
  EXPECT_THROW(CtcWordPosteriors(logp, {{2, 1, 2}}, {{"", 0, 2}}, 0), DataError);
}

// Who says a word that is not on the list is heard as one that is, but not for sure.
TEST(AllowedWords, AWordOutsideTheListIsNotSure) {
  Rng rng(4);
  const AllowedWords allowed({{2, 3}, {4, 5, 2}, {3, 4}}, 1);
  PrefixBeamExtras extras;
  extras.words = &allowed;
  extras.num_units = 6;
  const auto confidence = [&](const Tokens &said) {
    const Tensor logp = LogPosteriors(&rng, said, 6, 10);
    CtcPrefixBeamSearch search(10, 0, 0, extras);
    const CtcHypothesis best = CtcDecode(logp, 1, &search)[0];
    std::vector<AlignedToken> frames;
    for (size_t i = 0; i < best.tokens.size(); ++i)
      frames.push_back({best.tokens[i], best.times[i], best.times[i] + 1});
    if (frames.empty()) return -1.0;
    return CtcWordPosteriors(logp, frames, {{"", 0, static_cast<int32_t>(frames.size())}}, 0)[0];
  };
  int heard = 0;
  for (int trial = 0; trial < 50; ++trial) {
    EXPECT_GT(confidence({0, 2, 0, 3, 0}), 0.9);
    EXPECT_GT(confidence({4, 0, 5, 0, 2, 0}), 0.9);
    for (const Tokens &outside : {Tokens{0, 5, 0, 3, 0}, Tokens{4, 0, 5, 0, 3, 0}}) {
      const double p = confidence(outside);
      heard += p >= 0;
      EXPECT_LT(p, 0.1);
    }
  }
  EXPECT_GT(heard, 0);
}

TEST(AllowedWords, Files) {
  const std::string dir = TempDir(), path = dir + "/words";
  WriteFile(path,
            "\xef\xbb\xbf"
            "AB  B\u3000A\n\nAB\nQ\n");
  EXPECT_EQ(ReadAllowedWords(path), (std::vector<std::string>{"AB", "B", "A", "Q"}));
  const UnitTable table({"<blank>", "\u2581", "A", "B"});
  AllowedWordsOptions opts;
  opts.file = path;
  testing::internal::CaptureStderr();
  const AllowedWords allowed = MakeAllowedWords(opts, LetterUnits(table, "units.txt"));
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("words: allowed word 'Q' is left out: "), std::string::npos) << said;
  EXPECT_NE(said.find("U+0051"), std::string::npos) << said;
  EXPECT_EQ(allowed.WholeWords({2, 3, 1, 3, 1, 2}), 6u);
  EXPECT_EQ(allowed.WholeWords({3, 3}), 1u);
  WriteFile(path, "Q\n");
  EXPECT_THROW(MakeAllowedWords(opts, LetterUnits(table, "units.txt")), Error);
  WriteFile(path, " \n");
  EXPECT_THROW(ReadAllowedWords(path), Error);
  WriteFile(path, "A\n\xff\n");
  EXPECT_THROW(ReadAllowedWords(path), Error);

  // Every method but a graph's, which has its words, must know what the tokens stand for.
  CtcSearchOptions search;
  search.allowed_words.file = path;
  WriteFile(path, "AB\n");
  EXPECT_THROW(MakeSearchResource(search), UsageError);
  Rng rng(5);
  const Tensor logp = LogPosteriors(&rng, {3, 0, 2, 0, 3}, 4, 4);
  for (const char *method : {"greedy", "prefix-beam"}) {
    search.method = method;
    const auto resource = MakeSearchResource(search, LetterUnits(table, "units.txt"));
    EXPECT_EQ(CtcDecode(logp, 1, resource->NewSearch().get())[0].tokens, (Tokens{2, 3})) << method;
  }
}

}  // namespace
}  // namespace u2moe
