#include "lattice/determinize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "lattice/lattice-costs.h"
#include "lattice/lattice-paths.h"
#include "lattice/random-lattice.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

double BestCost(const std::map<std::vector<int32_t>, CompactLatticeWeight> &paths) {
  double best = std::numeric_limits<double>::infinity();
  for (const auto &[words, weight] : paths) best = std::min(best, PathCost(weight));
  return best;
}

// Against every path of the lattice: each word sequence within `beam` once, with the weight and the
// string of its best path; others, if they are there, with a weight that some path has.
void ExpectDeterminized(const Lattice &lattice, const CompactLattice &out, double beam) {
  const auto expected = BestOfWords(lattice);
  std::map<std::vector<int32_t>, CompactLatticeWeight> found;
  for (const auto &[words, weight] : AllPaths(out)) {
    EXPECT_TRUE(found.emplace(words, weight).second) << "twice";
  }
  const double best = BestCost(expected);
  for (const auto &[words, weight] : expected) {
    const auto it = found.find(words);
    if (it == found.end()) {
      EXPECT_GT(PathCost(weight), best + beam);
    } else if (PathCost(weight) <= best + beam) {
      EXPECT_EQ(it->second, weight);
    }
  }
  for (const auto &[words, weight] : found) {
    ASSERT_EQ(expected.count(words), 1u);
    EXPECT_GE(PathCost(weight), PathCost(expected.at(words)));
  }
  EXPECT_EQ(out.Properties(fst::kTopSorted | fst::kIDeterministic | fst::kNoEpsilons, true),
            fst::kTopSorted | fst::kIDeterministic | fst::kNoEpsilons);
}

TEST(DeterminizeLattice, AsEveryPathSays) {
  Rng rng(1);
  int within = 0, all = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    RandomLatticeOptions random;
    random.num_states = static_cast<int>(rng.UniformInt(1, 9));
    random.num_words = static_cast<int>(rng.UniformInt(1, 3));
    random.no_word = rng.Uniform();
    random.max_cost = rng.UniformInt(0, 1) == 0 ? 16 : 1;  // many ties
    Lattice lattice = RandomLattice(random, &rng);
    if (trial % 2 == 1) {  // as from a table of compact lattices
      CompactLattice compact;
      ConvertLattice(lattice, &compact);
      ConvertLattice(compact, &lattice);
    }
    for (const float beam : {0.0f, 1.0f, 3.5f, 1000.0f}) {
      DeterminizeOptions opts;
      opts.beam = beam;
      CompactLattice out;
      EXPECT_EQ(DeterminizeLattice(lattice, opts, &out), beam);
      SCOPED_TRACE(testing::Message() << "trial " << trial << ", beam " << beam);
      ExpectDeterminized(lattice, out, beam);
      within += static_cast<int>(AllPaths(out).size());
      all += static_cast<int>(BestOfWords(lattice).size());
      if (HasFailure()) return;
    }
  }
  EXPECT_LT(within, all);  // the beams did cut
}

TEST(DeterminizeLattice, MemoryThatRunsOutMakesTheBeamSmaller) {
  Rng rng(2);
  int smaller = 0;
  for (int trial = 0; trial < 100; ++trial) {
    RandomLatticeOptions random;
    random.num_states = 14;
    const Lattice lattice = RandomLattice(random, &rng);
    DeterminizeOptions opts;
    opts.beam = 8;
    opts.max_mem = static_cast<int64_t>(rng.UniformInt(1500, 10000));
    CompactLattice out;
    const double beam = DeterminizeLattice(lattice, opts, &out);
    EXPECT_LE(beam, opts.beam);
    if (beam < opts.beam) ++smaller;
    ExpectDeterminized(lattice, out, beam - 0.01);
    EXPECT_GT(out.NumStates(), 0);
  }
  EXPECT_GT(smaller, 10);
}

// A chain of words with a dearer choice at each, and beside it many ways of the same words that
// cost 6 more: within a beam of 8 they fill every subset, within a smaller one there are none.
Lattice CrowdedLattice() {
  constexpr int kWords = 40, kWays = 200;
  Lattice lattice;
  const int start = lattice.AddState(), end = lattice.AddState();
  lattice.SetStart(start);
  lattice.SetFinal(end, LatticeWeight::One());
  int chain = start;
  std::vector<int> ways(kWays, start);
  for (int w = 0; w < kWords; ++w) {
    const int next = w + 1 == kWords ? end : lattice.AddState();
    lattice.AddArc(chain, LatticeArc(1, 1, LatticeWeight(0, 0), next));
    lattice.AddArc(chain, LatticeArc(2, 2, LatticeWeight(1, 0), next));
    for (int &way : ways) {
      const int to = w + 1 == kWords ? end : lattice.AddState();
      lattice.AddArc(way, LatticeArc(3, 1, LatticeWeight(w == 0 ? 6 : 0, 0), to));
      way = to;
    }
    chain = next;
  }
  fst::TopSort(&lattice);
  return lattice;
}

TEST(DeterminizeLattice, ASmallerBeamGoesFurther) {
  const Lattice lattice = CrowdedLattice();
  DeterminizeOptions opts;
  opts.beam = 8;
  opts.max_mem = 100000;
  CompactLattice out;
  const double beam = DeterminizeLattice(lattice, opts, &out);
  EXPECT_GT(beam, 2);  // of one try: 1
  EXPECT_LT(beam, 6);
  // All word sequences with up to two dearer words.
  int64_t within = 0;
  for (const LatticePath &path : NBestPaths(out, 1000)) within += path.Cost() <= 2;
  EXPECT_EQ(within, 1 + 40 + 40 * 39 / 2);
  opts.max_mem = 10000000;
  EXPECT_EQ(DeterminizeLattice(lattice, opts, &out), 8);
}

TEST(DeterminizeLattice, NoMemoryAtAll) {
  Rng rng(6);
  RandomLatticeOptions random;
  random.num_states = 40;
  random.no_word = 0;
  DeterminizeOptions opts;
  opts.max_mem = 1;
  CompactLattice out;
  EXPECT_HAS(ErrorOf([&] { DeterminizeLattice(RandomLattice(random, &rng), opts, &out); }),
             "even for the best path; raise --max-mem");
}

TEST(DeterminizeLattice, ScalesCountOnlyWherePathsCompete) {
  Rng rng(5);
  for (int trial = 0; trial < 300; ++trial) {
    RandomLatticeOptions random;
    random.num_states = 8;
    const Lattice lattice = RandomLattice(random, &rng);
    Lattice scaled = lattice;
    const double scales[2][2] = {{2, 0}, {0, 0.25}};
    ScaleLattice(scales, &scaled);
    DeterminizeOptions opts;
    opts.beam = 4;
    CompactLattice expected, found;
    DeterminizeLattice(scaled, opts, &expected);
    opts.scales = {2, 0.25};
    DeterminizeLattice(lattice, opts, &found);
    ScaleLattice(scales, &found);
    EXPECT_TRUE(fst::Equal(expected, found));
  }
}

TEST(DeterminizeLattice, Empty) {
  CompactLattice out;
  out.SetStart(out.AddState());
  DeterminizeLattice(Lattice(), {}, &out);
  EXPECT_EQ(out.NumStates(), 0);
  Lattice no_end;
  no_end.SetStart(no_end.AddState());
  no_end.AddArc(0, LatticeArc(1, 1, LatticeWeight(1, 1), no_end.AddState()));
  DeterminizeLattice(no_end, {}, &out);
  EXPECT_EQ(out.NumStates(), 0);
  no_end.SetFinal(0, LatticeWeight(3, 4));  // no words
  DeterminizeLattice(no_end, {}, &out);
  ASSERT_EQ(out.NumStates(), 1);
  EXPECT_EQ(out.Final(0), CompactLatticeWeight(LatticeWeight(3, 4)));
}

// Costs as a search gives them: the weights need not be exact, but which words there are and about
// what they cost is.
TEST(DeterminizeLattice, CostsThatAreNoRoundNumbers) {
  Rng rng(3);
  for (int trial = 0; trial < 300; ++trial) {
    RandomLatticeOptions random;
    random.num_states = 9;
    Lattice lattice = RandomLattice(random, &rng);
    for (int s = 0; s < lattice.NumStates(); ++s) {
      for (fst::MutableArcIterator<Lattice> it(&lattice, s); !it.Done(); it.Next()) {
        LatticeArc arc = it.Value();
        arc.weight = {static_cast<float>(rng.Normal()), static_cast<float>(100 * rng.Normal())};
        it.SetValue(arc);
      }
    }
    DeterminizeOptions opts;
    opts.beam = 1e6;
    CompactLattice out;
    DeterminizeLattice(lattice, opts, &out);
    const auto expected = BestOfWords(lattice), found = BestOfWords(out);
    ASSERT_EQ(found.size(), expected.size());
    for (const auto &[words, weight] : expected) {
      EXPECT_NEAR(PathCost(found.at(words)), PathCost(weight), 1e-3);
      EXPECT_EQ(found.at(words).String(), weight.String());
    }
  }
}

TEST(PruneLattice, AsEveryPathSays) {
  Rng rng(4);
  for (int trial = 0; trial < 500; ++trial) {
    RandomLatticeOptions random;
    random.num_states = static_cast<int>(rng.UniformInt(1, 8));
    Lattice lattice = RandomLattice(random, &rng);
    const double beam = static_cast<double>(rng.UniformInt(0, 40)) / 8;
    CompactLattice compact;
    ConvertLattice(lattice, &compact);
    auto paths = AllPaths(lattice);
    double best = std::numeric_limits<double>::infinity();
    for (const auto &path : paths) best = std::min(best, PathCost(path.second));
    PruneLattice(beam, {}, &compact);
    const auto left = AllPaths(compact);
    int within = 0;
    for (const auto &path : paths) {
      if (PathCost(path.second) > best + beam) continue;
      ++within;
      EXPECT_NE(std::find(left.begin(), left.end(), path), left.end());
    }
    EXPECT_GE(left.size(), static_cast<size_t>(within));
    // Each arc and each end is on a path within the beam.
    const auto forward = ForwardCosts(compact), backward = BackwardCosts(compact);
    for (int s = 0; s < compact.NumStates(); ++s) {
      for (fst::ArcIterator<CompactLattice> it(compact, s); !it.Done(); it.Next()) {
        EXPECT_LE(forward[static_cast<size_t>(s)] + PathCost(it.Value().weight) +
                      backward[static_cast<size_t>(it.Value().nextstate)],
                  best + beam);
      }
    }
  }
}

}  // namespace
}  // namespace u2moe
