#include "util/ctc-topology.h"

#include "base/error.h"

namespace u2moe {
namespace {

using Kind = CtcTopology::Kind;

constexpr CtcTopology kTopologies[] = {
    {"correct", Kind::kCorrect, true, true, true, "as CTC is defined, V^2 arcs"},
    {"compact", Kind::kCompact, false, true, true, "repeats need no blank, 3V arcs"},
    {"minimal", Kind::kMinimal, false, false, true, "one state, a frame a token, V arcs"},
    {"eesen", Kind::kEesen, false, true, false, "EESEN's and WeNet's, 3V arcs"}};

// How many tokens a run of `frames` frames may be.
bool RunMayBe(const CtcTopology &t, int64_t frames, int64_t tokens) {
  if (!t.token_lasts) return tokens == frames;
  return t.blank_between_repeats ? tokens == 1 : tokens >= 1 && tokens <= frames;
}

}  // namespace

const CtcTopology &FindCtcTopology(const std::string &name, const std::string &option) {
  for (const CtcTopology &t : kTopologies) {
    if (name == t.name) return t;
  }
  throw UsageError(option, "=", name, ": unknown; known topologies are ", CtcTopologyNames());
}

std::string CtcTopologyNames() {
  std::string names;
  for (const CtcTopology &t : kTopologies) names += (names.empty() ? "" : ", ") + Cat(t.name);
  return names;
}

bool CtcPathStandsFor(const CtcTopology &topology, int32_t blank, Span<int32_t> path,
                      Span<int32_t> tokens) {
  // reached[n]: the runs so far may stand for the first n tokens.
  std::vector<bool> reached(tokens.size() + 1, false);
  reached[0] = true;
  bool has_run = false;
  for (size_t i = 0, end = 0; i < path.size(); i = end) {
    while (end < path.size() && path[end] == path[i]) ++end;
    if (path[i] == blank) continue;
    has_run = true;
    std::vector<bool> next(reached.size(), false);
    for (size_t n = 0; n < reached.size(); ++n) {
      if (!reached[n]) continue;
      for (size_t k = 1; n + k <= tokens.size() && tokens[n + k - 1] == path[i]; ++k) {
        if (RunMayBe(topology, static_cast<int64_t>(end - i), static_cast<int64_t>(k)))
          next[n + k] = true;
      }
    }
    reached = next;
  }
  return reached.back() && (topology.blanks_alone || path.empty() || has_run);
}

CtcMachine::CtcMachine(const CtcTopology &topology, int32_t num_tokens, int32_t blank)
    : t_(topology), num_tokens_(num_tokens), blank_(blank) {
  if (blank < 0 || blank >= num_tokens) {
    throw UsageError("--blank=", blank, ": not one of the ", num_tokens, " tokens");
  }
}

int32_t CtcMachine::After(int32_t state, int32_t token) const {
  if (token == blank_) return -1;
  switch (t_.kind) {
    case Kind::kMinimal:
      return kStart;
    case Kind::kCorrect:
      if (state != kStart && CtcNeedsBlankBetween(TokenOf(state), token)) return -1;
      return StateOf(token);
    case Kind::kCompact:
      return state == kStart ? StateOf(token) : -1;
    case Kind::kEesen:
      return state == kBefore ? StateOf(token) : -1;
  }
  return -1;
}

CtcChain::CtcChain(Span<int32_t> tokens, int32_t blank) {
  symbols_.reserve(2 * tokens.size() + 1);
  symbols_.push_back(blank);
  skips_.push_back(false);
  for (size_t i = 0; i < tokens.size(); ++i) {
    symbols_.insert(symbols_.end(), {tokens[i], blank});
    skips_.push_back(i > 0 && !CtcNeedsBlankBetween(tokens[i - 1], tokens[i]));
    skips_.push_back(false);
  }
}

int64_t CtcMinFrames(Span<int32_t> tokens) {
  int64_t n = static_cast<int64_t>(tokens.size());
  for (size_t i = 1; i < tokens.size(); ++i) n += CtcNeedsBlankBetween(tokens[i - 1], tokens[i]);
  return n;
}

}  // namespace u2moe
