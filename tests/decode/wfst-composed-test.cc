// T composed with LG while searching, against the same search over TLG written down.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <thread>

#include "base/rng.h"
#include "decode/test-posteriors.h"
#include "decode/wfst-search.h"
#include "graph/ctc-topology.h"
#include "graph/random-graph.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;
using Ids = std::vector<int32_t>;

const char *const kNames[] = {"correct", "compact", "minimal", "eesen"};

CtcSearchOptions WideOpen() {
  CtcSearchOptions opts;
  opts.method = "wfst";
  opts.wfst.graph = "test";
  opts.wfst.beam = opts.wfst.lattice_beam = 1000;
  opts.wfst.max_active = 1 << 30;
  return opts;
}

// LG whose disambiguation symbols are epsilons, and T o LG; labels up to num_tokens.
struct Both {
  const CtcTopology *topology;
  StdVectorFst lg, tlg;
};
Both Compose(const CtcTopology &topology, int32_t num_tokens, StdVectorFst lg) {
  for (int s = 0; s < lg.NumStates(); ++s) {
    for (fst::MutableArcIterator<StdVectorFst> it(&lg, s); !it.Done(); it.Next()) {
      StdArc arc = it.Value();
      if (arc.ilabel > num_tokens) arc.ilabel = 0;
      it.SetValue(arc);
    }
  }
  StdVectorFst tlg = ComposeCtcTopology(topology, num_tokens, 0, lg, 0);
  return {&topology, std::move(lg), std::move(tlg)};
}

std::map<Ids, double> Scores(const std::vector<CtcHypothesis> &nbest) {
  std::map<Ids, double> scores;
  for (const CtcHypothesis &h : nbest) EXPECT_TRUE(scores.emplace(h.words, h.Score()).second);
  return scores;
}

// All word sequences of small graphs with their scores, and the best path; the composition is kept
// from one utterance to the next, or forgotten.
TEST(ComposedWfstGraph, EqualsTheGraphWrittenDown) {
  Rng rng(1);
  int compared = 0, sequences = 0;
  for (int n = 0; n < 120; ++n) {
    const int32_t tokens = static_cast<int32_t>(rng.UniformInt(2, 4));
    const Both both =
        Compose(FindCtcTopology(kNames[n % 4], ""), tokens, RandomGraph(&rng, tokens, 2));
    if (both.tlg.NumStates() == 0) continue;
    CtcSearchOptions opts = WideOpen();
    opts.nbest = n % 3 == 0 ? 1 : 1000000;
    opts.wfst.length_penalty = n % 5 == 0 ? -0.75f : 0;
    std::vector<ContextPhrase> phrases;
    if (n % 2 == 1) phrases.push_back({{1}, 1.5});
    if (n % 4 == 1 && tokens > 2) phrases.push_back({{2, 1}, 2});
    const ContextGraph context(phrases, {});
    const ContextGraph *hot = n % 2 == 1 ? &context : nullptr;
    WfstGraph whole(both.tlg, "test");
    whole.AddToTokens(opts.wfst.length_penalty, 1);
    const WfstGraph lg(both.lg, "test");
    const auto composed =
        std::make_shared<ComposedWfstGraph>(&lg, *both.topology, 0, opts.wfst.length_penalty);
    for (int utterance = 0; utterance < 3; ++utterance) {
      const Tensor logp = RandomLogp(&rng, rng.UniformInt(0, 4), tokens, 2.f);
      WfstSearch a(&whole, opts, hot), b(composed, opts, hot);
      const auto want = CtcDecode(logp, opts.nbest, &a), got = CtcDecode(logp, opts.nbest, &b);
      ASSERT_EQ(b.ReachedFinal(), a.ReachedFinal()) << n;
      if (utterance == 1) composed->Forget();
      // Else states without a way to the end may be among the ends.
      if (!a.ReachedFinal()) continue;
      ++compared;
      ASSERT_NEAR(got[0].Score(), want[0].Score(), 1e-4) << n << " " << both.topology->name;
      ASSERT_NEAR(got[0].bias_score, want[0].bias_score, 1e-4);
      const auto wanted = Scores(want), found = Scores(got);
      if (opts.nbest == 1) continue;
      ASSERT_EQ(found.size(), wanted.size()) << n << " " << both.topology->name;
      for (const auto &[words, score] : wanted) {
        ASSERT_EQ(found.count(words), 1u) << n;
        ASSERT_NEAR(found.at(words), score, 1e-4) << n;
        ++sequences;
      }
    }
  }
  EXPECT_GT(compared, 150);
  EXPECT_GT(sequences, 500);
}

bool Same(const CtcHypothesis &a, const CtcHypothesis &b) {
  return a.tokens == b.tokens && a.words == b.words && a.times == b.times &&
         a.acoustic_score == b.acoustic_score && a.language_score == b.language_score;
}

struct LongCase {
  Both both;
  Tensor logp;
  CtcSearchOptions opts;
};
LongCase MakeLong(Rng *rng, int n) {
  LongCase c{Compose(FindCtcTopology(kNames[n % 4], ""), 12, RandomGraph(rng, 12, 2, 40, true)),
             RandomLogp(rng, 130, 12, 2.f), WideOpen()};
  c.opts.wfst.beam = 6 + static_cast<float>(n % 3);
  c.opts.wfst.lattice_beam = 4;
  c.opts.wfst.min_active = 0;
  return c;
}

// With a beam that bites, to the bit: it is measured from the best token, which no state without a
// way to the end is; whole and in pieces, with a lattice and without.
TEST(ComposedWfstGraph, BeamsPruneTheSamePaths) {
  Rng rng(2);
  for (int n = 0; n < 12; ++n) {
    LongCase c = MakeLong(&rng, n);
    for (const bool lattice : {false, true}) {
      c.opts.wfst.lattice = lattice;
      const WfstGraph whole(c.both.tlg, "test"), lg(c.both.lg, "test");
      WfstSearch a(&whole, c.opts);
      const CtcHypothesis want = CtcDecode(c.logp, 1, &a)[0];
      EXPECT_GT(want.words.size(), 3u);
      const auto composed = std::make_shared<ComposedWfstGraph>(&lg, *c.both.topology, 0, 0.f);
      EXPECT_LT(composed->NumArcs(), whole.NumArcs());
      WfstSearch b(composed, c.opts);
      for (const int64_t chunk : {int64_t{1}, int64_t{64}, c.logp.Rows()}) {
        b.Begin();
        for (int64_t t = 0; t < c.logp.Rows(); t += chunk)
          b.Step(c.logp.View().RowRange(t, std::min(chunk, c.logp.Rows() - t)));
        ASSERT_TRUE(Same(b.End(1)[0], want)) << n << " " << c.both.topology->name;
      }
      if (!lattice) continue;
      ASSERT_EQ(b.WordLattice().NumStates(), a.WordLattice().NumStates()) << n;
    }
  }
}

// From a file, by several threads that hand their compositions on.
TEST(ComposedWfstGraph, OneResourceForAllThreads) {
  Rng rng(3);
  LongCase c = MakeLong(&rng, 0);
  c.opts.wfst.graph = File("LG.fst");
  c.opts.wfst.topology = "correct";
  WriteFst(c.both.lg, FstFileType::kConst, c.opts.wfst.graph);
  const auto resource = MakeSearchResource(c.opts);
  const WfstGraph whole(c.both.tlg, "test");
  std::vector<Tensor> logps;
  std::vector<CtcHypothesis> want;
  for (int i = 0; i < 6; ++i) {
    logps.push_back(RandomLogp(&rng, 60, 12, 2.f));
    WfstSearch search(&whole, c.opts);
    want.push_back(CtcDecode(logps.back(), 1, &search)[0]);
  }
  std::vector<CtcHypothesis> got(6);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < 6; i += 3)
        got[i] = CtcDecode(logps[i], 1, resource->NewSearch().get())[0];
    });
  }
  for (std::thread &t : threads) t.join();
  for (size_t i = 0; i < 6; ++i) EXPECT_TRUE(Same(got[i], want[i])) << i;
}

// A word for each of many units: "correct" has an arc from each token to each other one.
TEST(ComposedWfstGraph, MakesWhatTheSearchSees) {
  constexpr int32_t kUnits = 600;
  Rng rng(4);
  StdVectorFst lg;
  lg.AddState();
  lg.SetStart(0);
  lg.SetFinal(0, 0);
  for (int32_t k = 1; k < kUnits; ++k)
    lg.AddArc(0, StdArc(k + 1, k, static_cast<float>(rng.UniformInt(0, 16)) / 8, 0));
  const Both both = Compose(FindCtcTopology("correct", ""), kUnits, lg);
  Tensor logp(30, kUnits);
  for (int64_t t = 0; t < 30; ++t) {
    const int64_t best = rng.UniformInt(0, kUnits - 1);
    for (int64_t k = 0; k < kUnits; ++k)
      logp(t, k) = std::log(k == best ? 0.9999f : 0.0001f / (kUnits - 1));
  }
  CtcSearchOptions opts = WideOpen();
  opts.wfst.beam = 8;
  opts.wfst.min_active = 0;
  const WfstGraph whole(both.tlg, "test"), small(both.lg, "test");
  const auto composed = std::make_shared<ComposedWfstGraph>(&small, *both.topology, 0, 0.f);
  WfstSearch a(&whole, opts), b(composed, opts);
  ASSERT_TRUE(Same(CtcDecode(logp, 1, &b)[0], CtcDecode(logp, 1, &a)[0]));
  EXPECT_LT(5 * composed->NumArcs(), whole.NumArcs());
  const size_t before = composed->Bytes();
  composed->Forget();
  EXPECT_LT(composed->Bytes(), before / 100);
}

TEST(ComposedWfstGraph, AGraphThatHasATopologyIsRefused) {
  Rng rng(5);
  const Both both = Compose(FindCtcTopology("compact", ""), 3, RandomGraph(&rng, 3, 2, 6, true));
  CtcSearchOptions opts = WideOpen();
  opts.wfst.topology = "compact";
  EXPECT_HAS(ErrorOf([&] { WfstResource(opts, {}, WfstGraph(both.tlg, "test")); }),
             "has the blank, so it has a topology already");
  WfstResource(opts, {}, WfstGraph(both.lg, "test"));
  opts.wfst.topology = "hmm";
  EXPECT_HAS(ErrorOf([&] { opts.Check(); }), "--topology=hmm: unknown");
}

}  // namespace
}  // namespace u2moe
