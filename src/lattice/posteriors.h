// How probable the words of a lattice are, given the lattice.
#ifndef U2MOE_LATTICE_POSTERIORS_H_
#define U2MOE_LATTICE_POSTERIORS_H_

#include <cstdint>
#include <vector>

#include "lattice/lattice-costs.h"
#include "lattice/lattice.h"

namespace u2moe {

// An arc and the share that the paths through it have in the sum of exp(-cost) over all paths.
struct ArcPosterior {
  int state, next;
  int32_t word;
  double posterior;
};

// Of all arcs that a path goes through, by state and in the order of the arcs, by the
// forward-backward algorithm. States are in topological order; the posteriors of the arcs and ends
// that a path must cross one of sum to 1. *log_sum, if given, is the logarithm of the sum over all
// paths, -infinity where there is none. L is Lattice or CompactLattice; a Lattice's word is the
// output label.
template <class L>
std::vector<ArcPosterior> ArcPosteriors(const L &lattice, const CostScales &scales = {},
                                        double *log_sum = nullptr);

// By state: the number of frames before it, which is the same on all paths to it; -1 where no path
// comes. Throws DataError for a lattice in which it is not.
std::vector<int32_t> StateTimes(const CompactLattice &lattice);

// How sure the lattice is of the words of a sequence, usually those of its best path: for each, the
// probability that a path, aligned with the sequence by the fewest expected edits, has this word in
// its place (Xu, Povey, Mangu and Zhu 2011, "Minimum Bayes Risk decoding and system combination
// based on a recursion for edit distance"; Kaldi's lattice-to-ctm-conf). Times play no part. Takes
// time in proportion to arcs * words.
template <class L>
std::vector<double> WordConfidences(const L &lattice, const std::vector<int32_t> &words,
                                    const CostScales &scales = {});

}  // namespace u2moe

#endif  // U2MOE_LATTICE_POSTERIORS_H_
