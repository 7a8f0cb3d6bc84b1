// The topologies of CTC (util/ctc-topology.h) as FSTs: "T", and composed with a graph without
// writing T down. Each pair of a path and what it stands for has the weight 0 in T.
//
// Labels of graphs: 0 is epsilon, 1 + k is token k of the model (blank among them), and those from
// 1 + V on are the disambiguation symbols #0, #1, ... of a lexicon.
#ifndef U2MOE_GRAPH_CTC_TOPOLOGY_H_
#define U2MOE_GRAPH_CTC_TOPOLOGY_H_

#include <cstdint>

#include "graph/openfst.h"
#include "util/ctc-topology.h"

namespace u2moe {

// T for V = num_tokens tokens, which passes over num_disambig disambiguation symbols, sorted by
// output label. Throws UsageError if the blank is no token, DataError for more than 2^27 arcs.
fst::StdVectorFst MakeCtcTopology(const CtcTopology &topology, int32_t num_tokens, int32_t blank,
                                  int32_t num_disambig);

// Connect(T o graph), where T makes only what the graph reaches: "correct" takes V^2 arcs by itself
// and few here. Labels of the graph's input that are not tokens (disambiguation symbols, epsilon)
// become epsilons. Epsilons of the graph are taken just before a token, or at the end, so that
// there is one order of them and the blanks, but for eesen, whose blanks before and after compete.
// Throws DataError beyond max_states (0: any number), saying so.
fst::StdVectorFst ComposeCtcTopology(const CtcTopology &topology, int32_t num_tokens, int32_t blank,
                                     const fst::StdVectorFst &graph, int64_t max_states);

}  // namespace u2moe

#endif  // U2MOE_GRAPH_CTC_TOPOLOGY_H_
