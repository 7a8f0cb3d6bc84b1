#ifndef U2MOE_LATTICE_LM_RESCORE_H_
#define U2MOE_LATTICE_LM_RESCORE_H_

#include <cstdint>
#include <vector>

#include "lattice/lattice-lm.h"
#include "lattice/lattice.h"

namespace u2moe {

// A language model whose costs are added this many times; below 0 they are taken away.
struct LmTerm {
  LatticeLm *lm;
  double scale;
};

// Adds the costs of language models to the graph costs of all paths, the end of the sentence
// included, exactly: states are split where histories that a model tells apart meet. A path that a
// model with a scale above 0 does not allow goes; one that a model to be taken away does not allow
// is a DataError, since it cannot have come from there. Of a deterministic lattice a deterministic
// one comes; states are in topological order, of the input and of the output. Throws DataError for
// an output of more than max_arcs arcs.
void RescoreLattice(const CompactLattice &in, const std::vector<LmTerm> &terms, int64_t max_arcs,
                    CompactLattice *out);

}  // namespace u2moe

#endif  // U2MOE_LATTICE_LM_RESCORE_H_
