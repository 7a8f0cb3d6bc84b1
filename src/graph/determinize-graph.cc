#include "graph/determinize-graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;

constexpr float kPerUnit = 4096;  // steps of a residual cost
constexpr int64_t kPlacesAState = 8;

// Spreads the bits of small numbers over the word (the finaliser of MurmurHash3).
uint64_t Spread(uint64_t x) {
  x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
  return x ^ x >> 33;
}

// Output strings, each once: 0 is the empty one, every other one is another and a label.
class LabelStrings {
 public:
  LabelStrings() : nodes_{{0, 0, 0}} {}

  int32_t Append(int32_t string, int32_t label) {
    if (label == 0) return string;
    const uint64_t key = static_cast<uint64_t>(string) << 32 | static_cast<uint32_t>(label);
    const auto [found, is_new] = ids_.emplace(key, static_cast<int32_t>(nodes_.size()));
    if (is_new) nodes_.push_back({string, label, Length(string) + 1});
    return found->second;
  }
  int32_t Length(int32_t string) const { return At(string).length; }

  // What both begin with.
  int32_t CommonPrefix(int32_t a, int32_t b) const {
    while (a != b) (Length(a) < Length(b) ? b : a) = At(Length(a) < Length(b) ? b : a).parent;
    return a;
  }
  std::vector<int32_t> Labels(int32_t string) const {
    std::vector<int32_t> labels(static_cast<size_t>(Length(string)));
    for (size_t i = labels.size(); i-- > 0; string = At(string).parent)
      labels[i] = At(string).label;
    return labels;
  }
  // Without its first labels.
  int32_t Without(int32_t string, int32_t num_labels) {
    if (num_labels == 0) return string;
    if (num_labels == Length(string)) return 0;
    const std::vector<int32_t> labels = Labels(string);
    int32_t rest = 0;
    for (size_t i = static_cast<size_t>(num_labels); i < labels.size(); ++i)
      rest = Append(rest, labels[i]);
    return rest;
  }

 private:
  struct Node {
    int32_t parent, label, length;
  };
  const Node &At(int32_t string) const { return nodes_[static_cast<size_t>(string)]; }

  std::vector<Node> nodes_;
  std::unordered_map<uint64_t, int32_t> ids_;
};

// A state of the input, with what is left of the output and the cost of the best way there once
// what all of its subset have in common is on the arcs before.
struct Place {
  int32_t state, string;
  float cost;

  float Steps() const { return std::floor(cost * kPerUnit + 0.5f); }
  bool operator==(const Place &other) const {
    return state == other.state && string == other.string && Steps() == other.Steps();
  }
  uint64_t Hash() const {
    const float steps = Steps() + 0.f;  // -0 is 0
    uint32_t bits;
    std::memcpy(&bits, &steps, sizeof(bits));
    return Spread(static_cast<uint64_t>(state) << 32 | static_cast<uint32_t>(string)) ^ bits;
  }
};

// The subsets that are states of the output, numbered as they were found: in one piece of memory,
// and by their hash in a table of open addresses.
class SubsetTable {
 public:
  SubsetTable() : ends_{0}, slots_(1 << 10, -1) {}

  int64_t NumPlaces() const { return static_cast<int64_t>(places_.size()); }
  std::vector<Place> Subset(size_t n) const {
    return {places_.begin() + ends_[n], places_.begin() + ends_[n + 1]};
  }
  // The number of a subset, whose places are in order of their states; *is_new if it gets one now.
  int32_t Find(const std::vector<Place> &subset, bool *is_new) {
    uint64_t hash = subset.size();
    for (const Place &place : subset) hash = Spread(hash * 31 + place.Hash());
    size_t slot = Slot(hash);
    for (; slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
      const auto n = static_cast<size_t>(slots_[slot]);
      if (hashes_[n] != static_cast<uint32_t>(hash >> 32)) continue;
      if (std::equal(subset.begin(), subset.end(), places_.begin() + ends_[n],
                     places_.begin() + ends_[n + 1])) {
        *is_new = false;
        return slots_[slot];
      }
    }
    *is_new = true;
    const auto n = static_cast<int32_t>(hashes_.size());
    slots_[slot] = n;
    hashes_.push_back(static_cast<uint32_t>(hash >> 32));
    places_.insert(places_.end(), subset.begin(), subset.end());
    ends_.push_back(NumPlaces());
    if (2 * hashes_.size() > slots_.size()) Grow();
    return n;
  }

 private:
  // From the half of the hash that is kept.
  size_t Slot(uint64_t hash) const {
    return static_cast<size_t>(Spread(hash >> 32)) & (slots_.size() - 1);
  }
  void Grow() {
    slots_.assign(2 * slots_.size(), -1);
    for (size_t n = 0; n < hashes_.size(); ++n) {
      size_t slot = Slot(static_cast<uint64_t>(hashes_[n]) << 32);
      while (slots_[slot] >= 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = static_cast<int32_t>(n);
    }
  }

  std::vector<Place> places_;
  std::vector<int64_t> ends_;     // by subset: where its places begin, and behind them the end
  std::vector<uint32_t> hashes_;  // by subset
  std::vector<int32_t> slots_;    // subsets, -1: none
};

class GraphDeterminizer {
 public:
  GraphDeterminizer(const StdVectorFst &in, const DeterminizeGraphOptions &opts)
      : in_(in), opts_(opts) {}

  StdVectorFst Run() {
    if (in_.Start() == fst::kNoStateId) return std::move(out_);
    subset_ = {{in_.Start(), 0, 0.f}};
    out_.SetStart(StateOfSubset());
    for (size_t n = 0; n < states_.size(); ++n) Expand(states_[n], table_.Subset(n));
    return std::move(out_);
  }

 private:
  // The end of an arc from a place of the subset.
  struct Step {
    int32_t label;
    Place to;
    bool operator<(const Step &other) const {
      if (label != other.label) return label < other.label;
      return to.state != other.to.state ? to.state < other.to.state : to.cost < other.to.cost;
    }
  };

  std::string Named(int32_t string) const {
    std::string names;
    for (const int32_t label : strings_.Labels(string))
      names += (names.empty() ? "" : " ") + WordName(opts_.words, label);
    return names.empty() ? "no word" : names;
  }
  void RequireSame(int32_t a, int32_t b) const {
    if (a == b) return;
    throw DataError("L o G has one sequence of units for ", Named(a), " and for ", Named(b),
                    kAdvice);
  }

  int32_t NewState() {
    if (opts_.max_states > 0 && (out_.NumStates() >= opts_.max_states ||
                                 table_.NumPlaces() > kPlacesAState * opts_.max_states)) {
      throw DataError("the determinisation of L o G has more than --max-states=", opts_.max_states,
                      out_.NumStates() >= opts_.max_states ? " states" : " states, by their size",
                      kAdvice, "; else prune the language model or the lexicon, or raise ",
                      "--max-states where there is the memory (about 400 bytes a state)");
    }
    return out_.AddState();
  }

  // The state of subset_.
  int32_t StateOfSubset() {
    bool is_new = false;
    const int32_t n = table_.Find(subset_, &is_new);
    if (is_new) states_.push_back(NewState());
    return states_[static_cast<size_t>(n)];
  }

  // An arc that writes a string, through states of their own where it has several labels.
  void AddArcs(int32_t from, int32_t ilabel, int32_t string, float cost, int32_t to) {
    const std::vector<int32_t> labels = strings_.Labels(string);
    for (size_t i = 0; i + 1 < labels.size(); ++i) {
      const int32_t between = NewState();
      out_.AddArc(from, StdArc(ilabel, labels[i], cost, between));
      from = between;
      ilabel = 0;
      cost = 0;
    }
    out_.AddArc(from, StdArc(ilabel, labels.empty() ? 0 : labels.back(), cost, to));
  }

  void Expand(int32_t from, const std::vector<Place> &subset) {
    steps_.clear();
    float final = fst::TropicalWeight::Zero().Value();
    int32_t last = -1;
    for (const Place &place : subset) {
      for (fst::ArcIterator<StdVectorFst> it(in_, place.state); !it.Done(); it.Next()) {
        const StdArc &arc = it.Value();
        if (arc.weight == fst::TropicalWeight::Zero()) continue;
        steps_.push_back({arc.ilabel,
                          {arc.nextstate, strings_.Append(place.string, arc.olabel),
                           place.cost + arc.weight.Value()}});
      }
      if (in_.Final(place.state) == fst::TropicalWeight::Zero()) continue;
      if (last >= 0) RequireSame(last, place.string);
      last = place.string;
      final = std::min(final, place.cost + in_.Final(place.state).Value());
    }
    if (last == 0) out_.SetFinal(from, final);
    std::sort(steps_.begin(), steps_.end());
    for (size_t begin = 0, end = 0; begin < steps_.size(); begin = end) {
      while (end < steps_.size() && steps_[end].label == steps_[begin].label) ++end;
      TakeSteps(from, begin, end);
    }
    if (last <= 0) return;
    // What is left to be written at the end.
    const int32_t end = NewState();
    out_.SetFinal(end, 0);
    AddArcs(from, 0, last, final, end);
  }

  // Those of one label: an arc with what they have in common, to the subset of the rest.
  void TakeSteps(int32_t from, size_t begin, size_t end) {
    subset_.clear();
    int32_t string = steps_[begin].to.string;
    float cost = steps_[begin].to.cost;
    for (size_t i = begin; i < end; ++i) {
      const Place &place = steps_[i].to;
      if (!subset_.empty() && subset_.back().state == place.state) {
        RequireSame(subset_.back().string, place.string);  // the dearer one
        continue;
      }
      subset_.push_back(place);
      string = strings_.CommonPrefix(string, place.string);
      cost = std::min(cost, place.cost);
    }
    const int32_t length = strings_.Length(string);
    for (Place &place : subset_) {
      place.string = strings_.Without(place.string, length);
      place.cost -= cost;
    }
    AddArcs(from, steps_[begin].label, string, cost, StateOfSubset());
  }

  static constexpr const char *kAdvice =
      "; does each pronunciation that is another's, or another's beginning, end in a "
      "disambiguation symbol, as make-lexicon-fst makes it?";

  const StdVectorFst &in_;
  const DeterminizeGraphOptions &opts_;
  LabelStrings strings_;
  SubsetTable table_;
  std::vector<int32_t> states_;  // of the output, by subset
  StdVectorFst out_;
  std::vector<Place> subset_;  // that is being made
  std::vector<Step> steps_;
};

}  // namespace

StdVectorFst DeterminizeGraph(const StdVectorFst &in, const DeterminizeGraphOptions &opts) {
  StdVectorFst out = GraphDeterminizer(in, opts).Run();
  RequireSound(out, "the determinisation of L o G");
  return out;
}

}  // namespace u2moe
