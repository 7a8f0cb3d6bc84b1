#include "decode/wfst-graph.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"

namespace u2moe {

WfstGraph WfstGraph::Read(const std::string &rxfilename) {
  FstReader reader(rxfilename);
  WfstGraph graph;
  FstReader::State state;
  while (reader.Next(&state)) graph.AddState(state.final, state.arcs, rxfilename);
  graph.Finish(reader.Header().start, rxfilename);
  return graph;
}

WfstGraph::WfstGraph(const fst::StdVectorFst &machine, const std::string &source) {
  std::vector<fst::StdArc> arcs;
  for (int s = 0; s < machine.NumStates(); ++s) {
    arcs.clear();
    for (fst::ArcIterator<fst::StdVectorFst> it(machine, s); !it.Done(); it.Next())
      arcs.push_back(it.Value());
    AddState(machine.Final(s).Value(), arcs, source);
  }
  Finish(machine.Start(), source);
}

void WfstGraph::AddState(float final, Span<fst::StdArc> arcs, const std::string &source) {
  if (arcs_.size() + arcs.size() > std::numeric_limits<int32_t>::max())
    throw DataError(source, ": more than 2^31 - 1 arcs; prune the language model");
  const auto add = [&](bool epsilons) {
    for (const fst::StdArc &a : arcs) {
      if ((a.ilabel == 0) != epsilons || a.weight == fst::TropicalWeight::Zero()) continue;
      arcs_.push_back({a.ilabel, a.olabel, a.weight.Value(), a.nextstate});
      largest_ilabel_ = std::max(largest_ilabel_, a.ilabel);
    }
  };
  State state{static_cast<uint32_t>(arcs_.size()), 0, 0};
  add(true);
  state.emitting = static_cast<uint32_t>(arcs_.size());
  add(false);
  state.end = static_cast<uint32_t>(arcs_.size());
  states_.push_back(state);
  finals_.push_back(final);
}

void WfstGraph::Finish(int64_t start, const std::string &source) {
  if (start < 0) throw DataError(source, ": the graph has no start state, so it accepts nothing");
  start_ = static_cast<int32_t>(start);
  FindLevels(source);
}

// A depth-first search over epsilons, by hand: chains of them may be long. The level of a state is
// one below the least of those that follow; they are then counted from the other end.
void WfstGraph::FindLevels(const std::string &source) {
  constexpr int32_t kUnseen = -2, kOpen = -3;
  levels_.assign(finals_.size(), kUnseen);
  struct Place {
    int32_t state;
    size_t next;
  };
  std::vector<Place> stack;
  int32_t highest = -1;
  for (int32_t root = 0; root < NumStates(); ++root) {
    if (levels_[static_cast<size_t>(root)] != kUnseen) continue;
    stack.push_back({root, 0});
    while (!stack.empty()) {
      Place *top = &stack.back();
      const Span<Arc> arcs = Epsilons(top->state);
      int32_t *level = &levels_[static_cast<size_t>(top->state)];
      if (arcs.empty()) {
        *level = -1;
        stack.pop_back();
        continue;
      }
      *level = kOpen;
      if (top->next < arcs.size()) {
        const int32_t to = arcs[top->next++].next;
        const int32_t seen = levels_[static_cast<size_t>(to)];
        if (seen == kOpen) {
          throw DataError(source, ": a cycle of epsilons through state ", to,
                          ", which no search can leave; compile-graph finds where it comes from");
        }
        if (seen == kUnseen) stack.push_back({to, 0});
        continue;
      }
      *level = 0;  // its height: the longest way on through states with epsilons
      for (const Arc &a : arcs) *level = std::max(*level, levels_[static_cast<size_t>(a.next)] + 1);
      highest = std::max(highest, *level);
      stack.pop_back();
    }
  }
  for (int32_t &level : levels_) {
    if (level >= 0) level = highest - level;
  }
  num_levels_ = highest + 1;
}

int32_t WfstGraph::SourceOf(int32_t arc) const {
  // The last state whose arcs begin at or before it; states without arcs begin where the next does.
  const uint32_t index = static_cast<uint32_t>(arc);
  if (by_arcs_.empty()) {
    const auto after = std::upper_bound(states_.begin(), states_.end(), index,
                                        [](uint32_t i, const State &s) { return i < s.epsilons; });
    return static_cast<int32_t>(after - states_.begin()) - 1;
  }
  const auto after = std::upper_bound(
      by_arcs_.begin(), by_arcs_.end(), index,
      [&](uint32_t i, int32_t s) { return i < states_[static_cast<size_t>(s)].epsilons; });
  return after[-1];
}

bool WfstGraph::HasInputLabel(int32_t label) const {
  return std::any_of(arcs_.begin(), arcs_.end(),
                     [label](const Arc &a) { return a.ilabel == label; });
}

void WfstGraph::AddToTokens(float cost, int32_t blank_label) {
  for (int32_t s = 0; s < NumStates(); ++s) {
    const State &state = states_[static_cast<size_t>(s)];
    for (uint32_t i = state.emitting; i < state.end; ++i) {
      if (BeginsToken(arcs_[i], s, blank_label)) arcs_[i].weight += cost;
    }
  }
}

void WfstGraph::KeepWords(const std::vector<bool> &words, const std::string &source) {
  const auto kept = [&](const Arc &a) {
    return a.olabel == 0 ||
           (static_cast<size_t>(a.olabel) < words.size() && words[static_cast<size_t>(a.olabel)]);
  };
  // The states that lead to an end by arcs that stay, found backwards from the ends.
  const auto num_states = static_cast<size_t>(NumStates());
  std::vector<uint32_t> first(num_states + 1, 0);  // of each state's arcs to it, in `sources`
  for (const Arc &a : arcs_) first[static_cast<size_t>(a.next) + 1] += kept(a);
  for (size_t s = 0; s < num_states; ++s) first[s + 1] += first[s];
  std::vector<int32_t> sources(first.back());
  std::vector<uint32_t> place = first;
  for (size_t s = 0; s < num_states; ++s) {
    for (uint32_t i = states_[s].epsilons; i < states_[s].end; ++i) {
      if (kept(arcs_[i]))
        sources[place[static_cast<size_t>(arcs_[i].next)]++] = static_cast<int32_t>(s);
    }
  }
  std::vector<bool> leads(num_states, false);
  std::vector<int32_t> stack;
  for (size_t s = 0; s < num_states; ++s) {
    if (finals_[s] == std::numeric_limits<float>::infinity()) continue;
    leads[s] = true;
    stack.push_back(static_cast<int32_t>(s));
  }
  while (!stack.empty()) {
    const auto s = static_cast<size_t>(stack.back());
    stack.pop_back();
    for (uint32_t i = first[s]; i < first[s + 1]; ++i) {
      const auto from = static_cast<size_t>(sources[i]);
      if (leads[from]) continue;
      leads[from] = true;
      stack.push_back(sources[i]);
    }
  }
  if (!leads[static_cast<size_t>(start_)]) {
    throw DataError(source, ": no path of the graph has only the allowed words");
  }
  std::vector<Arc> arcs;
  for (size_t s = 0; s < num_states; ++s) {
    const State old = states_[s];
    const auto keep = [&](uint32_t begin, uint32_t end) {
      for (uint32_t i = begin; i < end; ++i) {
        if (kept(arcs_[i]) && leads[static_cast<size_t>(arcs_[i].next)]) arcs.push_back(arcs_[i]);
      }
      return static_cast<uint32_t>(arcs.size());
    };
    states_[s].epsilons = static_cast<uint32_t>(arcs.size());
    states_[s].emitting = keep(old.epsilons, old.emitting);
    states_[s].end = keep(old.emitting, old.end);
  }
  arcs_ = std::move(arcs);
  FindLevels(source);
}

}  // namespace u2moe
