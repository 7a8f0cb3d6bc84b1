#include "lattice/lattice-paths.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "lattice/oracle.h"
#include "lattice/posteriors.h"
#include "lattice/random-lattice.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

using Words = std::vector<int32_t>;

CompactLattice RandomCompact(Rng *rng, int most_states = 8) {
  RandomLatticeOptions random;
  random.num_states = static_cast<int>(rng->UniformInt(1, most_states));
  random.no_word = 0.2;
  CompactLattice compact;
  ConvertLattice(RandomLattice(random, rng), &compact);
  return compact;
}

TEST(NBestPaths, AsAllPathsSorted) {
  Rng rng(1);
  for (int trial = 0; trial < 500; ++trial) {
    const CompactLattice lattice = RandomCompact(&rng);
    const CostScales scales{0.5, 2};
    auto all = AllPaths(lattice);
    std::vector<double> costs;
    for (const auto &path : all) costs.push_back(PathCost(path.second, scales));
    std::sort(costs.begin(), costs.end());
    const int n = static_cast<int>(rng.UniformInt(1, 12));
    const auto nbest = NBestPaths(lattice, n, scales);
    ASSERT_EQ(nbest.size(), std::min(all.size(), static_cast<size_t>(n)));
    for (size_t i = 0; i < nbest.size(); ++i) {
      EXPECT_EQ(nbest[i].Cost(scales), costs[i]);
      const CompactLatticeWeight weight(LatticeWeight(static_cast<float>(nbest[i].graph_cost),
                                                      static_cast<float>(nbest[i].acoustic_cost)),
                                        nbest[i].labels);
      const auto it = std::find(all.begin(), all.end(), WordPath(nbest[i].words, weight));
      ASSERT_NE(it, all.end());
      all.erase(it);  // each path once
      CompactLattice linear;
      LatticeOfPath(nbest[i], &linear);
      EXPECT_EQ(AllPaths(linear), (std::vector<WordPath>{{nbest[i].words, weight}}));
    }
  }
  EXPECT_TRUE(NBestPaths(CompactLattice(), 3).empty());
}

TEST(TokensOfLabels, CollapsesRepeatsAndBlanks) {
  EXPECT_EQ(TokensOfLabels({1, 4, 4, 1, 4, 5, 5, 1}, 0), (Words{3, 3, 4}));
  EXPECT_EQ(TokensOfLabels({1, 1}, 0), Words());
  EXPECT_EQ(TokensOfLabels({4, 1, 1, 4}, 3), Words{0});
  EXPECT_EQ(TokensOfLabels({}, 0), Words());
}

// The fewest edits, by the plain table.
int64_t Edits(const Words &a, const Words &b) {
  std::vector<int64_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int64_t>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int64_t diagonal = row[0]++;
    for (size_t j = 1; j <= b.size(); ++j) {
      const int64_t above = row[j];
      row[j] = std::min({diagonal + (a[i - 1] == b[j - 1] ? 0 : 1), above + 1, row[j - 1] + 1});
      diagonal = above;
    }
  }
  return row.back();
}

TEST(FindOracle, AsEveryPathSays) {
  Rng rng(2);
  for (int trial = 0; trial < 1000; ++trial) {
    const CompactLattice lattice = RandomCompact(&rng);
    Words reference;
    for (auto n = rng.UniformInt(0, 6); n > 0; --n)
      reference.push_back(static_cast<int32_t>(rng.UniformInt(1, 3)));
    int64_t fewest = 1000;
    double least = 1e9;
    for (const auto &[words, weight] : AllPaths(lattice)) {
      const int64_t edits = Edits(words, reference);
      const double cost = PathCost(weight);
      if (edits > fewest || (edits == fewest && cost >= least)) continue;
      fewest = edits;
      least = cost;
    }
    const OraclePath path = FindOracle(lattice, reference);
    EXPECT_EQ(path.Errors(), fewest);
    EXPECT_EQ(Edits(path.words, reference), fewest);
    EXPECT_EQ(static_cast<int64_t>(path.words.size()) + path.deletions - path.insertions,
              static_cast<int64_t>(reference.size()));
    double cost = 1e9;
    for (const auto &[words, weight] : AllPaths(lattice))
      if (words == path.words) cost = std::min(cost, PathCost(weight));
    EXPECT_EQ(cost, least);
  }
  EXPECT_HAS(ErrorOf([] { FindOracle(CompactLattice(), {1}); }), "no path");
}

// Lattices with hundreds of paths and references that are far from them, against the plain table
// of each path; the bands begin narrower than what is found.
TEST(FindOracle, ManyErrors) {
  Rng rng(5);
  int beyond_the_first = 0;
  for (int trial = 0; trial < 200; ++trial) {
    CompactLattice lattice;
    const int num_states = static_cast<int>(rng.UniformInt(15, 40));
    for (int s = 0; s < num_states; ++s) lattice.AddState();
    lattice.SetStart(0);
    lattice.SetFinal(num_states - 1, CompactLatticeWeight::One());
    const auto add = [&](int from, int to) {
      const auto cost = static_cast<float>(rng.UniformInt(0, 8)) / 4;
      const auto word = static_cast<int32_t>(rng.UniformInt(0, 3));
      lattice.AddArc(from, CompactLatticeArc(word, word,
                                             CompactLatticeWeight(LatticeWeight(cost, 0), {}), to));
    };
    for (int s = 0; s + 1 < num_states; ++s) add(s, s + 1);
    for (int n = 0; n < 7; ++n) {  // ways past most of it, and beside it
      const auto from = static_cast<int>(rng.UniformInt(0, num_states - 2));
      add(from, static_cast<int>(rng.UniformInt(from + 1, num_states - 1)));
    }
    Words reference;
    for (auto n = rng.UniformInt(0, 60); n > 0; --n)
      reference.push_back(static_cast<int32_t>(rng.UniformInt(1, 4)));
    int64_t fewest = 1000;
    double least = 1e9;
    for (const auto &[words, weight] : AllPaths(lattice)) {
      const int64_t edits = Edits(words, reference);
      if (edits > fewest || (edits == fewest && PathCost(weight) >= least)) continue;
      fewest = edits;
      least = PathCost(weight);
    }
    const OraclePath path = FindOracle(lattice, reference);
    ASSERT_EQ(path.Errors(), fewest) << trial;
    ASSERT_EQ(Edits(path.words, reference), fewest);
    double cost = 1e9;
    for (const auto &[words, weight] : AllPaths(lattice))
      if (words == path.words) cost = std::min(cost, PathCost(weight));
    ASSERT_EQ(cost, least);
    beyond_the_first += fewest > 8;
  }
  EXPECT_GT(beyond_the_first, 50);
}

// An hour: few errors take little memory, many more than is there.
TEST(FindOracle, MemoryIsBounded) {
  constexpr int kWords = 10000;
  CompactLattice lattice;
  Words reference;
  Rng rng(6);
  for (int s = 0; s <= kWords; ++s) lattice.AddState();
  lattice.SetStart(0);
  lattice.SetFinal(kWords, CompactLatticeWeight::One());
  for (int s = 0; s < kWords; ++s) {
    reference.push_back(static_cast<int32_t>(rng.UniformInt(1, 1000)));
    for (const int32_t word : {reference.back(), 1001}) {
      if (s % 500 == 0 && word != 1001) continue;
      lattice.AddArc(s, CompactLatticeArc(word, word, CompactLatticeWeight::One(), s + 1));
    }
  }
  OracleOptions opts;
  opts.max_mem = 10 << 20;  // of 3.2 GB of all places
  const OraclePath path = FindOracle(lattice, reference, opts);
  EXPECT_EQ(path.substitutions, kWords / 500);
  EXPECT_EQ(path.Errors(), kWords / 500);
  for (int32_t &word : reference) word = 1002;
  EXPECT_HAS(ErrorOf([&] { FindOracle(lattice, reference, opts); }),
             "to the 10000 words of the reference takes more than --max-mem=10485760 bytes in a "
             "lattice of 10001 states, with ");
}

TEST(ArcPosteriors, AsEveryPathSays) {
  Rng rng(3);
  for (int trial = 0; trial < 300; ++trial) {
    const CompactLattice lattice = RandomCompact(&rng);
    const CostScales scales{0.5, 0.25};
    double sum = 0;
    std::map<int32_t, double> words;  // the expected number of each word
    for (const auto &[path_words, weight] : AllPaths(lattice)) {
      const double p = std::exp(-PathCost(weight, scales));
      sum += p;
      for (const int32_t word : path_words) words[word] += p;
    }
    double log_sum;
    std::map<int32_t, double> found;
    for (const ArcPosterior &arc : ArcPosteriors(lattice, scales, &log_sum)) {
      EXPECT_GT(arc.posterior, 0);
      if (arc.word != 0) found[arc.word] += arc.posterior;
    }
    EXPECT_NEAR(log_sum, std::log(sum), 1e-9);
    ASSERT_EQ(found.size(), words.size());
    for (const auto &[word, p] : words) EXPECT_NEAR(found[word], p / sum, 1e-9);
  }
  double log_sum;
  EXPECT_TRUE(ArcPosteriors(CompactLattice(), {}, &log_sum).empty());
  EXPECT_TRUE(std::isinf(log_sum));
}

TEST(ArcPosteriors, LargeCostsDoNotOverflow) {
  CompactLattice lattice;
  for (int i = 0; i < 2; ++i) lattice.AddState();
  lattice.SetStart(0);
  for (const float cost : {-5000.0f, -5000.0f + std::log(3.0f)}) {
    lattice.AddArc(0, CompactLatticeArc(1, 1, CompactLatticeWeight(LatticeWeight(cost, 0)), 1));
  }
  lattice.SetFinal(1, CompactLatticeWeight::One());
  const auto posteriors = ArcPosteriors(lattice);
  ASSERT_EQ(posteriors.size(), 2u);
  EXPECT_NEAR(posteriors[0].posterior, 0.75, 1e-3);
  EXPECT_NEAR(posteriors[1].posterior, 0.25, 1e-3);
}

// 1 (2 | 3 | nothing) 4, with the probabilities .5, .3 and .2.
CompactLattice Confusion() {
  CompactLattice lattice;
  for (int i = 0; i < 4; ++i) lattice.AddState();
  lattice.SetStart(0);
  const auto add = [&](int from, int to, int32_t word, double p) {
    lattice.AddArc(
        from, CompactLatticeArc(
                  word, word,
                  CompactLatticeWeight(LatticeWeight(0, static_cast<float>(-std::log(p)))), to));
  };
  add(0, 1, 1, 1);
  add(1, 2, 2, 0.5);
  add(1, 2, 3, 0.3);
  add(1, 2, 0, 0.2);
  add(2, 3, 4, 1);
  lattice.SetFinal(3, CompactLatticeWeight::One());
  return lattice;
}

TEST(WordConfidences, OfSmallLattices) {
  const auto expect = [](const Words &words, const std::vector<double> &expected) {
    const std::vector<double> found = WordConfidences(Confusion(), words);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-6) << i;
  };
  expect({1, 2, 4}, {1, 0.5, 1});
  expect({1, 3, 4}, {1, 0.3, 1});
  expect({1, 4}, {1, 1});
  expect({1, 5, 4}, {1, 0, 1});
  expect({}, {});
  expect({5, 1, 2, 4}, {0, 1, 0.5, 1});
}

TEST(WordConfidences, OneForTheOnlyPathAndAtMostOne) {
  Rng rng(4);
  for (int trial = 0; trial < 300; ++trial) {
    const CompactLattice lattice = RandomCompact(&rng);
    const LatticePath best = NBestPaths(lattice, 1)[0];
    CompactLattice linear;
    LatticeOfPath(best, &linear);
    for (const double c : WordConfidences(linear, best.words)) EXPECT_NEAR(c, 1, 1e-9);
    for (const double c : WordConfidences(lattice, best.words)) {
      EXPECT_GE(c, 0);
      EXPECT_LE(c, 1 + 1e-9);
    }
  }
  EXPECT_EQ(WordConfidences(CompactLattice(), {1, 2}), (std::vector<double>{0, 0}));
}

TEST(StateTimes, CountFrames) {
  CompactLattice lattice;
  for (int i = 0; i < 3; ++i) lattice.AddState();
  lattice.SetStart(0);
  const auto weight = [](Words string) {
    return CompactLatticeWeight(LatticeWeight::One(), std::move(string));
  };
  lattice.AddArc(0, CompactLatticeArc(1, 1, weight({1, 1}), 1));
  lattice.AddArc(1, CompactLatticeArc(2, 2, weight({2}), 2));
  EXPECT_EQ(StateTimes(lattice), (Words{0, 2, 3}));
  lattice.AddArc(0, CompactLatticeArc(3, 3, weight({1}), 2));
  EXPECT_HAS(ErrorOf([&] { StateTimes(lattice); }),
             "state 2 of the lattice is after 1 frames, or 3");
}

}  // namespace
}  // namespace u2moe
