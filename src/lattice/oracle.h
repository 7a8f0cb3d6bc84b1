// The path of a lattice that is nearest to a reference.
#ifndef U2MOE_LATTICE_ORACLE_H_
#define U2MOE_LATTICE_ORACLE_H_

#include <cstdint>
#include <vector>

#include "lattice/lattice.h"

namespace u2moe {

struct OraclePath {
  std::vector<int32_t> words;
  int64_t substitutions = 0, insertions = 0, deletions = 0;  // that make the reference of it

  int64_t Errors() const { return substitutions + insertions + deletions; }
};

// The path with the fewest edits to the reference; of equal ones the one that costs least. Exact:
// takes time and memory in proportion to (states + arcs) * words of the reference. States are in
// topological order. Throws DataError for a lattice without a path.
OraclePath FindOracle(const CompactLattice &lattice, const std::vector<int32_t> &reference);

}  // namespace u2moe

#endif  // U2MOE_LATTICE_ORACLE_H_
