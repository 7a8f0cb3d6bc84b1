#include "lattice/lm-rescore.h"

#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "base/error.h"

namespace u2moe {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

CompactLatticeWeight WithGraphCost(const CompactLatticeWeight &w, double cost) {
  const LatticeWeight &costs = w.Weight();
  return CompactLatticeWeight(
      LatticeWeight(static_cast<float>(costs.GraphCost() + cost), costs.AcousticCost()),
      w.String());
}

// scale * cost; infinite for what is not allowed.
double TermCost(const LmTerm &term, double cost) {
  if (cost < kInfinity) return term.scale * cost;
  if (term.scale < 0) {
    throw DataError(
        "a path of the lattice is none of the language model that is to be taken away; "
        "give the one that the graph was made of, and its words.txt");
  }
  return term.scale == 0 ? 0 : kInfinity;
}

}  // namespace

void RescoreLattice(const CompactLattice &in, const std::vector<LmTerm> &terms, int64_t max_arcs,
                    CompactLattice *out) {
  out->DeleteStates();
  if (in.Start() == fst::kNoStateId) return;
  using LmStates = std::vector<int32_t>;
  // By state of the input: the states of the output that it is, by states of the models.
  std::vector<std::map<LmStates, int>> states(static_cast<size_t>(in.NumStates()));
  const auto state_of = [&](int in_state, const LmStates &lm_states) {
    const auto [it, is_new] = states[static_cast<size_t>(in_state)].emplace(lm_states, 0);
    if (is_new) it->second = out->AddState();
    return it->second;
  };
  LmStates start;
  for (const LmTerm &term : terms) start.push_back(term.lm->Start());
  out->SetStart(state_of(in.Start(), start));
  int64_t num_arcs = 0;
  for (int s = 0; s < in.NumStates(); ++s) {
    for (const auto &[lm_states, state] : states[static_cast<size_t>(s)]) {
      if (in.Final(s) != CompactLatticeWeight::Zero()) {
        double cost = 0;
        for (size_t i = 0; i < terms.size(); ++i) {
          cost += TermCost(terms[i], terms[i].lm->Final(lm_states[i]));
        }
        if (cost < kInfinity) out->SetFinal(state, WithGraphCost(in.Final(s), cost));
      }
      for (fst::ArcIterator<CompactLattice> it(in, s); !it.Done(); it.Next()) {
        const CompactLatticeArc &arc = it.Value();
        double cost = 0;
        LmStates next = lm_states;
        for (size_t i = 0; arc.olabel != 0 && i < terms.size(); ++i) {
          cost += TermCost(terms[i], terms[i].lm->Step(lm_states[i], arc.olabel, &next[i]));
        }
        if (cost == kInfinity) continue;
        if (++num_arcs > max_arcs) {
          throw DataError("more than ", max_arcs,
                          " arcs with the language model; make the lattice "
                          "smaller with lattice-prune");
        }
        out->AddArc(state,
                    CompactLatticeArc(arc.ilabel, arc.olabel, WithGraphCost(arc.weight, cost),
                                      state_of(arc.nextstate, next)));
      }
    }
  }
  fst::Connect(out);
  fst::TopSort(out);
}

}  // namespace u2moe
