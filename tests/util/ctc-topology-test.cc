#include "util/ctc-topology.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

#include "support/ctc-paths.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;

TEST(CtcTopology, DefinitionByHand) {
  const auto stands = [](const char *name, Ids path, Ids tokens) {
    return CtcPathStandsFor(FindCtcTopology(name, ""), 0, path, tokens);
  };
  EXPECT_TRUE(stands("correct", {1, 1, 0, 1}, {1, 1}));
  EXPECT_FALSE(stands("correct", {1, 1}, {1, 1}));
  EXPECT_TRUE(stands("compact", {1, 1}, {1, 1}));
  EXPECT_TRUE(stands("compact", {1, 1}, {1}));
  EXPECT_TRUE(stands("compact", {1, 1, 0, 1}, {1, 1, 1}));
  EXPECT_FALSE(stands("compact", {1, 1}, {}));
  EXPECT_FALSE(stands("minimal", {1, 1}, {1}));
  EXPECT_TRUE(stands("eesen", {}, {}));
  EXPECT_FALSE(stands("eesen", {0, 0}, {}));
  EXPECT_TRUE(stands("compact", {0, 0}, {}));
  EXPECT_HAS(ErrorOf([] { FindCtcTopology("hmm", "--topology"); }),
             "--topology=hmm: unknown; known topologies are correct, compact, minimal, eesen");
}

// Whether the machine can read the path and write the tokens.
bool MachineAccepts(const CtcMachine &machine, const Ids &path, const Ids &tokens) {
  struct Place {
    int32_t state;
    size_t read, written;
    bool operator<(const Place &b) const {
      return std::tie(state, read, written) < std::tie(b.state, b.read, b.written);
    }
  };
  std::set<Place> seen;
  std::vector<Place> open = {{CtcMachine::kStart, 0, 0}};
  while (!open.empty()) {
    const Place at = open.back();
    open.pop_back();
    if (!seen.insert(at).second) continue;
    if (at.read == path.size() && at.written == tokens.size() && machine.IsFinal(at.state))
      return true;
    machine.ForEachSilent(at.state, [&](int32_t label, int32_t next) {
      if (label == CtcMachine::kEpsilon)
        open.push_back({next, at.read, at.written});
      else if (at.read < path.size() && path[at.read] == label)
        open.push_back({next, at.read + 1, at.written});
    });
    if (at.read == path.size() || at.written == tokens.size()) continue;
    const int32_t next = machine.After(at.state, tokens[at.written]);
    if (next >= 0 && path[at.read] == tokens[at.written])
      open.push_back({next, at.read + 1, at.written + 1});
  }
  return false;
}

// Whether the chain of the tokens has the path.
bool ChainAccepts(const CtcChain &chain, const Ids &path) {
  const auto n = static_cast<size_t>(chain.NumStates());
  std::vector<bool> reached(n, false);
  if (path.empty()) return n == 1;
  for (size_t t = 0; t < path.size(); ++t) {
    std::vector<bool> next(n, false);
    for (size_t s = 0; s < n; ++s) {
      const auto state = static_cast<int64_t>(s);
      const bool may = t == 0 ? s < 2
                              : reached[s] || (s > 0 && reached[s - 1]) ||
                                    (chain.MaySkip(state) && reached[s - 2]);
      next[s] = may && chain.Symbol(state) == path[t];
    }
    reached = next;
  }
  return reached[n - 1] || (n > 1 && reached[n - 2]);
}

// Every path of up to 5 frames and every sequence of up to 5 tokens over 3 of them, each blank:
// machine and chain say what the definition says.
TEST(CtcTopology, MachineAndChainAreTheDefinition) {
  constexpr int32_t kTokens = 3;
  for (const char *name : {"correct", "compact", "minimal", "eesen"}) {
    const CtcTopology &t = FindCtcTopology(name, "");
    for (int32_t blank = 0; blank < kTokens; ++blank) {
      const CtcMachine machine(t, kTokens, blank);
      for (int length = 0; length <= 4; ++length) {
        ForEachSequence(kTokens, length, [&](const Ids &tokens) {
          if (std::count(tokens.begin(), tokens.end(), blank) > 0) return;
          const CtcChain chain(tokens, blank);
          int64_t fewest = -1;
          for (int frames = 0; frames <= 5; ++frames) {
            ForEachSequence(kTokens, frames, [&](const Ids &path) {
              const bool want = CtcPathStandsFor(t, blank, path, tokens);
              ASSERT_EQ(MachineAccepts(machine, path, tokens), want) << name;
              if (t.kind != CtcTopology::Kind::kCorrect) return;
              ASSERT_EQ(ChainAccepts(chain, path), want);
              ASSERT_EQ(Collapsed(path, blank) == tokens, want);
              if (want && fewest < 0) fewest = frames;
            });
          }
          if (t.kind == CtcTopology::Kind::kCorrect && fewest >= 0) {
            ASSERT_EQ(fewest, CtcMinFrames(tokens));
          }
        });
      }
    }
  }
  EXPECT_THROW(CtcMachine(FindCtcTopology("correct", ""), 3, 3), UsageError);
  EXPECT_THROW(CtcMachine(FindCtcTopology("correct", ""), 3, -1), UsageError);
}

TEST(CtcTopology, MinFrames) {
  EXPECT_EQ(CtcMinFrames({}), 0);
  EXPECT_EQ(CtcMinFrames({7}), 1);
  EXPECT_EQ(CtcMinFrames({7, 7, 8, 8, 8}), 8);
}

}  // namespace
}  // namespace u2moe
