// Lattices as Kaldi has them: acyclic acceptors of words whose weights keep the cost of the graph
// (language model, lexicon, topology) and the acoustic cost apart, as negated natural logarithms.
//
//   Lattice         one input label a frame or none (ilabel: what the acoustic model scored, e.g. a
//                   CTC token, 0: none; olabel: the word, 0: none)
//   CompactLattice  ilabel = olabel = word; the input labels are a string in the weight
//
// Formulas and names are Kaldi's (fstext/lattice-weight.h), so that its tools read what we write.
#ifndef U2MOE_LATTICE_LATTICE_H_
#define U2MOE_LATTICE_LATTICE_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "graph/openfst.h"

namespace u2moe {

// Tropical on the sum of both costs. Of equal sums the one with the smaller graph cost is better,
// so that Plus chooses one of its arguments whole.
class LatticeWeight {
 public:
  using ReverseWeight = LatticeWeight;

  LatticeWeight() = default;
  LatticeWeight(float graph_cost, float acoustic_cost)
      : graph_cost_(graph_cost), acoustic_cost_(acoustic_cost) {}

  static const LatticeWeight &Zero();      // both infinite: no path
  static const LatticeWeight &One();       // both 0
  static const LatticeWeight &NoWeight();  // not a member: the result of a wrong operation
  static const std::string &Type();        // "lattice4"
  static constexpr uint64_t Properties() {
    return fst::kLeftSemiring | fst::kRightSemiring | fst::kCommutative | fst::kPath |
           fst::kIdempotent;
  }

  float GraphCost() const { return graph_cost_; }
  float AcousticCost() const { return acoustic_cost_; }
  // In float, as Kaldi, whose ties are thus ours.
  float Cost() const { return graph_cost_ + acoustic_cost_; }

  bool Member() const;  // no NaN, no -infinity, both infinite or none
  LatticeWeight Quantize(float delta = fst::kDelta) const;
  LatticeWeight Reverse() const { return *this; }
  size_t Hash() const;

  // As OpenFst's weights: two floats as they lie in memory. Read does not check what it reads.
  std::istream &Read(std::istream &is);
  std::ostream &Write(std::ostream &os) const;

 private:
  float graph_cost_ = 0, acoustic_cost_ = 0;
};

inline bool operator==(const LatticeWeight &a, const LatticeWeight &b) {
  return a.GraphCost() == b.GraphCost() && a.AcousticCost() == b.AcousticCost();
}
inline bool operator!=(const LatticeWeight &a, const LatticeWeight &b) { return !(a == b); }

// 1: a is better (costs less), -1: b is, 0: equal.
inline int Compare(const LatticeWeight &a, const LatticeWeight &b) {
  if (a.Cost() != b.Cost()) return a.Cost() < b.Cost() ? 1 : -1;
  if (a.GraphCost() != b.GraphCost()) return a.GraphCost() < b.GraphCost() ? 1 : -1;
  return 0;
}
inline LatticeWeight Plus(const LatticeWeight &a, const LatticeWeight &b) {
  return Compare(a, b) >= 0 ? a : b;
}
inline LatticeWeight Times(const LatticeWeight &a, const LatticeWeight &b) {
  return {a.GraphCost() + b.GraphCost(), a.AcousticCost() + b.AcousticCost()};
}
// Zero() where the difference is no weight, as Kaldi.
LatticeWeight Divide(const LatticeWeight &a, const LatticeWeight &b,
                     fst::DivideType type = fst::DIVIDE_ANY);
// Of the sums only.
bool ApproxEqual(const LatticeWeight &a, const LatticeWeight &b, float delta = fst::kDelta);
// "graph,acoustic"; "Infinity" for no path. Floats have the digits that give them back.
std::ostream &operator<<(std::ostream &os, const LatticeWeight &w);

// The cost of a path and the input labels along it. Of equal costs the shorter string is better,
// and of those the one whose first different label is larger, as in Kaldi.
class CompactLatticeWeight {
 public:
  using ReverseWeight = CompactLatticeWeight;

  CompactLatticeWeight() = default;
  explicit CompactLatticeWeight(const LatticeWeight &weight, std::vector<int32_t> string = {})
      : weight_(weight), string_(std::move(string)) {}

  static const CompactLatticeWeight &Zero();
  static const CompactLatticeWeight &One();
  static const CompactLatticeWeight &NoWeight();
  static const std::string &Type();  // "compactlattice44"
  static constexpr uint64_t Properties() {
    return fst::kLeftSemiring | fst::kRightSemiring | fst::kPath | fst::kIdempotent;
  }

  const LatticeWeight &Weight() const { return weight_; }
  const std::vector<int32_t> &String() const { return string_; }
  void SetWeight(const LatticeWeight &weight) { weight_ = weight; }
  void SetString(std::vector<int32_t> string) { string_ = std::move(string); }

  bool Member() const;  // Zero() has no string
  CompactLatticeWeight Quantize(float delta = fst::kDelta) const;
  CompactLatticeWeight Reverse() const;
  size_t Hash() const;

  // The weight, the number of labels and the labels, 4 bytes each. Read takes in what arrives,
  // whatever number the bytes claim, and sets badbit for a negative one.
  std::istream &Read(std::istream &is);
  std::ostream &Write(std::ostream &os) const;

 private:
  LatticeWeight weight_;
  std::vector<int32_t> string_;
};

inline bool operator==(const CompactLatticeWeight &a, const CompactLatticeWeight &b) {
  return a.Weight() == b.Weight() && a.String() == b.String();
}
inline bool operator!=(const CompactLatticeWeight &a, const CompactLatticeWeight &b) {
  return !(a == b);
}
int Compare(const CompactLatticeWeight &a, const CompactLatticeWeight &b);
CompactLatticeWeight Plus(const CompactLatticeWeight &a, const CompactLatticeWeight &b);
CompactLatticeWeight Times(const CompactLatticeWeight &a, const CompactLatticeWeight &b);
// From the left or from the right: the string of b must begin or end that of a, else, and for
// DIVIDE_ANY or a b that is Zero(), the result is NoWeight().
CompactLatticeWeight Divide(const CompactLatticeWeight &a, const CompactLatticeWeight &b,
                            fst::DivideType type = fst::DIVIDE_ANY);
bool ApproxEqual(const CompactLatticeWeight &a, const CompactLatticeWeight &b,
                 float delta = fst::kDelta);
// "graph,acoustic,1_2_3".
std::ostream &operator<<(std::ostream &os, const CompactLatticeWeight &w);

using LatticeArc = fst::ArcTpl<LatticeWeight>;                // its type is "lattice4"
using CompactLatticeArc = fst::ArcTpl<CompactLatticeWeight>;  // "compactlattice44"
using Lattice = fst::VectorFst<LatticeArc>;
using CompactLattice = fst::VectorFst<CompactLatticeArc>;

// A chain of arcs of which only the first may have a word becomes one arc, as in Kaldi. Any
// lattice; states that no path from the start reaches are left out, and the others keep their
// order.
void ConvertLattice(const Lattice &in, CompactLattice *out);
// One arc for each input label, the first with the word and the weight, as in Kaldi. An arc without
// labels becomes one with ilabel 0. A topological order stays one. Throws DataError where ilabel
// and olabel differ.
void ConvertLattice(const CompactLattice &in, Lattice *out);

}  // namespace u2moe

#endif  // U2MOE_LATTICE_LATTICE_H_
