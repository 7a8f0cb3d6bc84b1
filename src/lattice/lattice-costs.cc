#include "lattice/lattice-costs.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace u2moe {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

size_t Index(int state) { return static_cast<size_t>(state); }

LatticeWeight Scaled(const double (&scales)[2][2], const LatticeWeight &w) {
  if (w == LatticeWeight::Zero()) return w;
  const double graph = w.GraphCost(), acoustic = w.AcousticCost();
  return {static_cast<float>(scales[0][0] * graph + scales[0][1] * acoustic),
          static_cast<float>(scales[1][0] * graph + scales[1][1] * acoustic)};
}
CompactLatticeWeight Scaled(const double (&scales)[2][2], const CompactLatticeWeight &w) {
  return CompactLatticeWeight(Scaled(scales, w.Weight()), w.String());
}

LatticeWeight WithPenalty(float penalty, const LatticeWeight &w) {
  return Times(w, LatticeWeight(penalty, 0));
}
CompactLatticeWeight WithPenalty(float penalty, const CompactLatticeWeight &w) {
  return CompactLatticeWeight(WithPenalty(penalty, w.Weight()), w.String());
}

}  // namespace

void CostScaleOptions::Register(OptionParser *po) {
  po->Register("acoustic-scale", &acoustic_scale, "acoustic costs times this where paths compete");
  po->Register("lm-scale", &lm_scale, "graph costs times this where paths compete");
}

template <class L>
std::vector<double> ForwardCosts(const L &lattice, const CostScales &scales) {
  std::vector<double> costs(Index(lattice.NumStates()), kInfinity);
  if (lattice.Start() == fst::kNoStateId) return costs;
  costs[Index(lattice.Start())] = 0;
  for (int s = lattice.Start(); s < lattice.NumStates(); ++s) {
    if (costs[Index(s)] == kInfinity) continue;
    for (fst::ArcIterator<L> it(lattice, s); !it.Done(); it.Next()) {
      const auto &arc = it.Value();
      CHECK(arc.nextstate > s) << "not in topological order";
      double &next = costs[Index(arc.nextstate)];
      next = std::min(next, costs[Index(s)] + PathCost(arc.weight, scales));
    }
  }
  return costs;
}

template <class L>
std::vector<double> BackwardCosts(const L &lattice, const CostScales &scales) {
  std::vector<double> costs(Index(lattice.NumStates()), kInfinity);
  for (int s = lattice.NumStates() - 1; s >= 0; --s) {
    double best = PathCost(lattice.Final(s), scales);
    for (fst::ArcIterator<L> it(lattice, s); !it.Done(); it.Next()) {
      const auto &arc = it.Value();
      CHECK(arc.nextstate > s) << "not in topological order";
      best = std::min(best, PathCost(arc.weight, scales) + costs[Index(arc.nextstate)]);
    }
    costs[Index(s)] = best;
  }
  return costs;
}

template <class L>
void PruneLattice(double beam, const CostScales &scales, L *lattice) {
  using Weight = typename L::Arc::Weight;
  const std::vector<double> forward = ForwardCosts(*lattice, scales);
  const std::vector<double> backward = BackwardCosts(*lattice, scales);
  const double best =
      lattice->Start() == fst::kNoStateId ? kInfinity : backward[Index(lattice->Start())];
  if (best == kInfinity) return lattice->DeleteStates();
  // What is at the edge of the beam stays, however its sum is rounded.
  const double cutoff = best + beam + 1e-9 * std::max(1.0, std::abs(best));
  // Arcs to drop lead to a state from which there is no end.
  const int nowhere = lattice->AddState();
  for (int s = 0; s < nowhere; ++s) {
    const double cost = forward[Index(s)];
    if (cost + PathCost(lattice->Final(s), scales) > cutoff) lattice->SetFinal(s, Weight::Zero());
    for (fst::MutableArcIterator<L> it(lattice, s); !it.Done(); it.Next()) {
      auto arc = it.Value();
      if (cost + PathCost(arc.weight, scales) + backward[Index(arc.nextstate)] <= cutoff) continue;
      arc.nextstate = nowhere;
      it.SetValue(arc);
    }
  }
  fst::Connect(lattice);
}

template <class L>
void ScaleLattice(const double (&scales)[2][2], L *lattice) {
  for (int s = 0; s < lattice->NumStates(); ++s) {
    lattice->SetFinal(s, Scaled(scales, lattice->Final(s)));
    for (fst::MutableArcIterator<L> it(lattice, s); !it.Done(); it.Next()) {
      auto arc = it.Value();
      arc.weight = Scaled(scales, arc.weight);
      it.SetValue(arc);
    }
  }
}

template <class L>
void AddWordPenalty(double penalty, L *lattice) {
  if (penalty == 0) return;
  for (int s = 0; s < lattice->NumStates(); ++s) {
    for (fst::MutableArcIterator<L> it(lattice, s); !it.Done(); it.Next()) {
      auto arc = it.Value();
      if (arc.olabel == 0) continue;
      arc.weight = WithPenalty(static_cast<float>(penalty), arc.weight);
      it.SetValue(arc);
    }
  }
}

template std::vector<double> ForwardCosts(const Lattice &lattice, const CostScales &scales);
template std::vector<double> BackwardCosts(const Lattice &lattice, const CostScales &scales);
template void PruneLattice(double beam, const CostScales &scales, Lattice *lattice);
template void ScaleLattice(const double (&scales)[2][2], Lattice *lattice);
template void AddWordPenalty(double penalty, Lattice *lattice);
template std::vector<double> ForwardCosts(const CompactLattice &lattice, const CostScales &scales);
template std::vector<double> BackwardCosts(const CompactLattice &lattice, const CostScales &scales);
template void PruneLattice(double beam, const CostScales &scales, CompactLattice *lattice);
template void ScaleLattice(const double (&scales)[2][2], CompactLattice *lattice);
template void AddWordPenalty(double penalty, CompactLattice *lattice);

}  // namespace u2moe
