#include "lattice/oracle.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "lattice/lattice-costs.h"

namespace u2moe {
namespace {

constexpr int64_t kFar = std::numeric_limits<int64_t>::max() / 2;

// The best alignment of a path to a state with the first words of the reference, and its last step.
struct Cell {
  int64_t edits = kFar;
  double cost = 0;  // of the path
  int from = -1;    // state before the step: another, or this one for a word of the reference alone
  int32_t word = 0;        // of the path, 0: none
  bool reference = false;  // a word of the reference
};

bool IsBetter(const Cell &a, const Cell &b) {
  return a.edits != b.edits ? a.edits < b.edits : a.edits < kFar && a.cost < b.cost;
}

}  // namespace

OraclePath FindOracle(const CompactLattice &lattice, const std::vector<int32_t> &reference) {
  const size_t width = reference.size() + 1;
  const auto num_states = static_cast<size_t>(lattice.NumStates());
  std::vector<Cell> cells(num_states * width);
  const auto at = [&](int state, size_t q) -> Cell & {
    return cells[static_cast<size_t>(state) * width + q];
  };
  const auto improve = [](const Cell &found, Cell *cell) {
    if (IsBetter(found, *cell)) *cell = found;
  };
  Cell best;
  int best_state = -1;
  if (lattice.Start() != fst::kNoStateId) at(lattice.Start(), 0).edits = 0;
  for (int s = 0; s < lattice.NumStates(); ++s) {
    for (size_t q = 0; q < width; ++q) {
      const Cell &here = at(s, q);
      if (here.edits >= kFar) continue;
      if (q + 1 < width) improve({here.edits + 1, here.cost, s, 0, true}, &at(s, q + 1));
      for (fst::ArcIterator<CompactLattice> it(lattice, s); !it.Done(); it.Next()) {
        const CompactLatticeArc &arc = it.Value();
        const double cost = here.cost + PathCost(arc.weight);
        const int32_t word = arc.olabel;
        improve({here.edits + (word == 0 ? 0 : 1), cost, s, word, false}, &at(arc.nextstate, q));
        if (word == 0 || q + 1 == width) continue;
        improve({here.edits + (word == reference[q] ? 0 : 1), cost, s, word, true},
                &at(arc.nextstate, q + 1));
      }
    }
    Cell end = at(s, width - 1);
    end.cost += PathCost(lattice.Final(s));
    if (lattice.Final(s) == CompactLatticeWeight::Zero() || !IsBetter(end, best)) continue;
    best = end;
    best_state = s;
  }
  if (best_state < 0) throw DataError("the lattice has no path");

  OraclePath path;
  int state = best_state;
  for (size_t q = width - 1; state != lattice.Start() || q > 0;) {
    const Cell &cell = at(state, q);
    if (cell.word != 0) path.words.push_back(cell.word);
    if (cell.reference) --q;
    path.insertions += cell.word != 0 && !cell.reference;
    path.deletions += cell.word == 0 && cell.reference;
    path.substitutions += cell.word != 0 && cell.reference && cell.word != reference[q];
    state = cell.from;
  }
  std::reverse(path.words.begin(), path.words.end());
  return path;
}

}  // namespace u2moe
