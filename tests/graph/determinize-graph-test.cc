#include "graph/determinize-graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/rng.h"
#include "graph/random-graph.h"
#include "graph/walk.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;
using Ids = std::vector<int32_t>;

// Epsilons on the input become labels, as they are for the determinisation.
constexpr int32_t kEpsilonLabel = 100;
StdVectorFst WithoutEpsilons(const StdVectorFst &in) {
  StdVectorFst out = in;
  for (int s = 0; s < out.NumStates(); ++s) {
    for (fst::MutableArcIterator<StdVectorFst> it(&out, s); !it.Done(); it.Next()) {
      StdArc arc = it.Value();
      if (arc.ilabel == 0) arc.ilabel = kEpsilonLabel;
      it.SetValue(arc);
    }
  }
  return out;
}

bool IsDeterministic(const StdVectorFst &machine) {
  for (int s = 0; s < machine.NumStates(); ++s) {
    std::set<int> labels;
    for (fst::ArcIterator<StdVectorFst> it(machine, s); !it.Done(); it.Next())
      if (!labels.insert(it.Value().ilabel).second) return false;
  }
  return true;
}

// Every input up to a length over the labels 2, 3 and an epsilon's.
std::vector<Ids> Inputs(size_t longest) {
  std::vector<Ids> inputs = {{}};
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].size() == longest) break;
    for (const int32_t label : {2, 3, kEpsilonLabel}) {
      inputs.push_back(inputs[i]);
      inputs.back().push_back(label);
    }
  }
  return inputs;
}

// Graphs whose output is a function of the input: what each state writes depends on the label.
StdVectorFst RandomFunction(Rng *rng) {
  StdVectorFst g = RandomGraph(rng, 3, 1);
  const bool words = rng->Uniform() < 0.7;
  for (int s = 0; s < g.NumStates(); ++s) {
    for (fst::MutableArcIterator<StdVectorFst> it(&g, s); !it.Done(); it.Next()) {
      StdArc arc = it.Value();
      arc.ilabel = arc.ilabel > 3 ? 0 : arc.ilabel;
      arc.olabel = words && arc.ilabel == 2 ? 7 : 0;
      it.SetValue(arc);
    }
  }
  fst::Connect(&g);
  return g;
}

TEST(DeterminizeGraph, SameOutputsAndCosts) {
  Rng rng(1);
  const std::vector<Ids> inputs = Inputs(6);
  int determinised = 0;
  int64_t compared = 0;
  for (int n = 0; n < 300; ++n) {
    const StdVectorFst g = RandomFunction(&rng);
    StdVectorFst det;
    try {
      det = DeterminizeGraph(g, {2000, nullptr});
    } catch (const DataError &) {
      continue;  // costs that differ more and more
    }
    ++determinised;
    const StdVectorFst by_openfst{fst::DeterminizeFst<StdArc>(g)};
    ASSERT_EQ(det.NumStates(), by_openfst.NumStates()) << n;
    det = WithoutEpsilons(det);
    ASSERT_TRUE(IsDeterministic(det));
    const StdVectorFst in = WithoutEpsilons(g);
    for (const Ids &input : inputs) {
      const WalkedOutputs want = AllOutputs(in, input), got = AllOutputs(det, input);
      ASSERT_EQ(got.size(), want.size()) << n;
      for (const auto &[words, path] : want) {
        ASSERT_EQ(got.count(words), 1u);
        ASSERT_EQ(got.at(words).count, 1);
        ASSERT_NEAR(got.at(words).best, path.best, 1e-4);
        ++compared;
      }
    }
  }
  EXPECT_GT(determinised, 150);
  EXPECT_GT(compared, 10000);
}

StdVectorFst Chain(const std::vector<StdArc> &arcs) {
  StdVectorFst out;
  for (size_t s = 0; s <= arcs.size(); ++s) out.AddState();
  out.SetStart(0);
  out.SetFinal(static_cast<int>(arcs.size()), 0.25f);
  for (size_t s = 0; s < arcs.size(); ++s) {
    StdArc arc = arcs[s];
    arc.nextstate = static_cast<int>(s) + 1;
    out.AddArc(static_cast<int>(s), arc);
  }
  return out;
}

// Words that begin alike wait until it is certain which it is; several that are certain at once go
// over states of their own, and what is left at the end goes behind it.
TEST(DeterminizeGraph, OutputsWait) {
  StdVectorFst g = Chain({{1, 11, 0.5f, 0}, {2, 12, 1.f, 0}, {3, 0, 0.f, 0}});
  g.SetFinal(2, 2.f);
  const int other = g.AddState();
  g.AddArc(0, StdArc(1, 21, 0.25f, other));
  g.AddArc(other, StdArc(4, 22, 0.f, 3));
  const StdVectorFst det = DeterminizeGraph(g, {});
  EXPECT_TRUE(IsDeterministic(det));
  const auto only = [&](const Ids &input) {
    const WalkedOutputs all = AllOutputs(det, input);
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? std::make_pair(Ids(), 0.f)
                       : std::make_pair(all.begin()->first, all.begin()->second.best);
  };
  EXPECT_EQ(only({1, 2}), (std::pair<Ids, float>({11, 12}, 3.5f)));
  EXPECT_EQ(only({1, 2, 3}), (std::pair<Ids, float>({11, 12}, 1.75f)));
  EXPECT_EQ(only({1, 4}), (std::pair<Ids, float>({21, 22}, 0.5f)));
  EXPECT_EQ(det.NumArcs(det.Start()), 1u);
  fst::ArcIterator<StdVectorFst> first(det, det.Start());
  EXPECT_EQ(first.Value().olabel, 0);
  EXPECT_EQ(first.Value().weight.Value(), 0.25f);

  // At the end only: one of two that were possible until then.
  g = Chain({{1, 11, 0.f, 0}, {2, 0, 0.f, 0}});
  g.SetFinal(1, 1.f);
  g.AddArc(0, StdArc(1, 0, 0.f, g.AddState()));
  g.AddArc(3, StdArc(3, 0, 0.f, 2));
  const StdVectorFst late = DeterminizeGraph(g, {});
  WalkedOutputs all = AllOutputs(late, {1});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all.begin()->first, Ids{11});
  EXPECT_EQ(all.begin()->second.best, 1.f);
  EXPECT_EQ(AllOutputs(late, {1, 3}).begin()->first, Ids());
  EXPECT_EQ(DeterminizeGraph(StdVectorFst(), {}).NumStates(), 0);
}

TEST(DeterminizeGraph, CostsThatAreNearAreOneState) {
  // The same residual, but for the rounding of floats; and one that is another.
  for (const float other : {0.1f + 1e-6f, 0.2f}) {
    StdVectorFst g;
    for (int s = 0; s < 6; ++s) g.AddState();
    g.SetStart(0);
    for (const int first : {1, 2}) {
      for (const int to : {1, 2}) {
        const float cost = to == 1 ? 0.f : first == 1 ? 0.1f : other;
        g.AddArc(0, StdArc(first, 0, cost, to));
      }
    }
    g.AddArc(1, StdArc(1, 0, 0.f, 3));
    g.AddArc(2, StdArc(2, 0, 0.f, 3));
    g.SetFinal(3, 0);
    fst::Connect(&g);
    EXPECT_EQ(DeterminizeGraph(g, {}).NumStates(), other > 0.15f ? 4 : 3);
  }
}

TEST(DeterminizeGraph, ErrorsSayWhatToDo) {
  WordTable words;
  for (const char *word : {"ja", "yes"}) words.Add(word);
  const auto error = [&](const StdVectorFst &g, int64_t max_states) {
    return ErrorOf([&] { DeterminizeGraph(g, {max_states, &words}); });
  };
  // Homophones, which end in different places, and in the same.
  StdVectorFst g = Chain({{1, 1, 0.f, 0}});
  g.AddArc(0, StdArc(1, 2, 1.f, 1));
  EXPECT_HAS(error(g, 0), "one sequence of units for 'ja' (1) and for 'yes' (2)");
  g = Chain({{1, 1, 0.f, 0}});
  g.SetFinal(g.AddState(), 0);
  g.AddArc(0, StdArc(1, 3, 1.f, 2));
  EXPECT_HAS(error(g, 0), "for 'ja' (1) and for word 3; does each pronunciation");
  // Circles that tell two words apart at their ends only: costs, and words, that go on and on.
  g = StdVectorFst();
  for (int s = 0; s < 4; ++s) g.AddState();
  g.SetStart(0);
  g.SetFinal(3, 0);
  for (const int s : {1, 2}) {
    g.AddArc(0, StdArc(1, 0, 0.f, s));
    g.AddArc(s, StdArc(1, 0, static_cast<float>(s), s));
    g.AddArc(s, StdArc(s + 1, 0, 0.f, 3));
  }
  EXPECT_HAS(error(g, 500), "has more than --max-states=500 states; does each");
  for (const int s : {1, 2}) {
    for (fst::MutableArcIterator<StdVectorFst> it(&g, s); !it.Done(); it.Next()) {
      StdArc arc = it.Value();
      arc.olabel = arc.nextstate == s ? s : 0;
      arc.weight = 0;
      it.SetValue(arc);
    }
  }
  EXPECT_HAS(error(g, 500), "has more than --max-states=500 states; does each");
}

}  // namespace
}  // namespace u2moe
