#include "decode/wfst-search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "base/rng.h"
#include "decode/test-posteriors.h"
#include "decode/wfst-hot-words.h"
#include "graph/ctc-topology.h"
#include "graph/random-graph.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;
using Ids = std::vector<int32_t>;

CtcSearchOptions WideOpen() {
  CtcSearchOptions opts;
  opts.method = "wfst";
  opts.wfst.graph = "test";
  opts.wfst.beam = opts.wfst.lattice_beam = 1000;
  opts.wfst.max_active = 1 << 30;
  return opts;
}

WfstResource Resource(const CtcSearchOptions &opts, const StdVectorFst &graph) {
  return WfstResource(opts, {}, WfstGraph(graph, opts.wfst.graph));
}

struct FoundPath {
  Ids ilabels, olabels, tokens;
  double graph = 0, acoustic = 0;
  double Cost() const { return graph + acoustic; }
};

// All paths of `machine` that read as many labels as there are frames, by plain recursion.
struct Exhaustive {
  const StdVectorFst &machine;
  ConstView logp;
  bool at_end;
  std::vector<FoundPath> found;
  FoundPath path;

  void Walk(int state, int64_t frame) {
    if (frame == logp.Rows()) {
      const float final = at_end ? machine.Final(state).Value() : 0;
      if (!std::isinf(final)) {
        found.push_back(path);
        found.back().graph += final;
      }
    }
    for (fst::ArcIterator<StdVectorFst> it(machine, state); !it.Done(); it.Next()) {
      const StdArc &arc = it.Value();
      if (arc.ilabel != 0 && frame == logp.Rows()) continue;
      const FoundPath before = path;
      path.graph += arc.weight.Value();
      if (arc.ilabel != 0) {
        path.acoustic -= logp(frame, arc.ilabel - 1);
        path.ilabels.push_back(arc.ilabel);
        if (arc.ilabel != 1 && (arc.nextstate != state || arc.olabel != 0))
          path.tokens.push_back(arc.ilabel - 1);
      }
      if (arc.olabel != 0) path.olabels.push_back(arc.olabel);
      Walk(arc.nextstate, frame + (arc.ilabel != 0));
      path = before;
    }
  }
};
std::vector<FoundPath> AllPaths(const StdVectorFst &machine, ConstView logp, bool at_end = true) {
  Exhaustive e{machine, logp, at_end, {}, {}};
  e.Walk(machine.Start(), 0);
  if (at_end && e.found.empty()) return AllPaths(machine, logp, false);
  std::sort(e.found.begin(), e.found.end(),
            [](const FoundPath &a, const FoundPath &b) { return a.Cost() < b.Cost(); });
  return e.found;
}

const char *const kNames[] = {"correct", "compact", "minimal", "eesen"};

StdVectorFst RandomTlg(Rng *rng, int32_t num_tokens, int n) {
  for (;;) {
    StdVectorFst g = ComposeCtcTopology(FindCtcTopology(kNames[n % 4], ""), num_tokens, 0,
                                        RandomGraph(rng, num_tokens, 2), 0);
    if (g.NumStates() > 0) return g;
  }
}

TEST(WfstSearch, EqualsExhaustiveSearch) {
  Rng rng(3);
  int compared = 0;
  for (int n = 0; n < 200; ++n) {
    const int32_t tokens = static_cast<int32_t>(rng.UniformInt(2, 4));
    const StdVectorFst graph = RandomTlg(&rng, tokens, n);
    const Tensor logp = RandomLogp(&rng, rng.UniformInt(0, 4), tokens, 2.f);
    const auto want = AllPaths(graph, logp);
    if (want.empty()) continue;
    ++compared;
    CtcSearchOptions opts = WideOpen();
    opts.wfst.lattice = n % 2 == 0;
    const WfstResource resource = Resource(opts, graph);
    const CtcHypothesis got = CtcDecode(logp, 1, resource.NewSearch().get())[0];
    ASSERT_NEAR(-got.Score(), want[0].Cost(), 1e-4) << n;
    // Both halves and the words belong to one of the paths that are best.
    bool among = false;
    for (const FoundPath &p : want) {
      if (p.Cost() > want[0].Cost() + 1e-4) break;
      among |= p.olabels == got.words && std::abs(p.graph + got.language_score) < 1e-4 &&
               std::abs(p.acoustic + got.acoustic_score) < 1e-4;
    }
    ASSERT_TRUE(among) << n;
    ASSERT_EQ(got.tokens.size(), got.times.size());
    ASSERT_TRUE(std::is_sorted(got.times.begin(), got.times.end()));
  }
  EXPECT_GT(compared, 120);
}

// A graph that was left with some of its words is the graph without the arcs of the others.
TEST(WfstSearch, AllowedWordsEqualExhaustiveSearchOfThem) {
  Rng rng(13);
  int compared = 0;
  for (int n = 0; n < 300; ++n) {
    const int32_t tokens = static_cast<int32_t>(rng.UniformInt(2, 4));
    const StdVectorFst graph = RandomTlg(&rng, tokens, n);
    std::vector<bool> words(4);  // label 4 is beyond it
    for (size_t w = 1; w < words.size(); ++w) words[w] = rng.Uniform() < 0.6;
    StdVectorFst less = graph;
    for (int s = 0; s < graph.NumStates(); ++s) {
      less.DeleteArcs(s);
      for (fst::ArcIterator<StdVectorFst> it(graph, s); !it.Done(); it.Next()) {
        const int label = it.Value().olabel;
        if (label == 0 || (label < 4 && words[static_cast<size_t>(label)]))
          less.AddArc(s, it.Value());
      }
    }
    const Tensor logp = RandomLogp(&rng, rng.UniformInt(0, 4), tokens, 2.f);
    Exhaustive e{less, logp, true, {}, {}};
    e.Walk(less.Start(), 0);
    if (e.found.empty()) continue;
    ++compared;
    double best = std::numeric_limits<double>::infinity();
    for (const FoundPath &p : e.found) best = std::min(best, p.Cost());
    WfstGraph flat(graph, "test");
    flat.KeepWords(words, "test");
    WfstSearch search(&flat, WideOpen());
    search.Step(logp);
    ASSERT_NEAR(-search.End(1)[0].Score(), best, 1e-4) << n;
    ASSERT_TRUE(search.ReachedFinal());
  }
  EXPECT_GT(compared, 60);
  StdVectorFst one;
  one.AddState();
  one.AddState();
  one.SetStart(0);
  one.SetFinal(1, 0);
  one.AddArc(0, StdArc(2, 3, 0, 1));
  WfstGraph flat(one, "test");
  EXPECT_THROW(flat.KeepWords({true, true}, "test"), DataError);
}

// The paths of a lattice: those within its beam are exactly the graph's.
void LatticePaths(const Lattice &lattice, int state, FoundPath path,
                  std::vector<FoundPath> *found) {
  const LatticeWeight final = lattice.Final(state);
  if (final != LatticeWeight::Zero()) {
    found->push_back(path);
    found->back().graph += final.GraphCost();
    found->back().acoustic += final.AcousticCost();
  }
  for (fst::ArcIterator<Lattice> it(lattice, state); !it.Done(); it.Next()) {
    const LatticeArc &arc = it.Value();
    FoundPath next = path;
    next.graph += arc.weight.GraphCost();
    next.acoustic += arc.weight.AcousticCost();
    if (arc.ilabel != 0) next.ilabels.push_back(arc.ilabel);
    if (arc.olabel != 0) next.olabels.push_back(arc.olabel);
    LatticePaths(lattice, arc.nextstate, next, found);
  }
}

TEST(WfstSearch, LatticeHasThePathsWithinTheBeam) {
  Rng rng(4);
  int64_t compared = 0;
  for (int n = 0; n < 120; ++n) {
    const int32_t tokens = static_cast<int32_t>(rng.UniformInt(2, 3));
    const StdVectorFst graph = RandomTlg(&rng, tokens, n);
    const Tensor logp = RandomLogp(&rng, rng.UniformInt(1, 4), tokens, 1.5f);
    const auto want = AllPaths(graph, logp);
    if (want.empty()) continue;
    CtcSearchOptions opts = WideOpen();
    opts.wfst.lattice = true;
    opts.wfst.lattice_beam = n % 3 == 0 ? 1000.f : 2.f;
    const WfstGraph flat(graph, "test");
    WfstSearch search(&flat, opts);
    search.Step(logp);
    search.End(1);
    const Lattice lattice = search.RawLattice();
    std::vector<FoundPath> got;
    LatticePaths(lattice, lattice.Start(), {}, &got);
    const double limit = want[0].Cost() + opts.wfst.lattice_beam;
    const auto within = [limit](std::vector<FoundPath> paths, double slack) {
      std::map<std::pair<Ids, Ids>, std::vector<double>> by_labels;
      for (const FoundPath &p : paths) {
        if (p.Cost() < limit + slack) by_labels[{p.ilabels, p.olabels}].push_back(p.Cost());
      }
      for (auto &[labels, costs] : by_labels) std::sort(costs.begin(), costs.end());
      return by_labels;
    };
    const auto a = within(want, -1e-3), b = within(got, 1e-3), all = within(want, 1e9);
    for (const auto &[labels, costs] : a) {
      ASSERT_TRUE(b.count(labels)) << n;
      ASSERT_GE(b.at(labels).size(), costs.size()) << n;
      for (size_t i = 0; i < costs.size(); ++i) ASSERT_NEAR(costs[i], b.at(labels)[i], 1e-4);
      ++compared;
    }
    for (const auto &[labels, costs] : within(got, 1e9)) {
      ASSERT_TRUE(all.count(labels)) << "no path of the graph";
      ASSERT_EQ(labels.first.size(), static_cast<size_t>(logp.Rows()));
    }
  }
  EXPECT_GT(compared, 500);
}

bool Same(const CtcHypothesis &a, const CtcHypothesis &b) {
  return a.tokens == b.tokens && a.words == b.words && a.times == b.times &&
         a.acoustic_score == b.acoustic_score && a.language_score == b.language_score;
}

// Long enough that the past is pruned many times, with a beam that bites.
struct LongCase {
  StdVectorFst graph;
  Tensor logp;
  CtcSearchOptions opts;
};
LongCase MakeLong(Rng *rng, int n) {
  LongCase c;
  c.graph = ComposeCtcTopology(FindCtcTopology(kNames[n % 4], ""), 12, 0,
                               RandomGraph(rng, 12, 2, 40, true), 0);
  c.logp = RandomLogp(rng, 130, 12, 2.f);
  c.opts = WideOpen();
  c.opts.wfst.beam = 6 + static_cast<float>(n % 3);
  c.opts.wfst.lattice_beam = 4;
  c.opts.wfst.max_active = 60;
  c.opts.wfst.min_active = 10;
  return c;
}

TEST(WfstSearch, PiecesEqualTheWholeAndLooksChangeNothing) {
  Rng rng(6);
  for (int n = 0; n < 8; ++n) {
    LongCase c = MakeLong(&rng, n);
    for (const bool lattice : {false, true}) {
      c.opts.wfst.lattice = lattice;
      if (n % 2 == 1) c.opts.wfst.blank_skip_thresh = 0.3f;
      const WfstResource resource = Resource(c.opts, c.graph);
      const auto search = resource.NewSearch();
      const CtcHypothesis whole = CtcDecode(c.logp, 1, search.get())[0];
      EXPECT_GT(whole.words.size(), 3u);
      for (const int64_t chunk : {1, 7, 64}) {
        search->Begin();
        for (int64_t t = 0; t < c.logp.Rows(); t += chunk) {
          search->Step(c.logp.View().RowRange(t, std::min(chunk, c.logp.Rows() - t)));
          ASSERT_EQ(search->NBest(1).size(), 1u);
        }
        ASSERT_TRUE(Same(search->End(1)[0], whole)) << n << " " << chunk;
      }
      // With or without a lattice the best path is the same one.
      c.opts.wfst.lattice = !lattice;
      ASSERT_TRUE(
          Same(CtcDecode(c.logp, 1, Resource(c.opts, c.graph).NewSearch().get())[0], whole));
    }
  }
}

// Each word sequence of the graph once, at its best path, best first.
TEST(WfstSearch, NBestIsDistinctInWords) {
  Rng rng(14);
  int64_t compared = 0;
  for (int n = 0; n < 60; ++n) {
    const StdVectorFst graph = RandomTlg(&rng, 3, n);
    const Tensor logp = RandomLogp(&rng, 4, 3, 1.f);
    std::map<Ids, double> want;
    for (const FoundPath &p : AllPaths(graph, logp)) {
      const auto [found, is_new] = want.emplace(p.olabels, p.Cost());
      if (!is_new) found->second = std::min(found->second, p.Cost());
    }
    CtcSearchOptions opts = WideOpen();
    opts.nbest = 1000000;
    const WfstResource resource = Resource(opts, graph);
    const auto got = CtcDecode(logp, opts.nbest, resource.NewSearch().get());
    if (want.empty() || want.size() > 5000) continue;
    ASSERT_EQ(got.size(), want.size()) << n;
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(want.count(got[i].words), 1u);
      ASSERT_NEAR(-got[i].Score(), want[got[i].words], 1e-4);
      ASSERT_EQ(got[i].tokens.size(), got[i].times.size());
      if (i > 0) {
        ASSERT_LE(got[i].Score(), got[i - 1].Score() + 1e-4);
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 200);
}

// With hot words: the best of all paths, each paid for the phrases in its tokens.
TEST(WfstSearch, HotWordsEqualExhaustiveSearch) {
  Rng rng(15);
  int changed = 0;
  for (int n = 0; n < 150; ++n) {
    const StdVectorFst graph = RandomTlg(&rng, 4, n);
    const Tensor logp = RandomLogp(&rng, 4, 4, 1.5f);
    std::vector<ContextPhrase> phrases;
    for (int64_t p = rng.UniformInt(1, 3); p > 0; --p) {
      ContextPhrase phrase{{}, static_cast<double>(rng.UniformInt(-2, 6)) / 2};
      for (int64_t length = rng.UniformInt(1, 3); length > 0; --length)
        phrase.tokens.push_back(static_cast<int32_t>(rng.UniformInt(1, 3)));
      phrases.push_back(phrase);
    }
    const ContextGraph context(phrases, {});
    auto want = AllPaths(graph, logp);
    if (want.empty()) continue;
    const auto bias = [&](const Ids &tokens) {
      double sum = 0;
      int32_t state = context.Begin();
      for (const int32_t token : tokens) sum += context.Step(state, token, &state);
      return sum + context.Finish(state);
    };
    size_t best = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      if (want[i].Cost() - bias(want[i].tokens) < want[best].Cost() - bias(want[best].tokens))
        best = i;
    }
    changed += best != 0;
    const double best_cost = want[best].Cost() - bias(want[best].tokens);
    CtcSearchOptions opts = WideOpen();
    for (const int nbest : {1, 3}) {
      opts.nbest = nbest;
      const WfstGraph flat(graph, "test");
      WfstSearch search(&flat, opts, &context);
      const auto got = CtcDecode(logp, nbest, &search);
      ASSERT_NEAR(-got[0].Score(), best_cost, 1e-4) << n;
      ASSERT_NEAR(got[0].bias_score, bias(got[0].tokens), 1e-4) << n;
      for (size_t i = 1; i < got.size(); ++i) ASSERT_LE(got[i].Score(), got[0].Score() + 1e-4);
    }
  }
  EXPECT_GT(changed, 20);
}

// A phrase that is in some path of a few frames is readable, and one that no long path has is not.
TEST(ReadablePhrases, EqualsTheTokensOfPaths) {
  Rng rng(16);
  int yes = 0, no = 0;
  for (int n = 0; n < 12; ++n) {
    const StdVectorFst tlg = RandomTlg(&rng, 4, n);
    const WfstGraph graph(tlg, "test");
    std::vector<ContextPhrase> phrases;
    for (int32_t a = 1; a < 4; ++a) {
      phrases.push_back({{a}, 1});
      for (int32_t b = 1; b < 4; ++b) {
        phrases.push_back({{a, b}, 1});
        if (a != b) phrases.push_back({{a, b, a}, 1});
      }
    }
    const std::vector<bool> readable = ReadablePhrases(graph, phrases, 1);
    // From every state, not only the start: a phrase may come at any time.
    std::vector<bool> found(phrases.size(), false);
    const Tensor logp = RandomLogp(&rng, 4, 4, 1.f);
    for (int s = 0; s < tlg.NumStates(); ++s) {
      StdVectorFst from = tlg;
      from.SetStart(s);
      for (const FoundPath &path : AllPaths(from, logp, false)) {
        for (size_t p = 0; p < phrases.size(); ++p) {
          found[p] = found[p] ||
                     std::search(path.tokens.begin(), path.tokens.end(), phrases[p].tokens.begin(),
                                 phrases[p].tokens.end()) != path.tokens.end();
        }
      }
    }
    for (size_t p = 0; p < phrases.size(); ++p) {
      ASSERT_EQ(readable[p], found[p]) << n << " " << p;  // 4 frames are enough for these
      ++(readable[p] ? yes : no);
    }
  }
  EXPECT_GT(yes, 20);
  EXPECT_GT(no, 20);
}

TEST(WfstTrellis, PruningThePastChangesNothing) {
  Rng rng(7);
  for (int n = 0; n < 8; ++n) {
    const LongCase c = MakeLong(&rng, n);
    const WfstGraph graph(c.graph, "test");
    TrellisOptions opts;
    opts.beam = 7, opts.lattice_beam = 3, opts.max_active = 80, opts.min_active = 5;
    opts.lattice = true;
    std::vector<Lattice> lattices;
    std::vector<WfstTrellis::Path> paths;
    for (const int interval : {1, 25, 1000000}) {
      opts.prune_interval = interval;
      WfstTrellis trellis(&graph, opts);
      std::vector<float> costs(13);
      for (int64_t t = 0; t < c.logp.Rows(); ++t) {
        for (size_t k = 0; k < 12; ++k) costs[k + 1] = -c.logp(t, static_cast<int64_t>(k));
        ASSERT_TRUE(trellis.Advance(costs.data()));
      }
      const Ids pause(static_cast<size_t>(c.logp.Rows()) + 1, 0);
      lattices.push_back(trellis.RawLattice(true, pause, 1));
      paths.push_back(trellis.BestPath(true));
    }
    for (size_t i = 0; i < 2; ++i) {
      ASSERT_EQ(paths[i].arcs.size(), paths[2].arcs.size());
      for (size_t a = 0; a < paths[i].arcs.size(); ++a)
        ASSERT_EQ(paths[i].arcs[a].arc, paths[2].arcs[a].arc);
      // Rounding at the edge of the lattice beam may take or leave a state.
      EXPECT_NEAR(lattices[i].NumStates(), lattices[2].NumStates(),
                  2 + 0.01 * lattices[2].NumStates());
    }
    EXPECT_GT(lattices[2].NumStates(), c.logp.Rows());
  }
}

// Frames that are passed over are as if they were not there, but keep their place in the times.
TEST(WfstSearch, BlankSkipping) {
  Rng rng(8);
  int skipped = 0, returned = 0;
  for (int n = 0; n < 30; ++n) {
    LongCase c = MakeLong(&rng, n);
    for (int64_t t = 0; t < c.logp.Rows(); ++t) {
      if (rng.Uniform() < 0.5) continue;  // a frame of blank
      for (int64_t k = 0; k < 12; ++k) c.logp(t, k) = std::log(k == 0 ? 0.9f : 0.1f / 11);
    }
    std::vector<int64_t> kept;
    int64_t last_best = -1;
    for (int64_t t = 0; t < c.logp.Rows(); ++t) {
      if (std::exp(c.logp(t, 0)) > 0.8f) {
        ++skipped;
        continue;
      }
      int64_t best = 0;
      for (int64_t k = 1; k < 12; ++k) best = c.logp(t, k) > c.logp(t, best) ? k : best;
      if (best != 0 && best == last_best && !kept.empty() && kept.back() != t - 1) {
        kept.push_back(t - 1);
        ++returned;
      }
      kept.push_back(t);
      last_best = best;
    }
    Tensor rest(static_cast<int64_t>(kept.size()), 12);
    for (size_t i = 0; i < kept.size(); ++i) {
      for (int64_t k = 0; k < 12; ++k) rest(static_cast<int64_t>(i), k) = c.logp(kept[i], k);
    }
    CtcHypothesis want = CtcDecode(rest, 1, Resource(c.opts, c.graph).NewSearch().get())[0];
    for (int32_t &time : want.times) time = static_cast<int32_t>(kept[static_cast<size_t>(time)]);
    c.opts.wfst.blank_skip_thresh = 0.8f;
    c.opts.wfst.lattice = true;
    const WfstGraph graph(c.graph, "test");
    WfstSearch search(&graph, c.opts);
    search.Step(c.logp);
    ASSERT_TRUE(Same(search.End(1)[0], want)) << n;
    // The lattice has a label for every frame.
    Lattice best;
    const Lattice lattice = search.RawLattice();
    fst::ShortestPath(lattice, &best);
    int labels = 0;
    for (int s = 0; s < best.NumStates(); ++s) {
      for (fst::ArcIterator<Lattice> it(best, s); !it.Done(); it.Next())
        labels += it.Value().ilabel != 0;
    }
    ASSERT_EQ(labels, c.logp.Rows());
  }
  EXPECT_GT(skipped, 500);
  EXPECT_GT(returned, 10);
}

TEST(WfstSearch, ScalesAndLengthPenaltyAreWhatTheySay) {
  Rng rng(9);
  for (int n = 0; n < 60; ++n) {
    const int32_t tokens = 3;
    const StdVectorFst graph = RandomTlg(&rng, tokens, 4 * n + n % 2);
    const Tensor logp = RandomLogp(&rng, 4, tokens, 1.f);
    CtcSearchOptions opts = WideOpen();
    opts.wfst.acoustic_scale = 0.5f;
    opts.wfst.blank_scale = 0.25f;
    opts.wfst.length_penalty = -0.75f;
    Tensor scaled = Tensor::Copy(logp);
    for (int64_t t = 0; t < 4; ++t) {
      for (int64_t k = 0; k < tokens; ++k)
        scaled(t, k) = 0.5f * (logp(t, k) + (k == 0 ? std::log(0.25f) : 0));
    }
    StdVectorFst penalised = graph;
    for (int s = 0; s < graph.NumStates(); ++s) {
      for (fst::MutableArcIterator<StdVectorFst> it(&penalised, s); !it.Done(); it.Next()) {
        StdArc arc = it.Value();
        if (arc.ilabel > 1 && arc.nextstate != s) arc.weight = arc.weight.Value() - 0.75f;
        it.SetValue(arc);
      }
    }
    const auto want = AllPaths(penalised, scaled);
    if (want.empty()) continue;
    const auto got = CtcDecode(logp, 1, Resource(opts, graph).NewSearch().get())[0];
    ASSERT_NEAR(-got.Score(), want[0].Cost(), 1e-4) << n;
  }
}

TEST(WfstSearch, AwkwardCases) {
  StdVectorFst g;  // a word 5 of token 1, "blank 1 blank" in time
  for (int s = 0; s < 2; ++s) g.AddState();
  g.SetStart(0);
  g.SetFinal(1, 0.5f);
  g.AddArc(0, StdArc(1, 0, 0.f, 0));
  g.AddArc(0, StdArc(2, 5, 0.25f, 1));
  g.AddArc(1, StdArc(2, 0, 0.f, 1));
  CtcSearchOptions opts = WideOpen();
  const WfstResource resource = Resource(opts, g);
  const auto used = resource.NewSearch();
  Tensor logp(4, 2);
  const float p[4][2] = {{.9f, .1f}, {.4f, .6f}, {.2f, .8f}, {.3f, .7f}};
  for (int64_t t = 0; t < 4; ++t) {
    for (int64_t k = 0; k < 2; ++k) logp(t, k) = std::log(p[t][k]);
  }
  used->Step(logp);
  EXPECT_EQ(used->NBest(1)[0].language_score, -0.25);
  const CtcHypothesis h = used->End(1)[0];
  EXPECT_EQ(h.words, Ids{5});
  EXPECT_EQ(h.tokens, Ids{1});
  EXPECT_EQ(h.times, Ids{1});  // its first frame
  EXPECT_EQ(h.language_score, -0.75);
  EXPECT_NEAR(h.acoustic_score, std::log(.9 * .6 * .8 * .7), 1e-6);
  EXPECT_TRUE(used->NBest(0).empty());
  // No frames: nothing was said, and the start is not final.
  const CtcHypothesis none = CtcDecode(ConstView(), 1, used.get())[0];
  EXPECT_TRUE(none.words.empty() && none.tokens.empty());
  EXPECT_EQ(none.Score(), 0);
  // One column too few, impossible frames, a graph without a way on; Begin recovers.
  used->Begin();
  EXPECT_HAS(ErrorOf([&] { used->Step(Tensor::Zeros(1, 1)); }), "input label 2, which is token 1");
  Tensor blocked = Tensor::Copy(logp);
  blocked(3, 1) = -std::numeric_limits<float>::infinity();
  blocked(0, 0) = blocked(3, 1);
  used->Begin();
  EXPECT_HAS(ErrorOf([&] { used->Step(blocked); }), "frame 3: no path of the graph goes on");
  EXPECT_EQ(CtcDecode(logp, 1, used.get())[0].words, Ids{5});
  // Graphs that no search can use.
  EXPECT_HAS(ErrorOf([] { WfstGraph(StdVectorFst(), "x.fst"); }), "x.fst: the graph has no start");
  g.AddArc(0, StdArc(0, 0, 1.f, 1));
  g.AddArc(1, StdArc(0, 0, 1.f, 0));
  EXPECT_HAS(ErrorOf([&] { WfstGraph(g, "x.fst"); }), "a cycle of epsilons through state 0");
}

TEST(WfstResource, OneForAllThreadsFromAFile) {
  Rng rng(10);
  LongCase c = MakeLong(&rng, 1);
  for (const FstFileType type : {FstFileType::kVector, FstFileType::kConst}) {
    c.opts.wfst.graph = File("TLG.fst");
    WriteFst(c.graph, type, c.opts.wfst.graph);
    const auto resource = MakeSearchResource(c.opts);
    const CtcHypothesis want = CtcDecode(c.logp, 1, Resource(c.opts, c.graph).NewSearch().get())[0];
    std::vector<CtcHypothesis> got(3);
    std::vector<std::thread> threads;
    for (CtcHypothesis &h : got) {
      threads.emplace_back([&] { h = CtcDecode(c.logp, 1, resource->NewSearch().get())[0]; });
    }
    for (std::thread &t : threads) t.join();
    for (const CtcHypothesis &h : got) EXPECT_TRUE(Same(h, want));
  }
}

TEST(WfstOptions, Check) {
  CtcSearchOptions opts = WideOpen();
  EXPECT_NO_THROW(opts.Check());
  const auto bad = [&](auto change) {
    CtcSearchOptions o = opts;
    change(&o.wfst);
    return ErrorOf([&] { o.Check(); });
  };
  EXPECT_HAS(bad([](WfstOptions *o) { o->graph = ""; }), "needs --graph=FILE");
  EXPECT_HAS(bad([](WfstOptions *o) { o->beam = 0; }), "--graph-beam=0: must be a number above 0");
  EXPECT_HAS(bad([](WfstOptions *o) { o->blank_scale = -1; }), "--blank-scale=-1");
  EXPECT_HAS(bad([](WfstOptions *o) { o->max_active = 1; }), "--max-active=1: must be at least 2");
  EXPECT_HAS(bad([](WfstOptions *o) { o->max_active = 100; }), "--min-active=200: must be from 0");
  EXPECT_HAS(bad([](WfstOptions *o) { o->length_penalty = std::nanf(""); }), "--length-penalty");
}

}  // namespace
}  // namespace u2moe
