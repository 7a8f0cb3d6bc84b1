#include "graph/ctc-topology.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "graph/random-graph.h"
#include "graph/walk.h"
#include "support/ctc-paths.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;
using Ids = std::vector<int32_t>;

// Of graphs.
Ids LabelsOf(Ids tokens) {
  for (int32_t &token : tokens) ++token;
  return tokens;
}

const char *const kNames[] = {"correct", "compact", "minimal", "eesen"};

// Every path of up to 5 frames over 3 tokens, each blank, each topology: exactly the pairs of the
// definition, at weight 0, and once where a run cannot be cut into several tokens in several ways.
TEST(CtcTopology, AcceptsWhatTheDefinitionSays) {
  constexpr int32_t kTokens = 3;
  for (const char *name : kNames) {
    const CtcTopology &t = FindCtcTopology(name, "--topology");
    for (int32_t blank = 0; blank < kTokens; ++blank) {
      const StdVectorFst machine = MakeCtcTopology(t, kTokens, blank, 0);
      for (int frames = 0; frames <= 5; ++frames) {
        ForEachSequence(kTokens, frames, [&](const Ids &path) {
          WalkedOutputs want;
          for (int length = 0; length <= frames; ++length) {
            ForEachSequence(kTokens, length, [&](const Ids &tokens) {
              if (std::count(tokens.begin(), tokens.end(), blank) > 0) return;
              if (CtcPathStandsFor(t, blank, path, tokens)) want[LabelsOf(tokens)].count = 1;
            });
          }
          const auto got = AllOutputs(machine, LabelsOf(path));
          ASSERT_EQ(got.size(), want.size()) << name;
          for (const auto &[tokens, paths] : got) {
            ASSERT_EQ(want.count(tokens), 1u) << name;
            ASSERT_EQ(paths.best, 0.f);
            if (t.blank_between_repeats || !t.token_lasts) {
              ASSERT_EQ(paths.count, 1) << name;
            }
          }
        });
      }
    }
  }
}

TEST(CtcTopology, SizesAreTheNamedOnes) {
  const auto arcs = [](const char *name) {
    const StdVectorFst t = MakeCtcTopology(FindCtcTopology(name, ""), 11, 0, 2);
    size_t n = 0;
    for (int s = 0; s < t.NumStates(); ++s) n += t.NumArcs(s);
    return std::make_pair(t.NumStates(), n);
  };
  EXPECT_EQ(arcs("correct"), std::make_pair(11, size_t{121 + 22}));
  EXPECT_EQ(arcs("compact"), std::make_pair(11, size_t{1 + 30 + 2}));
  EXPECT_EQ(arcs("minimal"), std::make_pair(1, size_t{11 + 2}));
  EXPECT_EQ(arcs("eesen"), std::make_pair(13, size_t{4 + 30 + 2}));
  EXPECT_THROW(FindCtcTopology("hmm", "--topology"), UsageError);
  EXPECT_THROW(MakeCtcTopology(FindCtcTopology("compact", ""), 3, 3, 0), UsageError);
  EXPECT_THROW(MakeCtcTopology(FindCtcTopology("correct", ""), 20000, 0, 0), DataError);
}

// The composition on the fly writes and weighs what OpenFst's composition with T does.
TEST(CtcTopology, OnTheFlyEqualsOpenFst) {
  Rng rng(5);
  constexpr int32_t kTokens = 4, kDisambig = 2;
  for (int n = 0; n < 200; ++n) {
    const StdVectorFst graph = RandomGraph(&rng, kTokens, kDisambig);
    const CtcTopology &t = FindCtcTopology(kNames[n % 4], "");
    const StdVectorFst machine = MakeCtcTopology(t, kTokens, 0, kDisambig);
    StdVectorFst sorted = graph, want;
    fst::ArcSort(&sorted, fst::ILabelCompare<StdArc>());
    fst::Compose(machine, sorted, &want);
    RequireSound(want, "the composition");
    const StdVectorFst got = ComposeCtcTopology(t, kTokens, 0, graph, 0);
    for (int frames = 0; frames <= 4; ++frames) {
      for (int trial = 0; trial < 12; ++trial) {
        Ids path;
        for (int i = 0; i < frames; ++i)
          path.push_back(static_cast<int32_t>(rng.UniformInt(1, kTokens)));
        const auto a = AllOutputs(want, path), b = AllOutputs(got, path);
        ASSERT_EQ(a.size(), b.size()) << n << " " << t.name;
        for (const auto &[words, paths] : a) {
          ASSERT_EQ(b.count(words), 1u);
          ASSERT_EQ(b.at(words).best, paths.best);
        }
      }
    }
  }
  const StdVectorFst graph = RandomGraph(&rng, kTokens, kDisambig);
  EXPECT_HAS(ErrorOf([&] { ComposeCtcTopology(FindCtcTopology("eesen", ""), 4, 0, graph, 2); }),
             "more than --max-states=2 states");
}

}  // namespace
}  // namespace u2moe
