// The path of a lattice that is nearest to a reference.
#ifndef U2MOE_LATTICE_ORACLE_H_
#define U2MOE_LATTICE_ORACLE_H_

#include <cstdint>
#include <vector>

#include "lattice/lattice.h"
#include "util/options.h"

namespace u2moe {

struct OraclePath {
  std::vector<int32_t> words;
  int64_t substitutions = 0, insertions = 0, deletions = 0;  // that make the reference of it

  int64_t Errors() const { return substitutions + insertions + deletions; }
};

struct OracleOptions {
  int64_t max_mem = int64_t{1} << 30;  // bytes for one lattice

  void Register(OptionParser *po);  // --max-mem
  void Check() const;               // throws UsageError
};

// The path with the fewest edits to the reference; of equal ones the one that costs least. Exact:
// e errors take time and memory in proportion to (states + arcs) * (2e + the difference between the
// most and the fewest words that lead to a state), which is no more than * words of the reference.
// States are in topological order. Throws DataError for a lattice without a path, and for one that
// takes more than max_mem.
OraclePath FindOracle(const CompactLattice &lattice, const std::vector<int32_t> &reference,
                      const OracleOptions &opts = {});

}  // namespace u2moe

#endif  // U2MOE_LATTICE_ORACLE_H_
