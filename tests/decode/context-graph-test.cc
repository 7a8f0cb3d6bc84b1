#include "decode/context-graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "decode/naive-context.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;

// What is paid for a sequence, in steps and with the end.
std::pair<double, double> Walk(const ContextGraph &graph, const Ids &tokens) {
  int32_t state = graph.Begin();
  double paid = 0;
  for (const int32_t t : tokens) {
    const double step = graph.Step(state, t, &state);
    EXPECT_LE(step, graph.MaxGain() + 1e-12);
    paid += step;
  }
  return {paid, paid + graph.Finish(state)};
}

TEST(ContextGraph, PaysInAdvanceAndForWhatIsThere) {
  const ContextGraph graph({{{1, 2, 3}, 2}, {{2, 3, 4, 5}, 1}}, {});
  EXPECT_EQ(Walk(graph, {}), std::pair(0.0, 0.0));
  EXPECT_EQ(Walk(graph, {1}), std::pair(2.0, 0.0));
  EXPECT_EQ(Walk(graph, {1, 2}), std::pair(4.0, 0.0));
  EXPECT_EQ(Walk(graph, {1, 2, 4}), std::pair(0.0, 0.0));  // failed: all taken back
  // Complete, and "2 3" begins the other.
  EXPECT_EQ(Walk(graph, {1, 2, 3}), std::pair(6.0 + 2, 6.0));
  EXPECT_EQ(Walk(graph, {1, 2, 3, 4, 5}), std::pair(10.0, 10.0));
  EXPECT_EQ(Walk(graph, {1, 2, 3, 9, 1, 2, 3}), std::pair(14.0, 12.0));
}

TEST(ContextGraph, OverlapsBeginningsAndRepeats) {
  // One within another, one that begins another, and the same twice with two scores.
  const ContextGraph graph({{{1, 2}, 1}, {{1, 2, 3}, 1}, {{2}, 5}, {{1, 2}, 3}}, {});
  EXPECT_EQ(Walk(graph, {1, 2}).second, 6 + 5);
  EXPECT_EQ(Walk(graph, {1, 2, 3}).second, 6 + 5 + 3);
  EXPECT_EQ(Walk(graph, {1, 2, 1, 2}).second, 2 * (6 + 5));
  const ContextGraph loop({{{1, 1}, 1}}, {});
  EXPECT_EQ(Walk(loop, {1, 1, 1, 1}).second, 6);
}

TEST(ContextGraph, PhrasesToAvoidArePaidForOnceComplete) {
  const ContextGraph graph({{{1, 2}, -3}}, {});
  EXPECT_EQ(Walk(graph, {1}), std::pair(0.0, 0.0));
  EXPECT_EQ(Walk(graph, {1, 2}), std::pair(-6.0, -6.0));
  EXPECT_EQ(graph.MaxGain(), 0);
}

TEST(ContextGraph, WholeWords) {
  ContextGraphOptions opts;
  opts.boundary = 0;
  const ContextGraph graph({{{1, 2}, 1}, {{3, 0, 1}, 1}}, opts);
  EXPECT_EQ(Walk(graph, {1}), std::pair(1.0, 0.0));
  EXPECT_EQ(Walk(graph, {1, 2}), std::pair(2.0, 2.0));  // alone
  EXPECT_EQ(Walk(graph, {1, 2, 1}), std::pair(0.0, 0.0));
  EXPECT_EQ(Walk(graph, {2, 1, 2}), std::pair(0.0, 0.0));
  EXPECT_EQ(Walk(graph, {2, 0, 1, 2, 0, 2}), std::pair(2.0, 2.0));
  EXPECT_EQ(Walk(graph, {1, 2, 0, 1, 2}).second, 4);  // one space ends and begins
  EXPECT_EQ(Walk(graph, {3, 0, 1, 0, 1, 2}).second, 5);
}

TEST(ContextGraph, NothingToDo) {
  const ContextGraph graph({}, {});
  EXPECT_EQ(Walk(graph, {1, 2, 3}), std::pair(0.0, 0.0));
  EXPECT_EQ(graph.NumStates(), 1);
}

TEST(ContextGraph, EqualsTheDefinition) {
  Rng rng(1);
  for (int n = 0; n < 200; ++n) {
    ContextGraphOptions opts;
    opts.boundary = n % 2 == 0 ? -1 : 0;
    const std::vector<ContextPhrase> phrases =
        RandomPhrases(&rng, static_cast<int>(rng.UniformInt(1, 6)), 3, n % 3 == 0);
    const ContextGraph graph(phrases, opts);
    for (int i = 0; i < 30; ++i) {
      Ids tokens(static_cast<size_t>(rng.UniformInt(0, 10)));
      for (int32_t &t : tokens) t = static_cast<int32_t>(rng.UniformInt(0, 3));
      const auto [paid, final] = Walk(graph, tokens);
      EXPECT_NEAR(final, NaiveBias(phrases, tokens, opts.boundary), 1e-9);
      EXPECT_NEAR(paid - NaiveAdvance(phrases, tokens, opts.boundary),
                  NaiveBias(phrases, tokens, opts.boundary, false), 1e-9);
    }
  }
}

// The tokens that a search has to look at.
TEST(ContextGraph, TokensOfAStateAndItsEnds) {
  const ContextGraph graph({{{1, 2, 3}, 1}, {{2, 4}, 1}, {{5}, 1}}, {});
  int32_t state = 0;
  graph.Step(0, 1, &state);
  graph.Step(state, 2, &state);
  std::set<int32_t> tokens;
  for (int32_t s = state;; s = graph.Shorter(s)) {
    tokens.insert(graph.Tokens(s).begin(), graph.Tokens(s).end());
    if (s == 0) break;
  }
  EXPECT_EQ(tokens, (std::set<int32_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(graph.Tokens(0).size(), 3u);
  EXPECT_EQ(graph.Tokens(state).size(), 1u);
}

// Step by step, node by node, as WeNet's own walks.
TEST(ContextGraph, GoldenWalksOfWenet) {
  const std::string path = GoldenPath("ctc_search/hotwords.json");
  if (path.empty()) GTEST_SKIP() << "no ctc_search/hotwords.json";
  const nlohmann::json golden = nlohmann::json::parse(ReadFile(path));
  int steps = 0;
  for (const auto &entry : golden) {
    std::vector<ContextPhrase> phrases;
    for (const auto &p : entry["phrases"])
      phrases.push_back({p.get<Ids>(), entry["context_score"]});
    ContextGraphOptions opts;
    opts.scoring = ContextScoring::kWenet;
    const ContextGraph graph(phrases, opts);
    EXPECT_EQ(graph.NumStates(), entry["num_nodes"].get<int32_t>() + 1);
    for (const auto &walk : entry["walks"]) {
      int32_t state = graph.Begin();
      for (size_t i = 0; i < walk["tokens"].size(); ++i, ++steps) {
        const double score = graph.Step(state, walk["tokens"][i], &state);
        EXPECT_EQ(score, walk["step_score_and_node"][i][0].get<double>());
        EXPECT_EQ(state, walk["step_score_and_node"][i][1].get<int32_t>());
        EXPECT_LE(score, graph.MaxGain());
      }
      EXPECT_EQ(graph.Finish(state), walk["finalize"].get<double>());
    }
  }
  EXPECT_GT(steps, 100);
}

}  // namespace
}  // namespace u2moe
