#include "lattice/lattice-paths.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {
namespace {

// The beginning of a path: arc `arc` of the state that `previous` leads to.
struct Partial {
  int previous;  // place of the beginning without the last arc, -1: none
  int arc;       // -1: the final cost ends the path
  int state;     // after the arc
  double cost;   // so far
};

void Append(const CompactLatticeWeight &weight, LatticePath *path) {
  path->labels.insert(path->labels.end(), weight.String().begin(), weight.String().end());
  path->graph_cost += weight.Weight().GraphCost();
  path->acoustic_cost += weight.Weight().AcousticCost();
}

LatticePath Trace(const CompactLattice &lattice, const std::vector<Partial> &partials, int last) {
  std::vector<int> chain;
  for (int p = last; p >= 0; p = partials[static_cast<size_t>(p)].previous) chain.push_back(p);
  std::reverse(chain.begin(), chain.end());
  LatticePath path;
  int state = lattice.Start();
  for (size_t i = 1; i < chain.size(); ++i) {
    const Partial &p = partials[static_cast<size_t>(chain[i])];
    if (p.arc < 0) {
      Append(lattice.Final(state), &path);
      break;
    }
    fst::ArcIterator<CompactLattice> it(lattice, state);
    it.Seek(static_cast<size_t>(p.arc));
    if (it.Value().olabel != 0) path.words.push_back(it.Value().olabel);
    Append(it.Value().weight, &path);
    state = p.state;
  }
  return path;
}

}  // namespace

std::vector<LatticePath> NBestPaths(const CompactLattice &lattice, int n,
                                    const CostScales &scales) {
  CHECK_GE(n, 1);
  std::vector<LatticePath> paths;
  if (lattice.Start() == fst::kNoStateId) return paths;
  const std::vector<double> backward = BackwardCosts(lattice, scales);
  // Beginnings by the cost of the best path that they begin; of equal ones the earliest comes
  // first.
  std::vector<Partial> partials;
  using Item = std::pair<double, int>;
  std::priority_queue<Item, std::vector<Item>, std::greater<Item>> queue;
  const auto push = [&](const Partial &p, double rest) {
    if (rest == std::numeric_limits<double>::infinity()) return;
    queue.push({p.cost + rest, static_cast<int>(partials.size())});
    partials.push_back(p);
  };
  push({-1, -1, lattice.Start(), 0}, backward[static_cast<size_t>(lattice.Start())]);
  while (!queue.empty() && static_cast<int>(paths.size()) < n) {
    const int place = queue.top().second;
    queue.pop();
    const Partial p = partials[static_cast<size_t>(place)];
    if (p.previous >= 0 && p.arc < 0) {
      paths.push_back(Trace(lattice, partials, place));
      continue;
    }
    push({place, -1, p.state, p.cost + PathCost(lattice.Final(p.state), scales)},
         lattice.Final(p.state) == CompactLatticeWeight::Zero()
             ? std::numeric_limits<double>::infinity()
             : 0);
    for (fst::ArcIterator<CompactLattice> it(lattice, p.state); !it.Done(); it.Next()) {
      const CompactLatticeArc &arc = it.Value();
      push({place, static_cast<int>(it.Position()), arc.nextstate,
            p.cost + PathCost(arc.weight, scales)},
           backward[static_cast<size_t>(arc.nextstate)]);
    }
  }
  return paths;
}

void LatticeOfPath(const LatticePath &path, CompactLattice *lattice) {
  lattice->DeleteStates();
  CompactLatticeWeight weight(
      LatticeWeight(static_cast<float>(path.graph_cost), static_cast<float>(path.acoustic_cost)),
      path.labels);
  int state = lattice->AddState();
  lattice->SetStart(state);
  for (const int32_t word : path.words) {
    const int next = lattice->AddState();
    lattice->AddArc(state, CompactLatticeArc(word, word, weight, next));
    weight = CompactLatticeWeight::One();
    state = next;
  }
  lattice->SetFinal(state, weight);
}

std::vector<int32_t> TokensOfLabels(const std::vector<int32_t> &labels, int32_t blank) {
  std::vector<int32_t> tokens;
  int32_t before = 0;
  for (const int32_t label : labels) {
    if (label != before && label != blank + 1) tokens.push_back(label - 1);
    before = label;
  }
  return tokens;
}

std::vector<std::string> WordsOfIds(const WordTable &table, const std::vector<int32_t> &ids,
                                    const std::string &source) {
  std::vector<std::string> words;
  for (const int32_t id : ids) {
    const std::string *word = table.Word(id);
    if (!word) {
      throw DataError("the word id ", id, " is not in ", source,
                      "; give the words.txt of the graph that made the lattice");
    }
    words.push_back(*word);
  }
  return words;
}

std::vector<int32_t> IdsOfWords(const WordTable &table, const std::vector<std::string> &words) {
  std::vector<int32_t> ids;
  for (const std::string &word : words) ids.push_back(table.Find(word));
  return ids;
}

}  // namespace u2moe
