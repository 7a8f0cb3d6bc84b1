#include "lattice/lattice.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

float QuantizeCost(float cost, float delta) {
  return std::isfinite(cost) ? std::floor(cost / delta + 0.5f) * delta : cost;
}

size_t HashFloat(float value) {
  value += 0.0f;  // -0 == 0
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

std::string CostText(float cost) {
  if (std::isinf(cost)) return cost > 0 ? "Infinity" : "-Infinity";
  return std::isnan(cost) ? "BadNumber" : NumberToString(cost);
}

// True if `part` ends `whole`, from the right, or begins it.
bool IsAtEnd(const std::vector<int32_t> &whole, const std::vector<int32_t> &part, bool right) {
  if (part.size() > whole.size()) return false;
  return right ? std::equal(part.rbegin(), part.rend(), whole.rbegin())
               : std::equal(part.begin(), part.end(), whole.begin());
}

}  // namespace

const LatticeWeight &LatticeWeight::Zero() {
  static const LatticeWeight zero(kInfinity, kInfinity);
  return zero;
}

const LatticeWeight &LatticeWeight::One() {
  static const LatticeWeight one(0, 0);
  return one;
}

const LatticeWeight &LatticeWeight::NoWeight() {
  static const LatticeWeight no_weight(kNan, kNan);
  return no_weight;
}

const std::string &LatticeWeight::Type() {
  static const std::string type = "lattice4";
  return type;
}

bool LatticeWeight::Member() const {
  if (std::isnan(graph_cost_) || std::isnan(acoustic_cost_)) return false;
  if (graph_cost_ == -kInfinity || acoustic_cost_ == -kInfinity) return false;
  return std::isinf(graph_cost_) == std::isinf(acoustic_cost_);
}

LatticeWeight LatticeWeight::Quantize(float delta) const {
  return {QuantizeCost(graph_cost_, delta), QuantizeCost(acoustic_cost_, delta)};
}

size_t LatticeWeight::Hash() const {
  return HashFloat(graph_cost_) * 31 + HashFloat(acoustic_cost_);
}

std::istream &LatticeWeight::Read(std::istream &is) {
  fst::ReadType(is, &graph_cost_);
  return fst::ReadType(is, &acoustic_cost_);
}

std::ostream &LatticeWeight::Write(std::ostream &os) const {
  fst::WriteType(os, graph_cost_);
  return fst::WriteType(os, acoustic_cost_);
}

LatticeWeight Divide(const LatticeWeight &a, const LatticeWeight &b, fst::DivideType) {
  const LatticeWeight quotient(a.GraphCost() - b.GraphCost(), a.AcousticCost() - b.AcousticCost());
  return quotient.Member() ? quotient : LatticeWeight::Zero();
}

bool ApproxEqual(const LatticeWeight &a, const LatticeWeight &b, float delta) {
  return a == b || std::fabs(a.Cost() - b.Cost()) <= delta;
}

std::ostream &operator<<(std::ostream &os, const LatticeWeight &w) {
  return os << CostText(w.GraphCost()) << ',' << CostText(w.AcousticCost());
}

const CompactLatticeWeight &CompactLatticeWeight::Zero() {
  static const CompactLatticeWeight zero(LatticeWeight::Zero());
  return zero;
}

const CompactLatticeWeight &CompactLatticeWeight::One() {
  static const CompactLatticeWeight one(LatticeWeight::One());
  return one;
}

const CompactLatticeWeight &CompactLatticeWeight::NoWeight() {
  static const CompactLatticeWeight no_weight(LatticeWeight::NoWeight());
  return no_weight;
}

const std::string &CompactLatticeWeight::Type() {
  static const std::string type = "compactlattice44";
  return type;
}

bool CompactLatticeWeight::Member() const {
  return weight_.Member() && (string_.empty() || weight_ != LatticeWeight::Zero());
}

CompactLatticeWeight CompactLatticeWeight::Quantize(float delta) const {
  return CompactLatticeWeight(weight_.Quantize(delta), string_);
}

CompactLatticeWeight CompactLatticeWeight::Reverse() const {
  return CompactLatticeWeight(weight_, {string_.rbegin(), string_.rend()});
}

size_t CompactLatticeWeight::Hash() const {
  size_t hash = weight_.Hash();
  for (const int32_t label : string_) hash = hash * 7499 + static_cast<size_t>(label);
  return hash;
}

std::istream &CompactLatticeWeight::Read(std::istream &is) {
  weight_.Read(is);
  string_.clear();
  int32_t size = 0;
  if (!fst::ReadType(is, &size)) return is;
  if (size < 0) is.setstate(std::ios::badbit);
  for (int32_t label; size > 0 && fst::ReadType(is, &label); --size) string_.push_back(label);
  return is;
}

std::ostream &CompactLatticeWeight::Write(std::ostream &os) const {
  weight_.Write(os);
  fst::WriteType(os, static_cast<int32_t>(string_.size()));
  for (const int32_t label : string_) fst::WriteType(os, label);
  return os;
}

int Compare(const CompactLatticeWeight &a, const CompactLatticeWeight &b) {
  const int by_weight = Compare(a.Weight(), b.Weight());
  if (by_weight != 0) return by_weight;
  const std::vector<int32_t> &s = a.String(), &t = b.String();
  if (s.size() != t.size()) return s.size() < t.size() ? 1 : -1;
  const auto [in_s, in_t] = std::mismatch(s.begin(), s.end(), t.begin());
  return in_s == s.end() ? 0 : *in_s > *in_t ? 1 : -1;
}

CompactLatticeWeight Plus(const CompactLatticeWeight &a, const CompactLatticeWeight &b) {
  return Compare(a, b) >= 0 ? a : b;
}

CompactLatticeWeight Times(const CompactLatticeWeight &a, const CompactLatticeWeight &b) {
  const LatticeWeight weight = Times(a.Weight(), b.Weight());
  if (weight == LatticeWeight::Zero()) return CompactLatticeWeight::Zero();
  std::vector<int32_t> string = a.String();
  string.insert(string.end(), b.String().begin(), b.String().end());
  return CompactLatticeWeight(weight, std::move(string));
}

CompactLatticeWeight Divide(const CompactLatticeWeight &a, const CompactLatticeWeight &b,
                            fst::DivideType type) {
  if (b.Weight() == LatticeWeight::Zero()) return CompactLatticeWeight::NoWeight();
  if (a.Weight() == LatticeWeight::Zero()) return CompactLatticeWeight::Zero();
  const bool right = type == fst::DIVIDE_RIGHT;
  if (type == fst::DIVIDE_ANY || !IsAtEnd(a.String(), b.String(), right))
    return CompactLatticeWeight::NoWeight();
  const auto length = static_cast<std::ptrdiff_t>(b.String().size());
  const auto begin = a.String().begin() + (right ? 0 : length);
  const auto end = a.String().end() - (right ? length : 0);
  return CompactLatticeWeight(Divide(a.Weight(), b.Weight()), {begin, end});
}

bool ApproxEqual(const CompactLatticeWeight &a, const CompactLatticeWeight &b, float delta) {
  return ApproxEqual(a.Weight(), b.Weight(), delta) && a.String() == b.String();
}

std::ostream &operator<<(std::ostream &os, const CompactLatticeWeight &w) {
  os << w.Weight() << ',';
  for (size_t i = 0; i < w.String().size(); ++i) os << (i > 0 ? "_" : "") << w.String()[i];
  return os;
}

namespace {

// By state: whether the arc that leads there goes on in the one that leaves: one of each, no word
// on the second, and no other reason for the state to stay.
std::vector<bool> ChainStates(const Lattice &lattice, const std::vector<bool> &reachable) {
  const auto n = static_cast<size_t>(lattice.NumStates());
  std::vector<int64_t> arcs_in(n, 0);
  std::vector<bool> chain(n, false);
  for (size_t s = 0; s < n; ++s) {
    if (!reachable[s]) continue;
    const auto state = static_cast<int>(s);
    chain[s] = lattice.NumArcs(state) == 1 && lattice.Final(state) == LatticeWeight::Zero();
    for (fst::ArcIterator<Lattice> it(lattice, state); !it.Done(); it.Next()) {
      ++arcs_in[static_cast<size_t>(it.Value().nextstate)];
      if (it.Value().olabel != 0) chain[s] = false;
    }
  }
  for (size_t s = 0; s < n; ++s) chain[s] = chain[s] && arcs_in[s] == 1;
  if (lattice.Start() != fst::kNoStateId) chain[static_cast<size_t>(lattice.Start())] = false;
  return chain;
}

std::vector<bool> ReachableStates(const Lattice &lattice) {
  std::vector<bool> reachable(static_cast<size_t>(lattice.NumStates()), false);
  if (lattice.Start() == fst::kNoStateId) return reachable;
  std::vector<int> stack = {lattice.Start()};
  reachable[static_cast<size_t>(lattice.Start())] = true;
  while (!stack.empty()) {
    const int state = stack.back();
    stack.pop_back();
    for (fst::ArcIterator<Lattice> it(lattice, state); !it.Done(); it.Next()) {
      const int next = it.Value().nextstate;
      if (reachable[static_cast<size_t>(next)]) continue;
      reachable[static_cast<size_t>(next)] = true;
      stack.push_back(next);
    }
  }
  return reachable;
}

}  // namespace

void ConvertLattice(const Lattice &in, CompactLattice *out) {
  out->DeleteStates();
  const std::vector<bool> reachable = ReachableStates(in);
  const std::vector<bool> chain = ChainStates(in, reachable);
  std::vector<int> new_id(reachable.size(), fst::kNoStateId);
  for (size_t s = 0; s < reachable.size(); ++s)
    if (reachable[s] && !chain[s]) new_id[s] = out->AddState();
  if (in.Start() == fst::kNoStateId) return;
  out->SetStart(new_id[static_cast<size_t>(in.Start())]);
  for (size_t s = 0; s < reachable.size(); ++s) {
    if (new_id[s] == fst::kNoStateId) continue;
    const auto state = static_cast<int>(s);
    if (in.Final(state) != LatticeWeight::Zero())
      out->SetFinal(new_id[s], CompactLatticeWeight(in.Final(state)));
    for (fst::ArcIterator<Lattice> it(in, state); !it.Done(); it.Next()) {
      LatticeArc arc = it.Value();
      const int32_t word = arc.olabel;
      LatticeWeight weight = arc.weight;
      std::vector<int32_t> string;
      if (arc.ilabel != 0) string.push_back(arc.ilabel);
      while (chain[static_cast<size_t>(arc.nextstate)]) {
        arc = fst::ArcIterator<Lattice>(in, arc.nextstate).Value();
        weight = Times(weight, arc.weight);
        if (arc.ilabel != 0) string.push_back(arc.ilabel);
      }
      out->AddArc(new_id[s],
                  CompactLatticeArc(word, word, CompactLatticeWeight(weight, std::move(string)),
                                    new_id[static_cast<size_t>(arc.nextstate)]));
    }
  }
}

void ConvertLattice(const CompactLattice &in, Lattice *out) {
  out->DeleteStates();
  // The states within the strings of a state's arcs come right after it.
  const auto inner_states = [](const CompactLatticeWeight &w, size_t arcs_without_labels) {
    return std::max(w.String().size(), arcs_without_labels) - arcs_without_labels;
  };
  std::vector<int> new_id;
  for (int s = 0; s < in.NumStates(); ++s) {
    new_id.push_back(out->AddState());
    size_t inner = inner_states(in.Final(s), 0);
    for (fst::ArcIterator<CompactLattice> it(in, s); !it.Done(); it.Next()) {
      inner += inner_states(it.Value().weight, 1);
    }
    while (inner-- > 0) out->AddState();
  }
  if (in.Start() != fst::kNoStateId) out->SetStart(new_id[static_cast<size_t>(in.Start())]);
  for (int s = 0; s < in.NumStates(); ++s) {
    const int state = new_id[static_cast<size_t>(s)];
    int inner = state + 1;
    // Arcs for the labels, word and weight on the first, to `to` or another inner state; returns
    // the last state.
    const auto expand = [&](int32_t word, const CompactLatticeWeight &w, int to) {
      const std::vector<int32_t> &labels = w.String();
      const size_t arcs = std::max<size_t>(labels.size(), to == fst::kNoStateId ? 0 : 1);
      int from = state;
      for (size_t i = 0; i < arcs; ++i) {
        const int next = i + 1 == arcs && to != fst::kNoStateId ? to : inner++;
        out->AddArc(from, LatticeArc(labels.empty() ? 0 : labels[i], i == 0 ? word : 0,
                                     i == 0 ? w.Weight() : LatticeWeight::One(), next));
        from = next;
      }
      return from;
    };
    for (fst::ArcIterator<CompactLattice> it(in, s); !it.Done(); it.Next()) {
      const CompactLatticeArc &arc = it.Value();
      if (arc.ilabel != arc.olabel) {
        throw DataError("state ", s, " has an arc with word ", arc.ilabel, " in and ", arc.olabel,
                        " out; a compact lattice has one word an arc");
      }
      expand(arc.ilabel, arc.weight, new_id[static_cast<size_t>(arc.nextstate)]);
    }
    const CompactLatticeWeight final = in.Final(s);
    if (final.Weight() == LatticeWeight::Zero()) continue;
    const int end = expand(0, final, fst::kNoStateId);
    out->SetFinal(end, end == state ? final.Weight() : LatticeWeight::One());
  }
}

}  // namespace u2moe
