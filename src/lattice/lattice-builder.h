// For the readers of lattice-tables.h: a lattice while it is made of what a file says.
#ifndef U2MOE_LATTICE_LATTICE_BUILDER_H_
#define U2MOE_LATTICE_LATTICE_BUILDER_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>

#include "base/error.h"
#include "lattice/lattice.h"

namespace u2moe {
namespace internal {

inline constexpr char kCostsAre[] =
    "; costs are numbers of a magnitude up to 1e20; look at what made it";
// So that no sum over a path overflows.
inline constexpr float kMaxCost = 1e20f;

inline bool IsCost(const LatticeWeight &w) {
  return std::fabs(w.GraphCost()) <= kMaxCost && std::fabs(w.AcousticCost()) <= kMaxCost;
}
inline bool IsCost(const CompactLatticeWeight &w) { return IsCost(w.Weight()); }

// In memory: of a state, of an arc without its string, of a label.
constexpr int64_t kStateBytes = 64;
template <class Arc>
constexpr int64_t kArcBytes = static_cast<int64_t>(sizeof(Arc));
inline int64_t NumLabels(const LatticeWeight &) { return 0; }
inline int64_t NumLabels(const CompactLatticeWeight &w) {
  return static_cast<int64_t>(w.String().size());
}

// How large a lattice may become. Labels take more where each becomes an arc.
struct LatticeLimit {
  int64_t bytes;
  int64_t label_bytes = 4;
  const char *why = "; in binary from a file, not from a pipe, it would be pruned while it is read";

  std::string TooLarge() const { return Cat("the lattice has more than ", bytes >> 20, " MB"); }
};

// What a lattice must be, and how large it may become, while it is read. The first fault is kept,
// and told when the whole value has been read.
template <class Arc>
class LatticeBuilder {
 public:
  using Weight = typename Arc::Weight;

  LatticeBuilder(fst::VectorFst<Arc> *lattice, const LatticeLimit &limit)
      : lattice_(lattice), limit_(limit) {
    lattice_->DeleteStates();
  }

  int64_t NumStates() const { return lattice_->NumStates(); }
  // Of a lattice with a fault nothing more is kept.
  bool Faulty() const { return !fault_.empty(); }
  template <class... Args>
  void Fail(const Args &...args) {
    if (!fault_.empty()) return;
    fault_ = Cat(args...);
    lattice_->DeleteStates();
  }

  bool TooLarge() const { return bytes_ > limit_.bytes; }

  void AddState() {
    if (!Grow(kStateBytes)) return;
    lattice_->AddState();
  }
  void AddArc(int64_t state, const Arc &arc, int64_t num_states) {
    if (!Grow(kArcBytes<Arc> + limit_.label_bytes * NumLabels(arc.weight))) return;
    if (arc.nextstate < 0 || arc.nextstate >= num_states) {
      Fail("state ", state, " has an arc to state ", arc.nextstate, ", but there are ", num_states,
           " states");
    } else if (arc.ilabel < 0 || arc.olabel < 0) {
      Fail("state ", state, " has an arc with a negative label");
    } else if (std::is_same_v<Arc, CompactLatticeArc> && arc.ilabel != arc.olabel) {
      Fail("state ", state, " has an arc with word ", arc.ilabel, " in and ", arc.olabel,
           " out; a compact lattice has one word an arc");
    } else if (!IsCost(arc.weight)) {
      Fail("state ", state, " has an arc of the cost ", arc.weight, kCostsAre);
    } else if (CheckString(state, arc.weight)) {
      sorted_ = sorted_ && arc.nextstate > state;
      lattice_->AddArc(static_cast<int>(state), arc);
    }
  }
  void SetFinal(int64_t state, const Weight &weight) {
    if (Faulty() || weight == Weight::Zero() || !Grow(limit_.label_bytes * NumLabels(weight)))
      return;
    if (!IsCost(weight)) {
      Fail("state ", state, " has the final cost ", weight, kCostsAre);
    } else if (CheckString(state, weight)) {
      lattice_->SetFinal(static_cast<int>(state), weight);
    }
  }

  // Throws DataError with the first fault.
  void Finish(int64_t start) {
    if (!Faulty() && NumStates() == 0 && start != fst::kNoStateId)
      Fail("the start is state ", start, ", but there are no states");
    if (!Faulty() && NumStates() > 0 && (start < 0 || start >= NumStates()))
      Fail("the start is state ", start, ", but there are ", NumStates(), " states");
    if (Faulty()) throw DataError(fault_);
    if (NumStates() > 0) lattice_->SetStart(static_cast<int>(start));
  }
  // Throws DataError for a cycle.
  void Sort() {
    if (sorted_ || fst::TopSort(lattice_)) return;
    lattice_->DeleteStates();
    throw DataError("the lattice has a cycle; lattices have none, is it a graph?");
  }

 private:
  bool Grow(int64_t bytes) {
    bytes_ += bytes;
    if (TooLarge()) {
      Fail(limit_.TooLarge(), limit_.why, "; decode with a smaller --lattice-beam");
    }
    return !Faulty();
  }
  bool CheckString(int64_t, const LatticeWeight &) { return true; }
  bool CheckString(int64_t state, const CompactLatticeWeight &w) {
    const bool good =
        std::all_of(w.String().begin(), w.String().end(), [](int32_t l) { return l >= 0; });
    if (!good) Fail("state ", state, " has a string with a negative label");
    return good;
  }

  fst::VectorFst<Arc> *lattice_;
  LatticeLimit limit_;
  int64_t bytes_ = 0;
  bool sorted_ = true;
  std::string fault_;
};

}  // namespace internal
}  // namespace u2moe

#endif  // U2MOE_LATTICE_LATTICE_BUILDER_H_
