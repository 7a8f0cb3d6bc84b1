// Determinisation of a lattice over words within a beam, in effect as Kaldi's
// DeterminizeLatticePruned: one path a word sequence.
#ifndef U2MOE_LATTICE_DETERMINIZE_H_
#define U2MOE_LATTICE_DETERMINIZE_H_

#include <cstdint>
#include <string>

#include "lattice/lattice-costs.h"
#include "lattice/lattice.h"
#include "util/options.h"

namespace u2moe {

struct DeterminizeOptions {
  float beam = 10;  // in cost, around the best path
  int64_t max_mem = 50000000;
  CostScales scales;  // where paths compete; the weights stay as they are

  void Register(OptionParser *po);  // --beam, --max-mem
  void Check() const;               // throws UsageError
};

// Writes to *out the word sequences of `in` whose best path costs at most `beam` more than the best
// of all: each is on one path, which has the weight of its best path in `in` and, as its string,
// the input labels of that. Of equal costs the weight and string that Compare prefers is taken.
// Sequences beyond the beam may be there too, where states and arcs within it make them up. States
// are in topological order.
//
// `in`: any lattice with states in topological order (as the readers give); words on the output
// labels. An empty one, or one in which no final state is reached, gives an empty one.
//
// Word sequences are completed in the order of their costs, so when the memory at hand (about
// max_mem bytes) runs out, those up to some smaller beam are complete. If that is far smaller, what
// lies beyond it took the memory: all is done again with a beam in between, a few times at most.
// Returns the beam within which all are there: opts.beam unless memory ran out. Throws DataError
// where 16 times the memory does not hold even the best path.
double DeterminizeLattice(const Lattice &in, const DeterminizeOptions &opts, CompactLattice *out);

// The same, and a warning with the utterance where the beam became smaller. Throws DataError for a
// lattice without a path.
void DeterminizeAndWarn(const std::string &utterance, const Lattice &in,
                        const DeterminizeOptions &opts, CompactLattice *out);

}  // namespace u2moe

#endif  // U2MOE_LATTICE_DETERMINIZE_H_
