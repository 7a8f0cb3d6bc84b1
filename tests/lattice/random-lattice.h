// Random lattices for tests, and all of their paths.
#ifndef U2MOE_TESTS_LATTICE_RANDOM_LATTICE_H_
#define U2MOE_TESTS_LATTICE_RANDOM_LATTICE_H_

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "lattice/lattice.h"

namespace u2moe {

// States in topological order, all between the first and a final one. Costs are multiples of 1/8,
// so that sums are exact in any order and ties happen. Words are 1...num_words, or 0 with the
// probability no_word; input labels 1...3.
struct RandomLatticeOptions {
  int num_states = 6, num_words = 2;
  double no_word = 0.5;
  int max_cost = 16;  // in eighths
};

inline LatticeWeight RandomCosts(int max_cost, Rng *rng) {
  const float graph = static_cast<float>(rng->UniformInt(0, max_cost)) / 8;
  return {graph, static_cast<float>(rng->UniformInt(-max_cost, max_cost)) / 8};
}

inline Lattice RandomLattice(const RandomLatticeOptions &opts, Rng *rng) {
  Lattice lattice;
  for (int s = 0; s < opts.num_states; ++s) lattice.AddState();
  lattice.SetStart(0);
  for (int s = 0; s + 1 < opts.num_states; ++s) {
    for (auto arcs = rng->UniformInt(1, 3); arcs > 0; --arcs) {
      const int32_t word = rng->Uniform() < opts.no_word
                               ? 0
                               : static_cast<int32_t>(rng->UniformInt(1, opts.num_words));
      const auto next =
          static_cast<int>(rng->UniformInt(s + 1, std::min(s + 3, opts.num_states - 1)));
      lattice.AddArc(s, LatticeArc(static_cast<int32_t>(rng->UniformInt(0, 3)), word,
                                   RandomCosts(opts.max_cost, rng), next));
    }
    if (rng->UniformInt(0, 9) == 0) lattice.SetFinal(s, RandomCosts(opts.max_cost, rng));
  }
  lattice.SetFinal(opts.num_states - 1, RandomCosts(opts.max_cost, rng));
  fst::Connect(&lattice);
  return lattice;
}

using WordPath = std::pair<std::vector<int32_t>, CompactLatticeWeight>;

// Every path: its words and its weight with the input labels.
template <class L>
std::vector<WordPath> AllPaths(const L &lattice) {
  std::vector<WordPath> paths;
  struct Partial {
    int state;
    WordPath path;
  };
  std::vector<Partial> stack;
  if (lattice.Start() != fst::kNoStateId)
    stack.push_back({lattice.Start(), {{}, CompactLatticeWeight::One()}});
  const auto compact = [](const auto &weight, int32_t label) {
    if constexpr (std::is_same_v<std::decay_t<decltype(weight)>, LatticeWeight>) {
      return CompactLatticeWeight(
          weight, label == 0 ? std::vector<int32_t>() : std::vector<int32_t>{label});
    } else {
      return weight;
    }
  };
  while (!stack.empty()) {
    const Partial partial = stack.back();
    stack.pop_back();
    const auto final = lattice.Final(partial.state);
    if (final != L::Weight::Zero()) {
      paths.push_back({partial.path.first, Times(partial.path.second, compact(final, 0))});
    }
    for (fst::ArcIterator<L> it(lattice, partial.state); !it.Done(); it.Next()) {
      const auto &arc = it.Value();
      Partial next{arc.nextstate, partial.path};
      if (arc.olabel != 0) next.path.first.push_back(arc.olabel);
      next.path.second = Times(next.path.second, compact(arc.weight, arc.ilabel));
      stack.push_back(next);
    }
  }
  return paths;
}

// The best weight of each word sequence.
template <class L>
std::map<std::vector<int32_t>, CompactLatticeWeight> BestOfWords(const L &lattice) {
  std::map<std::vector<int32_t>, CompactLatticeWeight> best;
  for (const auto &[words, weight] : AllPaths(lattice)) {
    const auto [it, is_new] = best.emplace(words, weight);
    if (!is_new) it->second = Plus(it->second, weight);
  }
  return best;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_LATTICE_RANDOM_LATTICE_H_
