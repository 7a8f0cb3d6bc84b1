#include "decode/ctc-search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "base/rng.h"
#include "decode/naive-prefix-beam.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;

CtcSearchOptions Options(const std::string &method, int beam, int nbest) {
  CtcSearchOptions opts;
  opts.method = method;
  opts.prefix_beam.beam = beam;
  opts.nbest = nbest;
  return opts;
}

std::vector<CtcHypothesis> Decode(const CtcSearchOptions &opts, ConstView logp) {
  return CtcDecode(logp, opts.nbest, MakeSearchResource(opts)->NewSearch().get());
}

// Three frames, blank - and labels a, b:
//         -    a    b
//   t0   .5   .4   .1
//   t1   .4   .5   .1
//   t2   .6   .3   .1
// By hand, P(a) = a-- --a -a- aa- -aa aaa
//              = .4*.4*.6 + .5*.4*.3 + .5*.5*.6 + .4*.5*.6 + .5*.5*.3 + .4*.5*.3
//              = .096 + .060 + .150 + .120 + .075 + .060 = .561
//   P()   = .5*.4*.6 = .120;  P(aa) = a-a = .4*.4*.3 = .048
//   P(b)  = b-- --b -b- bb- -bb bbb = .024+.020+.030+.006+.005+.001 = .086
//   P(ab) = ab- a-b aab abb -ab = .024+.016+.020+.004+.025 = .089
//   P(ba) = ba- b-a bba baa -ba = .030+.012+.003+.015+.015 = .075
//   P(bb) = b-b = .004; P(aba) = .012; P(bab) = .005; sum 1.000
const std::vector<std::vector<double>> kHandTable = {{.5, .4, .1}, {.4, .5, .1}, {.6, .3, .1}};

TEST(CtcPrefixBeam, HandWorkedTable) {
  const Tensor logp = FromProbabilities(kHandTable);
  const auto nbest = Decode(Options("prefix-beam", 100, 100), logp);
  const std::vector<std::pair<Ids, double>> want = {
      {{1}, .561},    {{}, .120},        {{1, 2}, .089},    {{2}, .086},   {{2, 1}, .075},
      {{1, 1}, .048}, {{1, 2, 1}, .012}, {{2, 1, 2}, .005}, {{2, 2}, .004}};
  ASSERT_EQ(nbest.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(nbest[i].tokens, want[i].first) << i;
    EXPECT_NEAR(std::exp(nbest[i].Score()), want[i].second, 1e-6) << i;
    EXPECT_EQ(nbest[i].times.size(), nbest[i].tokens.size());
  }
  // The best single alignment of (a) is -a-, that of (a a) is a-a, the only one.
  EXPECT_EQ(nbest[0].times, Ids{1});
  EXPECT_EQ(nbest[5].times, (Ids{0, 2}));
}

TEST(CtcPrefixBeam, PrefixesMergeThatGreedyKeepsApart) {
  // The best path is all blank (.6 * .6 = .36), but a- -a aa sum to .16 + 2 * .24 = .64.
  const Tensor logp = FromProbabilities({{.6, .4}, {.6, .4}});
  EXPECT_EQ(Decode(Options("greedy", 1, 1), logp)[0].tokens, Ids{});
  const auto nbest = Decode(Options("prefix-beam", 2, 2), logp);
  EXPECT_EQ(nbest[0].tokens, Ids{1});
  EXPECT_NEAR(std::exp(nbest[0].Score()), .64, 1e-6);
}

TEST(CtcGreedy, HandWorkedTable) {
  const auto nbest = Decode(Options("greedy", 1, 1), FromProbabilities(kHandTable));
  ASSERT_EQ(nbest.size(), 1u);
  EXPECT_EQ(nbest[0].tokens, Ids{1});
  EXPECT_EQ(nbest[0].times, Ids{1});
  EXPECT_NEAR(std::exp(nbest[0].Score()), .5 * .5 * .6, 1e-6);
}

TEST(CtcGreedy, RepeatsBlanksAndTimes) {
  // a a - a b b: the time of a run is its most probable frame, the first of equal ones.
  const Tensor logp = FromProbabilities(
      {{.2, .6, .2}, {.1, .7, .2}, {.8, .1, .1}, {.1, .8, .1}, {.1, .3, .6}, {.1, .3, .6}});
  const auto best = Decode(Options("greedy", 1, 1), logp)[0];
  EXPECT_EQ(best.tokens, (Ids{1, 1, 2}));
  EXPECT_EQ(best.times, (Ids{1, 3, 4}));
}

TEST(CtcPrefixBeam, EqualsAllPathsWhenNothingIsPruned) {
  Rng rng(7);
  for (int frames = 1; frames <= 4; ++frames) {
    for (int vocab = 2; vocab <= 4; ++vocab) {
      for (int blank = 0; blank < vocab; ++blank) {
        const Tensor logp = RandomLogp(&rng, frames, vocab, 1.5f);
        CtcSearchOptions opts = Options("prefix-beam", 1000, 1000);
        opts.blank = blank;
        const auto nbest = Decode(opts, logp);
        const auto want = AllPaths(logp, blank);
        ASSERT_EQ(nbest.size(), want.size());
        for (size_t i = 0; i < nbest.size(); ++i) {
          const auto found = want.find(nbest[i].tokens);
          ASSERT_TRUE(found != want.end());
          EXPECT_NEAR(nbest[i].Score(), std::log(found->second), 1e-6);
          if (i > 0) {
            EXPECT_GE(nbest[i - 1].Score(), nbest[i].Score());
          }
          EXPECT_TRUE(std::is_sorted(nbest[i].times.begin(), nbest[i].times.end()));
        }
      }
    }
  }
}

TEST(CtcPrefixBeam, EqualsTheNaiveSearchBitForBit) {
  Rng rng(17);
  for (int n = 0; n < 300; ++n) {
    const int64_t vocab = n % 3 == 0 ? rng.UniformInt(65, 700) : rng.UniformInt(2, 12);
    const size_t beam = static_cast<size_t>(rng.UniformInt(1, n % 3 == 0 ? 12 : 20));
    Tensor logp = RandomLogp(&rng, rng.UniformInt(1, 30), vocab, n % 2 == 0 ? 1.f : 4.f);
    if (n % 4 < 2) {  // few different values: ties everywhere, also with other sums
      for (int64_t i = 0; i < logp.Size(); ++i) {
        logp.Data()[i] = std::min(0.f, std::round(logp.Data()[i] / 2)) * 2 - 1;
      }
    }
    if (n % 5 == 0) {
      for (int64_t i = 0; i < logp.Size(); ++i) {
        if (rng.Uniform() < 0.5 && i % vocab != 0) {
          logp.Data()[i] = -std::numeric_limits<float>::infinity();
        }
      }
    }
    CtcSearchOptions opts = Options("prefix-beam", static_cast<int>(beam), static_cast<int>(beam));
    opts.blank = static_cast<int32_t>(rng.UniformInt(0, vocab - 1));
    const auto want = NaivePrefixBeam(logp, beam, opts.blank);
    const auto got = Decode(opts, logp);
    ASSERT_EQ(got.size(), want.size()) << n;
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].tokens, want[i].tokens) << n << " " << i;
      ASSERT_EQ(got[i].times, want[i].Times()) << n << " " << i;
      ASSERT_EQ(got[i].Score(), want[i].Total()) << n << " " << i;
    }
  }
}

TEST(CtcPrefixBeam, BeamOneOnPeakyInputEqualsGreedy) {
  Rng rng(3);
  const Tensor logp = RandomLogp(&rng, 50, 20, 12.f);
  EXPECT_EQ(Decode(Options("prefix-beam", 1, 1), logp)[0].tokens,
            Decode(Options("greedy", 1, 1), logp)[0].tokens);
}

TEST(CtcSearch, TiesAreBrokenTheSameWayEverywhere) {
  // Everything is equally probable: lower ids are tried first, and what is reached first comes
  // first.
  Tensor logp(2, 4);
  for (int64_t i = 0; i < logp.Size(); ++i) logp.Data()[i] = std::log(.25f);
  EXPECT_EQ(Decode(Options("greedy", 1, 1), logp)[0].tokens, Ids{});
  CtcSearchOptions opts = Options("prefix-beam", 3, 3);
  const auto nbest = Decode(opts, logp);
  // After frame 0: (), (1), (2), each 1/4; token 3 is not among the best three. Frame 1, in the
  // order reached: () 1/16; (1) by blank, from () and by repetition 3/16; (2) 3/16; (1 1) 0; (2 1),
  // (1 2) 1/16.
  ASSERT_EQ(nbest.size(), 3u);
  EXPECT_EQ(nbest[0].tokens, Ids{1});
  EXPECT_EQ(nbest[1].tokens, Ids{2});
  EXPECT_EQ(nbest[2].tokens, Ids{});
  // The blank last: now labels 0 and 1 come before it.
  opts.blank = 3;
  EXPECT_EQ(Decode(opts, logp)[0].tokens, Ids{0});
  EXPECT_EQ(Decode(Options("greedy", 1, 1), logp)[0].Score(), 2 * std::log(.25f));
}

TEST(CtcSearch, StepByStepEqualsWhole) {
  Rng rng(11);
  const Tensor logp = RandomLogp(&rng, 67, 30, 2.f);
  for (const char *method : {"greedy", "prefix-beam"}) {
    const CtcSearchOptions opts = Options(method, 8, method == std::string("greedy") ? 1 : 8);
    const auto whole = Decode(opts, logp);
    for (int64_t chunk : {1, 4, 16, 66, 67}) {
      const auto resource = MakeSearchResource(opts);
      auto search = resource->NewSearch();
      search->Step(logp.View().RowRange(0, 5));  // forgotten by Begin
      search->Begin();
      for (int64_t begin = 0; begin < logp.Rows(); begin += chunk) {
        search->Step(logp.View().RowRange(begin, std::min(chunk, logp.Rows() - begin)));
        search->Step(logp.View().RowRange(0, 0));
        ASSERT_EQ(search->NBest(1).size(), 1u);
      }
      const auto got = search->End(opts.nbest);
      ASSERT_EQ(got.size(), whole.size());
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].tokens, whole[i].tokens);
        EXPECT_EQ(got[i].times, whole[i].times);
        EXPECT_EQ(got[i].Score(), whole[i].Score());
      }
    }
  }
}

TEST(CtcSearch, NoFramesGiveTheEmptyHypothesis) {
  for (const char *method : {"greedy", "prefix-beam"}) {
    const auto nbest = Decode(Options(method, 4, 1), ConstView());
    ASSERT_EQ(nbest.size(), 1u);
    EXPECT_TRUE(nbest[0].tokens.empty());
    EXPECT_TRUE(nbest[0].times.empty());
    EXPECT_EQ(nbest[0].Score(), 0);
  }
}

TEST(CtcSearch, OneColumnIsAllBlank) {
  const Tensor logp = Tensor::Zeros(3, 1);
  EXPECT_TRUE(Decode(Options("greedy", 1, 1), logp)[0].tokens.empty());
  const auto nbest = Decode(Options("prefix-beam", 4, 4), logp);
  ASSERT_EQ(nbest.size(), 1u);
  EXPECT_TRUE(nbest[0].tokens.empty());
}

TEST(CtcSearch, BlankPenaltyEqualsThePenalisedLogit) {
  Rng rng(5);
  const int64_t blank = 2;
  Tensor logits = RandomTensor(&rng, 40, 9, 2.f);
  logits(3, blank) = 60.f;  // a saturated blank: all other probabilities round to 0 in 1 - p
  auto log_softmax = [&](float penalty) {
    Tensor y = Tensor::Copy(logits);
    for (int64_t t = 0; t < y.Rows(); ++t) {
      y(t, blank) -= penalty;
      double sum = 0;
      for (int64_t j = 0; j < y.Cols(); ++j) sum += std::exp(static_cast<double>(y(t, j)));
      for (int64_t j = 0; j < y.Cols(); ++j) y(t, j) -= static_cast<float>(std::log(sum));
    }
    return y;
  };
  for (const char *method : {"greedy", "prefix-beam"}) {
    for (float penalty : {0.f, .5f, 3.f, 80.f}) {
      CtcSearchOptions opts = Options(method, 5, method == std::string("greedy") ? 1 : 5);
      opts.blank = blank;
      const auto want = Decode(opts, log_softmax(penalty));
      opts.blank_penalty = penalty;
      const auto got = Decode(opts, log_softmax(0));
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].tokens, want[i].tokens) << method << " " << penalty;
        EXPECT_NEAR(got[i].Score(), want[i].Score(), 2e-4) << method << " " << penalty;
      }
    }
  }
}

TEST(CtcSearch, BadInputIsADataErrorAndBeginRecovers) {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  Rng rng(1);
  const Tensor good = RandomLogp(&rng, 6, 50, 1.f);
  for (const char *method : {"greedy", "prefix-beam"}) {
    for (float penalty : {0.f, 1.f}) {
      CtcSearchOptions opts = Options(method, 3, 1);
      opts.blank_penalty = penalty;
      const auto resource = MakeSearchResource(opts);
      auto search = resource->NewSearch();
      for (float bad_value : {nan, inf, 5.f}) {
        for (int64_t column : {0, 1, 49}) {
          Tensor bad = Tensor::Copy(good);
          bad(4, column) = bad_value;
          search->Begin();
          try {
            search->Step(bad);
            ADD_FAILURE() << method << " took " << bad_value << " in column " << column;
          } catch (const DataError &e) {
            EXPECT_NE(std::string(e.what()).find("frame 4"), std::string::npos) << e.what();
          }
        }
      }
      Tensor impossible = Tensor::Copy(good);
      for (int64_t j = 0; j < impossible.Cols(); ++j) impossible(2, j) = -inf;
      search->Begin();
      EXPECT_THROW(search->Step(impossible), DataError);
      EXPECT_EQ(CtcDecode(good, 1, search.get())[0].tokens, Decode(opts, good)[0].tokens);
      EXPECT_THROW(search->Step(Tensor::Zeros(1, 49)), DataError);  // other vocabulary
      opts.blank = 50;
      EXPECT_THROW(Decode(opts, good), DataError);
    }
  }
}

TEST(CtcPrefixBeam, ImpossibleTokensAreNeverKept) {
  const double zero = 0;
  const Tensor logp = FromProbabilities({{.5, .5, zero}, {zero, 1, zero}});
  const auto nbest = Decode(Options("prefix-beam", 10, 10), logp);
  ASSERT_EQ(nbest.size(), 1u);  // (1 1) would need a blank between
  EXPECT_EQ(nbest[0].tokens, Ids{1});
  EXPECT_NEAR(nbest[0].Score(), 0, 1e-6);
}

TEST(SearchResource, OneForAllThreadsAndUtterances) {
  Rng rng(23);
  std::vector<Tensor> logp;
  for (int u = 0; u < 6; ++u) logp.push_back(RandomLogp(&rng, 20 + u, 30, 2.f));
  for (const char *method : {"greedy", "prefix-beam"}) {
    const CtcSearchOptions opts = Options(method, 8, method == std::string("greedy") ? 1 : 8);
    const auto resource = MakeSearchResource(opts);
    std::vector<std::vector<CtcHypothesis>> got(2 * logp.size());
    std::vector<std::thread> threads;
    for (size_t thread = 0; thread < 2; ++thread) {
      threads.emplace_back([&, thread] {
        const auto search = resource->NewSearch();  // used again and again
        for (size_t u = 0; u < logp.size(); ++u)
          got[2 * u + thread] = CtcDecode(logp[u], opts.nbest, search.get());
      });
    }
    for (std::thread &thread : threads) thread.join();
    for (size_t i = 0; i < got.size(); ++i) {
      const auto want = Decode(opts, logp[i / 2]);
      ASSERT_EQ(got[i].size(), want.size());
      for (size_t n = 0; n < want.size(); ++n) {
        EXPECT_EQ(got[i][n].tokens, want[n].tokens) << method;
        EXPECT_EQ(got[i][n].times, want[n].times) << method;
        EXPECT_EQ(got[i][n].Score(), want[n].Score()) << method;
      }
    }
  }
}

TEST(CtcSearchOptions, Check) {
  EXPECT_THROW(Options("viterbi", 4, 1).Check(), UsageError);
  EXPECT_THROW(Options("prefix-beam", 0, 1).Check(), UsageError);
  EXPECT_THROW(Options("prefix-beam", 4, 5).Check(), UsageError);
  EXPECT_THROW(Options("prefix-beam", 4, 0).Check(), UsageError);
  EXPECT_THROW(Options("greedy", 4, 2).Check(), UsageError);
  EXPECT_NO_THROW(Options("greedy", 0, 1).Check());  // another method's option
  CtcSearchOptions opts;
  opts.blank = -1;
  EXPECT_THROW(opts.Check(), UsageError);
  opts = CtcSearchOptions();
  opts.blank_penalty = -1;
  EXPECT_THROW(opts.Check(), UsageError);
  try {
    Options("viterbi", 4, 1).Check();
  } catch (const UsageError &e) {
    EXPECT_NE(std::string(e.what()).find("greedy, prefix-beam"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace u2moe
