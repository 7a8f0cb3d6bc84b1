// Topologies of CTC: which sequences of frame labels stand for which sequences of tokens, as a
// definition by itself, as an FST "T", and composed with a graph without writing T down.
//
// Labels of graphs: 0 is epsilon, 1 + k is token k of the model (blank among them), and those from
// 1 + V on are the disambiguation symbols #0, #1, ... of a lexicon.
#ifndef U2MOE_GRAPH_CTC_TOPOLOGY_H_
#define U2MOE_GRAPH_CTC_TOPOLOGY_H_

#include <cstdint>
#include <string>

#include "base/span.h"
#include "graph/openfst.h"

namespace u2moe {

// A path of frame labels is cut into blanks and runs of one token. With these three answers all
// that it stands for is said; each pair has the weight 0 in T.
struct CtcTopology {
  enum class Kind { kCorrect, kCompact, kMinimal, kEesen };

  const char *name;
  Kind kind;
  bool blank_between_repeats;  // a run is one token; else it may be several, one a frame at most
  bool token_lasts;            // a token may take several frames; else each of its run is a new one
  bool blanks_alone;           // blanks only, or no frame, stand for no token; else only no frame
  const char *summary;
};

// correct  as CTC is defined (Graves et al. 2006); k2's standard one. V^2 arcs.
// compact  a token leads back to the blank's state by an epsilon (Laptev et al. 2021, "CTC
//          variations through new WFST topologies"), so that repeats need no blank. 3V arcs.
// minimal  one state: no token lasts. V arcs. For models trained so.
// eesen    Miao et al. 2015, and WeNet's ctc_token_fst: blanks before and after, else as compact.
// Throws UsageError naming them and `option`.
const CtcTopology &FindCtcTopology(const std::string &name, const std::string &option);
std::string CtcTopologyNames();  // "correct, compact, minimal, eesen"

// Whether the path of frame labels stands for the tokens; both hold token ids of the model.
bool CtcPathStandsFor(const CtcTopology &topology, int32_t blank, Span<int32_t> path,
                      Span<int32_t> tokens);

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
