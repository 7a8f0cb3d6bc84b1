#ifndef U2MOE_DECODE_WFST_COMPOSED_GRAPH_H_
#define U2MOE_DECODE_WFST_COMPOSED_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "decode/wfst-graph.h"
#include "util/ctc-topology.h"

namespace u2moe {

// T o LG, of which only what a search comes by is made: states when an arc leads to them, their
// arcs when the search goes on from them. States and arcs are those of ComposeCtcTopology, in the
// same order, but for states without a way to the end, which are here too.
//
// Not for several threads at once. About 90 bytes a state and 16 an arc that was made.
class ComposedWfstGraph : public WfstGraph {
 public:
  // `lg`, whose input has no labels but tokens (1 + k is token k) and epsilons, must outlive it.
  // token_cost is added to every arc that begins a token. Throws UsageError if the blank is among
  // the labels of lg.
  ComposedWfstGraph(const WfstGraph *lg, const CtcTopology &topology, int32_t blank,
                    float token_cost);

  // Makes the arcs of a state, if they are not there yet; Epsilons, Emitting and what looks at its
  // arcs need it first.
  void Expand(int32_t state) {
    if (states_[static_cast<size_t>(state)].end == kUnmade) MakeArcs(state);
  }

  // What was made so far takes about so many bytes, and can be forgotten: only the start is left,
  // and what had been said of others holds no more.
  size_t Bytes() const;
  void Forget();

 private:
  static constexpr uint32_t kUnmade = ~uint32_t{0};
  struct Pair {
    int32_t topology, graph;
    bool waited;  // the graph has just taken an epsilon: now a token, or the end
  };
  int32_t Find(const Pair &pair);
  int32_t LevelOf(const Pair &pair) const;
  void MakeArcs(int32_t state);

  const WfstGraph *lg_;
  CtcMachine machine_;
  int32_t blank_label_;
  float token_cost_;
  std::vector<Pair> pairs_;  // by state
  std::unordered_map<uint64_t, int32_t> ids_;
};

}  // namespace u2moe

#endif  // U2MOE_DECODE_WFST_COMPOSED_GRAPH_H_
