#include "graph/ctc-topology.h"

#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;
using Kind = CtcTopology::Kind;

static_assert(CtcMachine::kEpsilon + 1 == 0, "epsilon has the label 0");
int32_t LabelOf(int32_t token) { return token + 1; }

// States of the composition are numbered as they are found.
class Composer {
 public:
  Composer(const CtcMachine &t, const StdVectorFst &graph, int64_t max_states)
      : t_(t), graph_(graph), max_states_(max_states) {}

  StdVectorFst Run() {
    if (graph_.Start() == fst::kNoStateId) return out_;
    out_.SetStart(Find({CtcMachine::kStart, graph_.Start(), false}));
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
        throw DataError(
            "T o LG has more than --max-states=", max_states_,
            " states; prune the language model, take --topology=compact, or raise "
            "--max-states where there is the memory (about 100 bytes a state, 16 an arc)");
      }
      pairs_.push_back(p);
      out_.AddState();
    }
    return found->second;
  }

  void Expand(int from, const Pair p) {
    if (t_.IsFinal(p.topology)) out_.SetFinal(from, graph_.Final(p.graph));
    if (!p.waited) {
      t_.ForEachSilent(p.topology, [&](int32_t token, int32_t next) {
        out_.AddArc(from, StdArc(LabelOf(token), 0, 0.f, Find({next, p.graph, false})));
      });
    }
    for (fst::ArcIterator<StdVectorFst> it(graph_, p.graph); !it.Done(); it.Next()) {
      const StdArc &arc = it.Value();
      const int32_t token = arc.ilabel - 1;
      if (!t_.IsToken(token)) {
        if (t_.MayWait(p.topology)) {
          const int to = Find({p.topology, arc.nextstate, t_.WaitsLast()});
          out_.AddArc(from, StdArc(0, arc.olabel, arc.weight, to));
        }
        continue;
      }
      const int32_t next = t_.After(p.topology, token);
      if (next < 0) continue;
      const int to = Find({next, arc.nextstate, false});
      out_.AddArc(from, StdArc(arc.ilabel, arc.olabel, arc.weight, to));
    }
  }

  const CtcMachine &t_;
  const StdVectorFst &graph_;
  int64_t max_states_;
  std::unordered_map<uint64_t, int> ids_;
  std::vector<Pair> pairs_;
  StdVectorFst out_;
};

}  // namespace

StdVectorFst MakeCtcTopology(const CtcTopology &topology, int32_t num_tokens, int32_t blank,
                             int32_t num_disambig) {
  const CtcMachine t(topology, num_tokens, blank);
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
  const CtcMachine t(topology, num_tokens, blank);
  StdVectorFst out = Composer(t, graph, max_states).Run();
  RequireSound(out, "the composition of T and LG");
  return out;
}

}  // namespace u2moe
