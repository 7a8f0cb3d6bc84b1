#ifndef U2MOE_GRAPH_COMPILE_GRAPH_H_
#define U2MOE_GRAPH_COMPILE_GRAPH_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "graph/ctc-topology.h"
#include "graph/openfst.h"
#include "graph/word-table.h"

namespace u2moe {

struct CompileGraphOptions {
  const CtcTopology *topology = nullptr;  // null: none, the graph is LG
  int32_t num_tokens = 0;
  int32_t blank = 0;
  int64_t max_states = 50000000;     // of each machine on the way, 0: any number
  bool skip_missing = false;         // words without pronunciation are left out of the graph
  const WordTable *words = nullptr;  // names for messages, may be null
};

// What was made on the way: a name and the numbers of states and arcs.
struct CompileGraphNotes {
  struct Size {
    std::string name;
    int64_t states, arcs;
  };
  std::vector<Size> sizes;
  int64_t words_without_pronunciation = 0;
};

// T o min(det(L o G)): L as of MakeLexiconFst, G as of MakeNgramFst, sorted or not. Labels of
// L's input beyond num_tokens are disambiguation symbols, which end as epsilons. Without a topology
// min(det(L o G)), for a search that composes T with it (decode/wfst-composed-graph.h).
//
// Throws DataError for words of G without pronunciation in L, for cycles without a token (an empty
// pronunciation, or epsilons in a circle in G), for what cannot be determinised, for an empty
// result, and beyond max_states, each saying what to do.
fst::StdVectorFst CompileGraph(const fst::StdVectorFst &lexicon, const fst::StdVectorFst &grammar,
                               const CompileGraphOptions &opts, CompileGraphNotes *notes);

}  // namespace u2moe

#endif  // U2MOE_GRAPH_COMPILE_GRAPH_H_
