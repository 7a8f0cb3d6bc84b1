// Paths of a lattice: the best, the n best, and what stands on them.
#ifndef U2MOE_LATTICE_LATTICE_PATHS_H_
#define U2MOE_LATTICE_LATTICE_PATHS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "graph/word-table.h"
#include "lattice/lattice-costs.h"
#include "lattice/lattice.h"

namespace u2moe {

struct LatticePath {
  std::vector<int32_t> words;   // without epsilons
  std::vector<int32_t> labels;  // the input labels, one a frame that was decoded
  double graph_cost = 0, acoustic_cost = 0;

  double Cost(const CostScales &scales = {}) const {
    return scales.graph * graph_cost + scales.acoustic * acoustic_cost;
  }
};

// The n paths of the smallest scaled costs, best first, or all if there are fewer; of equal costs
// in the same order for ever. In a determinised lattice no two have the same words. States are in
// topological order. An empty lattice has no path.
//
// Exact, since what is still to come of a path is known: it takes time and memory in proportion to
// the n paths, their lengths and the arcs beside them.
std::vector<LatticePath> NBestPaths(const CompactLattice &lattice, int n,
                                    const CostScales &scales = {});

// A lattice of this path alone, as Kaldi's lattice-to-nbest gives it: one arc a word, with all
// input labels and costs on the first.
void LatticeOfPath(const LatticePath &path, CompactLattice *lattice);

// Token ids of the model that the input labels of a CTC graph stand for: each label is a token plus
// one, of equal neighbours one stays, and blanks go.
std::vector<int32_t> TokensOfLabels(const std::vector<int32_t> &labels, int32_t blank);

// Words of ids. Throws DataError for an id that the table, whose name is `source`, does not have.
std::vector<std::string> WordsOfIds(const WordTable &table, const std::vector<int32_t> &ids,
                                    const std::string &source);
// Ids of words; -1 for a word that the table does not have.
std::vector<int32_t> IdsOfWords(const WordTable &table, const std::vector<std::string> &words);

}  // namespace u2moe

#endif  // U2MOE_LATTICE_LATTICE_PATHS_H_
