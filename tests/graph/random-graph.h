#ifndef U2MOE_TESTS_GRAPH_RANDOM_GRAPH_H_
#define U2MOE_TESTS_GRAPH_RANDOM_GRAPH_H_

#include "base/rng.h"
#include "graph/openfst.h"

namespace u2moe {

// A random graph of up to max_states states over the labels 2 to num_tokens (1 is the blank's),
// with epsilons and disambiguation symbols that never form a cycle; lively: with a way from every
// state to every other one, and exactly max_states.
inline fst::StdVectorFst RandomGraph(Rng *rng, int32_t num_tokens, int32_t num_disambig,
                                     int max_states = 6, bool lively = false) {
  fst::StdVectorFst g;
  const int states = lively ? max_states : static_cast<int>(rng->UniformInt(1, max_states));
  const auto pick = [rng](int a, int b) { return static_cast<int>(rng->UniformInt(a, b)); };
  for (int s = 0; s < states; ++s) g.AddState();
  g.SetStart(0);
  for (int s = 0; s < states; ++s) {
    if (s + 1 == states || rng->Uniform() < 0.3) g.SetFinal(s, static_cast<float>(pick(0, 3)));
    for (int a = pick(1, 4); a > 0; --a) {
      const int to = pick(0, states - 1);
      int ilabel = pick(2, num_tokens);
      if (to > s && rng->Uniform() < 0.4)
        ilabel = rng->Uniform() < 0.5 ? 0 : num_tokens + pick(1, num_disambig);
      const int olabel = rng->Uniform() < 0.4 ? 0 : pick(1, 4);
      g.AddArc(s, fst::StdArc(ilabel, olabel, static_cast<float>(pick(0, 9)) / 8, to));
    }
    if (lively) g.AddArc(s, fst::StdArc(pick(2, num_tokens), pick(1, 4), 0.5f, (s + 1) % states));
  }
  return g;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_GRAPH_RANDOM_GRAPH_H_
