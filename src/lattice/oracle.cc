#include "lattice/oracle.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "lattice/lattice-costs.h"

namespace u2moe {
namespace {

constexpr int64_t kFar = std::numeric_limits<int64_t>::max() / 4;
constexpr int64_t kFirstLimit = 8;  // of the errors

// How many words the ways to a state, or from it to an end, have.
struct WordRange {
  int64_t fewest = kFar, most = -kFar;

  bool Exists() const { return fewest < kFar; }
  void Add(const WordRange &other, int64_t words) {
    fewest = std::min(fewest, other.fewest + words);
    most = std::max(most, other.most + words);
  }
};

// The best alignment of a path to a state with the first words of the reference.
struct Cell {
  int64_t edits = kFar;
  double cost = 0;  // of the path
};

bool IsBetter(const Cell &a, const Cell &b) {
  return a.edits != b.edits ? a.edits < b.edits : a.edits < kFar && a.cost < b.cost;
}

// Looks for the best alignment among those that make no more than so many errors. Of these only a
// band of each state's row can be part: the words of the path and of the reference up to there, and
// from there on, must not differ in number by more.
class OracleSearch {
 public:
  OracleSearch(const CompactLattice &lattice, const std::vector<int32_t> &reference,
               const OracleOptions &opts)
      : lattice_(lattice), reference_(reference), opts_(opts) {
    const auto n = static_cast<size_t>(lattice.NumStates());
    before_.resize(n);
    after_.resize(n);
    first_arcs_.push_back(0);
    if (lattice.Start() != fst::kNoStateId) before_[Index(lattice.Start())] = {0, 0};
    for (int s = 0; s < lattice.NumStates(); ++s) {
      for (ArcIterator it(lattice, s); !it.Done(); it.Next())
        before_[Index(it.Value().nextstate)].Add(before_[Index(s)], it.Value().olabel != 0);
      first_arcs_.push_back(first_arcs_.back() + static_cast<int64_t>(lattice.NumArcs(s)));
    }
    for (int s = lattice.NumStates() - 1; s >= 0; --s) {
      if (lattice.Final(s) != CompactLatticeWeight::Zero()) after_[Index(s)].Add({0, 0}, 0);
      for (ArcIterator it(lattice, s); !it.Done(); it.Next())
        after_[Index(s)].Add(after_[Index(it.Value().nextstate)], it.Value().olabel != 0);
    }
  }

  bool HasPath() const {
    return lattice_.Start() != fst::kNoStateId && after_[Index(lattice_.Start())].Exists();
  }
  // No path has more: the shortest, with every word of it and of the reference wrong.
  int64_t MostErrors() const {
    return std::max(after_[Index(lattice_.Start())].fewest, Width() - 1);
  }

  // Whether there is an alignment of up to `limit` errors, of which the best is then found.
  bool Try(int64_t limit) {
    limit_ = limit;
    rows_.assign(before_.size(), {});
    bytes_ = 0;
    best_ = {};
    if (!RowOf(lattice_.Start()).Has(0)) return false;
    At(lattice_.Start(), 0) = {0, 0};
    for (int s = 0; s < lattice_.NumStates(); ++s) {
      if (rows_[Index(s)].cells.empty()) continue;
      TakeSteps(s);
      if (lattice_.Final(s) != CompactLatticeWeight::Zero() && rows_[Index(s)].Has(Width() - 1)) {
        Cell end = At(s, Width() - 1);
        end.cost += PathCost(lattice_.Final(s));
        if (IsBetter(end, best_)) {
          best_ = end;
          best_state_ = s;
        }
      }
      // Only how its cells were reached is looked at again.
      bytes_ -= static_cast<int64_t>(rows_[Index(s)].cells.size() * sizeof(Cell));
      std::vector<Cell>().swap(rows_[Index(s)].cells);
    }
    return best_.edits <= limit;
  }

  // Of the last Try, which found one.
  OraclePath Path() const {
    OraclePath path;
    int state = best_state_;
    for (int64_t q = Width() - 1; state != lattice_.Start() || q > 0;) {
      const Row &row = rows_[Index(state)];
      const uint32_t step = row.steps[Index(q - row.begin)];
      if (step == kReferenceAlone) {
        --q;
        ++path.deletions;
        continue;
      }
      const int64_t n = step >> 1;
      const auto next = std::upper_bound(first_arcs_.begin(), first_arcs_.end(), n);
      state = static_cast<int>(next - first_arcs_.begin()) - 1;
      ArcIterator arc(lattice_, state);
      arc.Seek(Index(n - first_arcs_[Index(state)]));
      const int32_t word = arc.Value().olabel;
      if (word != 0) path.words.push_back(word);
      const bool reference = step & 1;
      if (reference) --q;
      path.insertions += word != 0 && !reference;
      path.substitutions += reference && word != reference_[Index(q)];
    }
    std::reverse(path.words.begin(), path.words.end());
    return path;
  }

 private:
  using ArcIterator = fst::ArcIterator<CompactLattice>;
  // The last step to a cell: an arc, from the same place of the reference (2 * arc) or from the one
  // before (and 1), or a word of the reference without one.
  static constexpr uint32_t kReferenceAlone = ~uint32_t{0};
  struct Row {
    int64_t begin = 0;  // the first place of the reference in the band
    std::vector<Cell> cells;
    std::vector<uint32_t> steps;

    bool Has(int64_t q) const {
      return q >= begin && q < begin + static_cast<int64_t>(steps.size());
    }
  };

  template <class Int>
  static size_t Index(Int n) {
    return static_cast<size_t>(n);
  }
  int64_t Width() const { return static_cast<int64_t>(reference_.size()) + 1; }
  Cell &At(int state, int64_t q) {
    Row &row = rows_[Index(state)];
    return row.cells[Index(q - row.begin)];
  }

  // Makes the row of a state that is reached; one without a band stays empty.
  Row &RowOf(int state) {
    Row &row = rows_[Index(state)];
    if (!row.steps.empty()) return row;
    const WordRange &before = before_[Index(state)], &after = after_[Index(state)];
    if (!before.Exists() || !after.Exists()) return row;
    const int64_t last = Width() - 1;
    const int64_t begin =
        std::max({int64_t{0}, before.fewest - limit_, last - after.most - limit_});
    const int64_t end = std::min({last, before.most + limit_, last - after.fewest + limit_});
    if (end < begin) return row;
    const int64_t size = end - begin + 1;
    bytes_ += size * static_cast<int64_t>(sizeof(Cell) + sizeof(uint32_t));
    if (bytes_ > opts_.max_mem) {
      throw DataError("the path that is nearest to the ", reference_.size(),
                      " words of the reference takes more than --max-mem=", opts_.max_mem,
                      " bytes in a lattice of ", lattice_.NumStates(), " states, with ", limit_,
                      " errors or more; prune it (lattice-prune), or raise --max-mem");
    }
    row.begin = begin;
    row.cells.resize(Index(size));
    row.steps.resize(Index(size));
    return row;
  }

  void Improve(const Cell &found, uint32_t step, int64_t q, Row *row) {
    if (!row->Has(q)) return;
    Cell &cell = row->cells[Index(q - row->begin)];
    if (!IsBetter(found, cell)) return;
    cell = found;
    row->steps[Index(q - row->begin)] = step;
  }

  void TakeSteps(int s) {
    Row &row = rows_[Index(s)];
    const int64_t end = row.begin + static_cast<int64_t>(row.steps.size());
    for (int64_t q = row.begin; q + 1 < end; ++q) {
      const Cell &here = At(s, q);
      if (here.edits < kFar) Improve({here.edits + 1, here.cost}, kReferenceAlone, q + 1, &row);
    }
    auto step = static_cast<uint32_t>(2 * first_arcs_[Index(s)]);
    for (ArcIterator it(lattice_, s); !it.Done(); it.Next(), step += 2) {
      const CompactLatticeArc &arc = it.Value();
      Row &next = RowOf(arc.nextstate);
      if (next.steps.empty()) continue;
      const double arc_cost = PathCost(arc.weight);
      for (int64_t q = row.begin; q < end; ++q) {
        const Cell &here = At(s, q);
        if (here.edits >= kFar) continue;
        const double cost = here.cost + arc_cost;
        Improve({here.edits + (arc.olabel == 0 ? 0 : 1), cost}, step, q, &next);
        if (arc.olabel == 0 || q + 1 == Width()) continue;
        Improve({here.edits + (arc.olabel == reference_[Index(q)] ? 0 : 1), cost}, step + 1, q + 1,
                &next);
      }
    }
  }

  const CompactLattice &lattice_;
  const std::vector<int32_t> &reference_;
  const OracleOptions &opts_;
  std::vector<WordRange> before_, after_;  // by state
  std::vector<int64_t> first_arcs_;        // by state, the number of its first arc
  int64_t limit_ = 0;
  std::vector<Row> rows_;  // by state
  int64_t bytes_ = 0;      // of them
  Cell best_;
  int best_state_ = -1;
};

}  // namespace

void OracleOptions::Register(OptionParser *po) {
  po->Register("max-mem", &max_mem,
               "bytes for the path nearest to the reference; a lattice that "
               "takes more is an error");
}

void OracleOptions::Check() const {
  if (max_mem <= 0) throw UsageError("--max-mem=", max_mem, ": must be above 0");
}

OraclePath FindOracle(const CompactLattice &lattice, const std::vector<int32_t> &reference,
                      const OracleOptions &opts) {
  OracleSearch search(lattice, reference, opts);
  if (!search.HasPath()) throw DataError("the lattice has no path");
  for (int64_t limit = kFirstLimit;; limit *= 2) {
    if (search.Try(std::min(limit, search.MostErrors()))) return search.Path();
  }
}

}  // namespace u2moe
