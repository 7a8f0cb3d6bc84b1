// A decoding graph as the search reads it: arcs of a state side by side, epsilons first.
#ifndef U2MOE_DECODE_WFST_GRAPH_H_
#define U2MOE_DECODE_WFST_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/span.h"
#include "graph/fst-file.h"
#include "graph/openfst.h"

namespace u2moe {

// Input labels: 0 none, 1 + k token k of the model. Output labels: words, 0 none. Weights: costs.
// Const after it was made: threads share it. 16 bytes an arc and 20 a state.
class WfstGraph {
 public:
  struct Arc {
    int32_t ilabel, olabel;
    float weight;
    int32_t next;
  };

  // Throws DataError as FstReader, for a graph without states, and for a cycle of epsilons.
  // `source` is its name in messages.
  static WfstGraph Read(const std::string &rxfilename);
  WfstGraph(const fst::StdVectorFst &machine, const std::string &source);

  int32_t Start() const { return start_; }
  int32_t NumStates() const { return static_cast<int32_t>(states_.size()); }
  size_t NumArcs() const { return arcs_.size(); }
  float Final(int32_t state) const { return finals_[static_cast<size_t>(state)]; }
  Span<Arc> Epsilons(int32_t state) const {
    const State &s = states_[static_cast<size_t>(state)];
    return {arcs_.data() + s.epsilons, static_cast<size_t>(s.emitting - s.epsilons)};
  }
  Span<Arc> Emitting(int32_t state) const {
    const State &s = states_[static_cast<size_t>(state)];
    return {arcs_.data() + s.emitting, static_cast<size_t>(s.end - s.emitting)};
  }
  const Arc &ArcAt(int32_t index) const { return arcs_[static_cast<size_t>(index)]; }
  int32_t IndexOf(const Arc &arc) const { return static_cast<int32_t>(&arc - arcs_.data()); }
  int32_t SourceOf(int32_t arc) const;  // the state that it leaves; a binary search

  // Of a state with epsilons: less than those of the states that its epsilons lead to. -1: none.
  int32_t EpsilonLevel(int32_t state) const { return levels_[static_cast<size_t>(state)]; }
  int32_t NumEpsilonLevels() const { return num_levels_; }

  int32_t LargestInputLabel() const { return largest_ilabel_; }

  // Whether an emitting arc of `state` begins a token: its label is not the blank's, and it is no
  // loop without a word, as that of a token's second frame.
  static bool BeginsToken(const Arc &arc, int32_t state, int32_t blank_label) {
    return arc.ilabel != blank_label && (arc.next != state || arc.olabel != 0);
  }
  // Takes away every arc that speaks a word that is not among `words` (output labels), and those
  // from which no end can then be reached. Throws DataError where no path is left.
  void KeepWords(const std::vector<bool> &words, const std::string &source);
  // Adds to the cost of every arc that begins a token.
  void AddToTokens(float cost, int32_t blank_label);
  bool HasInputLabel(int32_t label) const;

 protected:
  struct State {
    uint32_t epsilons, emitting, end;  // where its arcs begin, and where the emitting ones do
  };
  WfstGraph() = default;

  int32_t start_ = -1, largest_ilabel_ = 0, num_levels_ = 0;
  std::vector<State> states_;
  std::vector<float> finals_;
  std::vector<int32_t> levels_;
  std::vector<Arc> arcs_;
  std::vector<int32_t> by_arcs_;  // states in the order of their arcs; empty: of their numbers

 private:
  void AddState(float final, Span<fst::StdArc> arcs, const std::string &source);
  void Finish(int64_t start, const std::string &source);
  void FindLevels(const std::string &source);
};

}  // namespace u2moe

#endif  // U2MOE_DECODE_WFST_GRAPH_H_
