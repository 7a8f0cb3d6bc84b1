// All that a small machine makes of an input, by plain recursion: apart from OpenFst's algorithms.
#ifndef U2MOE_TESTS_GRAPH_WALK_H_
#define U2MOE_TESTS_GRAPH_WALK_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "graph/openfst.h"

namespace u2moe {

struct WalkedPaths {
  int count = 0;
  float best = std::numeric_limits<float>::infinity();
};
using WalkedOutputs = std::map<std::vector<int32_t>, WalkedPaths>;

// Adds the paths from `state` that read input[in...]; labels are without epsilons.
inline void Walk(const fst::StdVectorFst &machine, int state, const std::vector<int32_t> &input,
                 size_t in, std::vector<int32_t> *output, float weight, WalkedOutputs *found) {
  if (in == input.size() && machine.Final(state) != fst::TropicalWeight::Zero()) {
    WalkedPaths *p = &(*found)[*output];
    ++p->count;
    p->best = std::min(p->best, weight + machine.Final(state).Value());
  }
  for (fst::ArcIterator<fst::StdVectorFst> it(machine, state); !it.Done(); it.Next()) {
    const fst::StdArc &arc = it.Value();
    if (arc.ilabel != 0 && (in == input.size() || arc.ilabel != input[in])) continue;
    if (arc.olabel != 0) output->push_back(arc.olabel);
    Walk(machine, arc.nextstate, input, in + (arc.ilabel != 0), output, weight + arc.weight.Value(),
         found);
    if (arc.olabel != 0) output->pop_back();
  }
}

// By output: how many paths of the machine read the input and write it, and the least cost.
inline WalkedOutputs AllOutputs(const fst::StdVectorFst &machine,
                                const std::vector<int32_t> &input) {
  WalkedOutputs found;
  std::vector<int32_t> output;
  if (machine.Start() >= 0) Walk(machine, machine.Start(), input, 0, &output, 0, &found);
  return found;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_GRAPH_WALK_H_
