// Costs over the paths of a lattice. In double, whatever the floats on the arcs, and infinite where
// there is no path. States are in topological order (as the readers of lattice-tables.h give).
#ifndef U2MOE_LATTICE_LATTICE_COSTS_H_
#define U2MOE_LATTICE_LATTICE_COSTS_H_

#include <vector>

#include "lattice/lattice.h"
#include "util/options.h"

namespace u2moe {

// What the two costs are multiplied with where paths are compared.
struct CostScales {
  double graph = 1, acoustic = 1;
};

inline double PathCost(const LatticeWeight &w, const CostScales &scales = {}) {
  // Not 0 * infinity.
  if (w == LatticeWeight::Zero()) return w.GraphCost();
  return scales.graph * w.GraphCost() + scales.acoustic * w.AcousticCost();
}
inline double PathCost(const CompactLatticeWeight &w, const CostScales &scales = {}) {
  return PathCost(w.Weight(), scales);
}

// --acoustic-scale and --lm-scale, as Kaldi's lattice tools have them.
struct CostScaleOptions {
  float acoustic_scale = 1, lm_scale = 1;

  void Register(OptionParser *po);
  CostScales Scales() const { return {lm_scale, acoustic_scale}; }
};

// By state: the cost of the best path from the start, and to the end with its final cost. L is
// Lattice or CompactLattice, here and below.
template <class L>
std::vector<double> ForwardCosts(const L &lattice, const CostScales &scales = {});
template <class L>
std::vector<double> BackwardCosts(const L &lattice, const CostScales &scales = {});

// Takes away what no path of a cost within `beam` of the best goes through. States keep their
// order. A lattice without a path becomes empty.
template <class L>
void PruneLattice(double beam, const CostScales &scales, L *lattice);

// graph cost <- scales[0][0] * graph cost + scales[0][1] * acoustic cost, and the acoustic cost by
// the second row, as Kaldi's ScaleLattice.
template <class L>
void ScaleLattice(const double (&scales)[2][2], L *lattice);

// Adds to the graph cost of each arc with a word, as lattice-add-penalty: a penalty a word.
template <class L>
void AddWordPenalty(double penalty, L *lattice);

}  // namespace u2moe

#endif  // U2MOE_LATTICE_LATTICE_COSTS_H_
