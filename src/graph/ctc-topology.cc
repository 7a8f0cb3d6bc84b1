#include "graph/ctc-topology.h"

#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;
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

// The states of T: kStart, where blanks may pass, and one per token, in which it lasts. eesen's
// two others are for blanks before and after a token.
constexpr int32_t kStart = 0, kBefore = 1, kAfter = 2;

class Topology {
 public:
  Topology(const CtcTopology &t, int32_t num_tokens, int32_t blank)
      : t_(t), num_tokens_(num_tokens), blank_(blank + 1) {
    if (blank < 0 || blank >= num_tokens) {
      throw UsageError("--blank=", blank, ": not one of the ", num_tokens, " tokens");
    }
  }

  bool IsToken(int32_t label) const { return label > 0 && label <= num_tokens_; }
  bool IsFinal(int32_t state) const { return t_.kind == Kind::kCorrect || state == kStart; }
  // Where T may wait while the graph takes an epsilon.
  bool MayWait(int32_t state) const { return IsFinal(state); }
  // Whether T has to take the graph's epsilons last. eesen's blanks come after them anyhow.
  bool WaitsLast() const { return t_.kind != Kind::kEesen; }

  // Calls fn(input label, next state) for T's arcs without output.
  template <class Fn>
  void ForEachSilent(int32_t state, const Fn &fn) const {
    if (t_.kind == Kind::kEesen) {
      if (state == kStart) return fn(0, kBefore);
      if (state == kBefore) return fn(blank_, kBefore);
      if (state == kAfter) return fn(blank_, kAfter), fn(0, kStart);
      return fn(TokenOf(state), state), fn(0, kAfter);
    }
    if (state == kStart) return fn(blank_, kStart);
    fn(TokenOf(state), state);
    t_.kind == Kind::kCorrect ? fn(blank_, kStart) : fn(0, kStart);
  }
  // The state after the token with that label, -1: none.
  int32_t After(int32_t state, int32_t label) const {
    if (label == blank_) return -1;
    switch (t_.kind) {
      case Kind::kMinimal:
        return kStart;
      case Kind::kCorrect:
        return state == StateOf(label) ? -1 : StateOf(label);
      case Kind::kCompact:
        return state == kStart ? StateOf(label) : -1;
      case Kind::kEesen:
        return state == kBefore ? StateOf(label) : -1;
    }
    return -1;
  }

 private:
  int32_t StateOf(int32_t label) const { return label + (t_.kind == Kind::kEesen ? kAfter : 0); }
  int32_t TokenOf(int32_t state) const { return state - (t_.kind == Kind::kEesen ? kAfter : 0); }

  const CtcTopology &t_;
  int32_t num_tokens_, blank_;  // the blank's label
};

// States of the composition are numbered as they are found.
class Composer {
 public:
  Composer(const Topology &t, const StdVectorFst &graph, int64_t max_states)
      : t_(t), graph_(graph), max_states_(max_states) {}

  StdVectorFst Run() {
    if (graph_.Start() == fst::kNoStateId) return out_;
    out_.SetStart(Find({kStart, graph_.Start(), false}));
    for (size_t i = 0; i < pairs_.size(); ++i) Expand(static_cast<int>(i), pairs_[i]);
    fst::Connect(&out_);
    return std::move(out_);
  }

 private:
  struct Pair {
    int32_t topology, graph;
    bool waited;  // the graph has just taken an epsilon: now a token, or the end
  };

  int Find(const Pair &p) {
    const uint64_t key =
        (static_cast<uint64_t>(p.topology) << 32 | static_cast<uint32_t>(p.graph)) << 1 | p.waited;
    const auto [found, is_new] = ids_.emplace(key, static_cast<int>(pairs_.size()));
    if (is_new) {
      if (max_states_ > 0 && static_cast<int64_t>(pairs_.size()) >= max_states_) {
        throw DataError("T o LG has more than --max-states=", max_states_,
                        " states; prune the language model, take --topology=compact, or raise "
                        "--max-states where there is the memory (about 100 bytes a state)");
      }
      pairs_.push_back(p);
      out_.AddState();
    }
    return found->second;
  }

  void Expand(int from, const Pair p) {
    if (t_.IsFinal(p.topology)) out_.SetFinal(from, graph_.Final(p.graph));
    if (!p.waited) {
      t_.ForEachSilent(p.topology, [&](int32_t label, int32_t next) {
        out_.AddArc(from, StdArc(label, 0, 0.f, Find({next, p.graph, false})));
      });
    }
    for (fst::ArcIterator<StdVectorFst> it(graph_, p.graph); !it.Done(); it.Next()) {
      const StdArc &arc = it.Value();
      if (!t_.IsToken(arc.ilabel)) {
        if (t_.MayWait(p.topology)) {
          const int to = Find({p.topology, arc.nextstate, t_.WaitsLast()});
          out_.AddArc(from, StdArc(0, arc.olabel, arc.weight, to));
        }
        continue;
      }
      const int32_t next = t_.After(p.topology, arc.ilabel);
      if (next < 0) continue;
      const int to = Find({next, arc.nextstate, false});
      out_.AddArc(from, StdArc(arc.ilabel, arc.olabel, arc.weight, to));
    }
  }

  const Topology &t_;
  const StdVectorFst &graph_;
  int64_t max_states_;
  std::unordered_map<uint64_t, int> ids_;
  std::vector<Pair> pairs_;
  StdVectorFst out_;
};

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

StdVectorFst MakeCtcTopology(const CtcTopology &topology, int32_t num_tokens, int32_t blank,
                             int32_t num_disambig) {
  const Topology t(topology, num_tokens, blank);
  const int64_t arcs = topology.kind == Kind::kCorrect
                           ? static_cast<int64_t>(num_tokens) * (num_tokens + num_disambig)
                           : 0;
  if (arcs > int64_t{1} << 27) {
    throw DataError("the topology '", topology.name, "' of ", num_tokens, " tokens has ", arcs,
                    " arcs; compile-graph composes it with LG without making it, and compact has ",
                    "3 arcs a token");
  }
  // Composed with the loop of all tokens and disambiguation symbols, which is the identity.
  StdVectorFst loop;
  loop.AddState();
  loop.SetStart(0);
  loop.SetFinal(0, 0);
  for (int32_t label = 1; label <= num_tokens; ++label) {
    if (label != blank + 1) loop.AddArc(0, StdArc(label, label, 0.f, 0));
  }
  StdVectorFst out = Composer(t, loop, 0).Run();
  for (int s = 0; s < out.NumStates(); ++s) {
    if (out.Final(s) == fst::TropicalWeight::Zero()) continue;
    for (int32_t d = 0; d < num_disambig; ++d) out.AddArc(s, StdArc(0, num_tokens + 1 + d, 0.f, s));
  }
  fst::ArcSort(&out, fst::OLabelCompare<StdArc>());
  return out;
}

StdVectorFst ComposeCtcTopology(const CtcTopology &topology, int32_t num_tokens, int32_t blank,
                                const StdVectorFst &graph, int64_t max_states) {
  const Topology t(topology, num_tokens, blank);
  StdVectorFst out = Composer(t, graph, max_states).Run();
  RequireSound(out, "the composition of T and LG");
  return out;
}

}  // namespace u2moe
