#include "decode/wfst-composed-graph.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace u2moe {
namespace {

// Epsilons that a topology takes from a token to its start: compact one, eesen two.
constexpr int32_t kMostSteps = 2;

int32_t NumTokens(const WfstGraph &lg, int32_t blank) {
  return std::max(lg.LargestInputLabel(), blank + 1);
}

}  // namespace

ComposedWfstGraph::ComposedWfstGraph(const WfstGraph *lg, const CtcTopology &topology,
                                     int32_t blank, float token_cost)
    : lg_(lg),
      machine_(topology, NumTokens(*lg, blank), blank),
      blank_label_(blank + 1),
      token_cost_(token_cost) {
  largest_ilabel_ = NumTokens(*lg, blank);
  num_levels_ = kMostSteps + lg->NumEpsilonLevels() + 1;
  Forget();
}

void ComposedWfstGraph::Forget() {
  states_.clear();
  finals_.clear();
  levels_.clear();
  arcs_.clear();
  by_arcs_.clear();
  pairs_.clear();
  ids_.clear();
  start_ = Find({CtcMachine::kStart, lg_->Start(), false});
}

size_t ComposedWfstGraph::Bytes() const {
  constexpr size_t kNode = 40;  // of the map, with its bucket
  return arcs_.size() * sizeof(Arc) + states_.size() * (sizeof(State) + sizeof(float) +
                                                        2 * sizeof(int32_t) + sizeof(Pair) + kNode);
}

// Epsilons lead from a token's state to the topology's start, and from there (or, in "correct", in
// any state) through those of LG; eesen's start has one more, which ends it.
int32_t ComposedWfstGraph::LevelOf(const Pair &p) const {
  const auto next_of = [&](int32_t topology) {
    int32_t found = -1;
    machine_.ForEachSilent(topology, [&](int32_t frame, int32_t next) {
      if (frame == CtcMachine::kEpsilon) found = next;
    });
    return found;
  };
  const bool own = !p.waited && next_of(p.topology) >= 0;
  const int32_t level = machine_.MayWait(p.topology) ? lg_->EpsilonLevel(p.graph) : -1;
  if (!own && level < 0) return -1;
  int32_t steps = 0;
  for (int32_t t = p.topology; t != CtcMachine::kStart && next_of(t) >= 0; t = next_of(t)) ++steps;
  if (steps > 0) return kMostSteps - steps;
  return kMostSteps + (level >= 0 ? level : lg_->NumEpsilonLevels());
}

int32_t ComposedWfstGraph::Find(const Pair &p) {
  const uint64_t key =
      (static_cast<uint64_t>(p.topology) << 32 | static_cast<uint32_t>(p.graph)) << 1 | p.waited;
  const auto [found, is_new] = ids_.emplace(key, static_cast<int32_t>(pairs_.size()));
  if (is_new) {
    pairs_.push_back(p);
    states_.push_back({0, 0, kUnmade});
    finals_.push_back(machine_.IsFinal(p.topology) ? lg_->Final(p.graph)
                                                   : std::numeric_limits<float>::infinity());
    levels_.push_back(LevelOf(p));
  }
  return found->second;
}

void ComposedWfstGraph::MakeArcs(int32_t state) {
  const Pair p = pairs_[static_cast<size_t>(state)];
  const auto add = [&](int32_t ilabel, int32_t olabel, float weight, const Pair &to) {
    Arc arc{ilabel, olabel, weight, Find(to)};
    if (ilabel != 0 && BeginsToken(arc, state, blank_label_)) arc.weight += token_cost_;
    arcs_.push_back(arc);
  };
  const auto add_silent = [&](bool epsilons) {
    if (p.waited) return;
    machine_.ForEachSilent(p.topology, [&](int32_t frame, int32_t next) {
      if ((frame == CtcMachine::kEpsilon) == epsilons) add(frame + 1, 0, 0, {next, p.graph, false});
    });
  };
  State made{static_cast<uint32_t>(arcs_.size()), 0, 0};
  add_silent(true);
  if (machine_.MayWait(p.topology)) {
    for (const Arc &arc : lg_->Epsilons(p.graph))
      add(0, arc.olabel, arc.weight, {p.topology, arc.next, machine_.WaitsLast()});
  }
  made.emitting = static_cast<uint32_t>(arcs_.size());
  add_silent(false);
  for (const Arc &arc : lg_->Emitting(p.graph)) {
    const int32_t next = machine_.After(p.topology, arc.ilabel - 1);
    if (next >= 0) add(arc.ilabel, arc.olabel, arc.weight, {next, arc.next, false});
  }
  if (arcs_.size() > std::numeric_limits<int32_t>::max())
    throw DataError("what was made of T o LG in this utterance has more than 2^31 - 1 arcs");
  made.end = static_cast<uint32_t>(arcs_.size());
  states_[static_cast<size_t>(state)] = made;
  by_arcs_.push_back(state);
}

}  // namespace u2moe
