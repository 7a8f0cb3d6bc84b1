#ifndef U2MOE_GRAPH_DETERMINIZE_GRAPH_H_
#define U2MOE_GRAPH_DETERMINIZE_GRAPH_H_

#include <cstdint>

#include "graph/openfst.h"
#include "graph/word-table.h"

namespace u2moe {

struct DeterminizeGraphOptions {
  int64_t max_states = 0;            // of the result, 0: any number
  const WordTable *words = nullptr;  // names of output labels for messages, may be null
};

// A transducer of the same paths in which no state has two arcs with the same input label; epsilons
// count as a label (Mohri 1997, over costs and output strings). Each output stands where it is
// certain, costs as near to the start as they can be. Residual costs that differ by less than
// 1/4096 are the same. Every state of `in` lies on a path from the start to an end (fst::Connect).
//
// Throws DataError where one input has two outputs, and beyond max_states, or 8 max_states places
// in subsets: an FST that cannot be determinised grows for ever, and where each pronunciation that
// is another's, or another's beginning, ends in a disambiguation symbol, L o G does not.
//
// fst::Determinize does the same; but the hash of its subsets puts ours into few buckets, so that
// it takes minutes where this takes seconds.
fst::StdVectorFst DeterminizeGraph(const fst::StdVectorFst &in,
                                   const DeterminizeGraphOptions &opts);

}  // namespace u2moe

#endif  // U2MOE_GRAPH_DETERMINIZE_GRAPH_H_
