#include "lattice/lm-rescore.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "graph/arpa-fst.h"
#include "lattice/determinize.h"
#include "lattice/lattice-paths.h"
#include "lattice/random-lattice.h"
#include "lm/naive-lm.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

WordTable Abc() {
  WordTable words;
  for (const char *word : {"a", "b", "c"}) words.Add(word);
  return words;
}

NgramTrie Trie(const NaiveLm &lm) {
  WriteFile(File("lm.arpa"), lm.Arpa());
  return NgramTrie::Read(File("lm.arpa"));
}

CompactLattice RandomDeterministic(Rng *rng) {
  RandomLatticeOptions random;
  random.num_states = static_cast<int>(rng->UniformInt(1, 9));
  random.num_words = 3;
  random.no_word = 0.3;
  DeterminizeOptions opts;
  opts.beam = 1000;
  CompactLattice lattice;
  DeterminizeLattice(RandomLattice(random, rng), opts, &lattice);
  return lattice;
}

double Cost(LatticeLm *lm, const Ids &words) {
  int32_t state = lm->Start();
  double cost = 0;
  for (const int32_t word : words) {
    int32_t next = -1;
    cost += lm->Step(state, word, &next);
    if (cost == kInfinity) return cost;
    state = next;
  }
  return cost + lm->Final(state);
}

// The cost of the best of all paths of `g` from `state` with the output labels words[from], ....
double BestPath(const fst::StdVectorFst &g, int state, const Ids &words, size_t from) {
  double best = from == words.size() ? g.Final(state).Value() : kInfinity;
  for (fst::ArcIterator<fst::StdVectorFst> it(g, state); !it.Done(); it.Next()) {
    const fst::StdArc &arc = it.Value();
    if (arc.olabel != 0 && (from == words.size() || arc.olabel != words[from])) continue;
    best = std::min(best, arc.weight.Value() +
                              BestPath(g, arc.nextstate, words, from + (arc.olabel != 0 ? 1 : 0)));
  }
  return best;
}

// All paths are there, and the graph cost of each is larger by cost(words).
template <class Fn>
void ExpectRescored(const CompactLattice &before, const CompactLattice &after, Fn cost) {
  const auto expected = BestOfWords(before), found = BestOfWords(after);
  EXPECT_EQ(AllPaths(after).size(), expected.size());
  for (const auto &[words, weight] : expected) {
    const double added = cost(words);
    if (added == kInfinity) {
      EXPECT_EQ(found.count(words), 0u);
      continue;
    }
    ASSERT_EQ(found.count(words), 1u);
    EXPECT_NEAR(found.at(words).Weight().GraphCost(), weight.Weight().GraphCost() + added, 1e-4);
    EXPECT_EQ(found.at(words).Weight().AcousticCost(), weight.Weight().AcousticCost());
    EXPECT_EQ(found.at(words).String(), weight.String());
  }
  EXPECT_EQ(after.Properties(fst::kTopSorted | fst::kIDeterministic, true),
            fst::kTopSorted | fst::kIDeterministic);
}

TEST(RescoreLattice, AddsTheExactScoreOfEachPath) {
  const WordTable words = Abc();
  Rng rng(1);
  for (int trial = 0; trial < 60; ++trial) {
    const NaiveLm naive = RandomLm(&rng, 3, static_cast<int>(rng.UniformInt(1, 3)), 0.5);
    const NgramTrie trie = Trie(naive);
    NgramLatticeLm lm(&trie, &words, 0);
    const auto cost = [&](const Ids &ids) {
      return -naive.ScoreSentence(WordsOfIds(words, ids, ""));
    };
    for (int i = 0; i < 5; ++i) {
      const CompactLattice lattice = RandomDeterministic(&rng);
      CompactLattice out;
      RescoreLattice(lattice, {{&lm, 1}}, 100000, &out);
      ExpectRescored(lattice, out, cost);
      RescoreLattice(lattice, {{&lm, 0.5}}, 100000, &out);
      ExpectRescored(lattice, out, [&](const Ids &ids) { return 0.5 * cost(ids); });
    }
  }
}

TEST(RescoreLattice, TakesAwayWhatTheGraphHad) {
  const WordTable words = Abc();
  Rng rng(2);
  int better = 0;
  for (int trial = 0; trial < 60; ++trial) {
    const NaiveLm naive = RandomLm(&rng, 3, static_cast<int>(rng.UniformInt(1, 3)), 0.5);
    const NaiveLm large = RandomLm(&rng, 3, 3, 0.5);
    const NgramTrie trie = Trie(naive), large_trie = Trie(large);
    int64_t left_out = 0;
    const fst::StdVectorFst g = MakeNgramFst(trie, words, ArpaFstOptions(), &left_out);
    FstLatticeLm as_graph(g);
    NgramLatticeLm exact(&trie, &words, 0), added(&large_trie, &words, 0);
    const auto graph_cost = [&](const Ids &ids) { return BestPath(g, g.Start(), ids, 0); };
    for (int i = 0; i < 5; ++i) {
      const CompactLattice lattice = RandomDeterministic(&rng);
      for (const auto &[ids, weight] : BestOfWords(lattice)) {
        EXPECT_NEAR(Cost(&as_graph, ids), graph_cost(ids), 1e-5);
        EXPECT_LE(Cost(&as_graph, ids), Cost(&exact, ids) + 1e-5);
        if (Cost(&as_graph, ids) < Cost(&exact, ids) - 1e-3) ++better;
      }
      // What a search over that graph finds, and rescored.
      CompactLattice searched, out;
      RescoreLattice(lattice, {{&as_graph, 1}}, 100000, &searched);
      ExpectRescored(lattice, searched, graph_cost);
      RescoreLattice(searched, {{&as_graph, -1}}, 100000, &out);
      ExpectRescored(lattice, out, [](const Ids &) { return 0; });
      RescoreLattice(searched, {{&added, 2}, {&as_graph, -1}}, 100000, &out);
      ExpectRescored(lattice, out, [&](const Ids &ids) {
        return -2 * large.ScoreSentence(WordsOfIds(words, ids, ""));
      });
    }
  }
  EXPECT_GT(better, 0);  // some path backs off although its n-gram is there
}

TEST(RescoreLattice, Refuses) {
  const WordTable words = Abc();
  fst::StdVectorFst only_a;
  only_a.SetStart(only_a.AddState());
  only_a.AddArc(0, fst::StdArc(1, 1, 0.5f, 0));
  only_a.SetFinal(0, 0.25f);
  FstLatticeLm lm(only_a);
  CompactLattice lattice, out;
  lattice.SetStart(lattice.AddState());
  const int end = lattice.AddState();
  for (const int32_t word : {1, 2}) {
    lattice.AddArc(0, CompactLatticeArc(word, word, CompactLatticeWeight::One(), end));
  }
  lattice.SetFinal(end, CompactLatticeWeight::One());
  RescoreLattice(lattice, {{&lm, 1}}, 100, &out);
  EXPECT_EQ(AllPaths(out),
            (std::vector<WordPath>{{{1}, CompactLatticeWeight(LatticeWeight(0.75f, 0))}}));
  EXPECT_HAS(ErrorOf([&] {
               RescoreLattice(lattice, {{&lm, -1}}, 100, &out);
             }),
             "none of the language model that is to be taken away");
  EXPECT_HAS(ErrorOf([&] { RescoreLattice(lattice, {{&lm, 0}}, 1, &out); }), "lattice-prune");
  EXPECT_HAS(ErrorOf([&] { FstLatticeLm empty{fst::StdVectorFst()}; }), "no start");
  only_a.AddArc(0, fst::StdArc(0, 0, -1.0f, 0));
  EXPECT_HAS(ErrorOf([&] { FstLatticeLm cyclic(only_a); }), "cycle of arcs without words");
  const NgramTrie trie = Trie(RandomLm(std::make_unique<Rng>(3).get(), 1, 1, 1));
  NgramLatticeLm ngrams(&trie, &words, 7);
  int32_t next;
  EXPECT_HAS(ErrorOf([&] { ngrams.Step(ngrams.Start(), 9, &next); }), "word id 9");
}

TEST(NgramLatticeLm, UnknownWords) {
  const WordTable words = Abc();
  WriteFile(File("no-unk.arpa"),
            "\\data\\\nngram 1=3\n\n\\1-grams:\n-99 <s>\n-0.5 </s>\n-1 a\n\n\\end\\\n");
  const NgramTrie trie = NgramTrie::Read(File("no-unk.arpa"));
  NgramLatticeLm lm(&trie, &words, 7);
  EXPECT_NEAR(Cost(&lm, {1, 2}), (1 + 0.5) * std::log(10.0) + 7, 1e-5);
}

}  // namespace
}  // namespace u2moe
