// Token passing over a decoding graph (Young et al. 1989) with the trellis that lattices come from,
// pruned as in Povey et al. 2012, "Generating exact lattices in the WFST framework".
#ifndef U2MOE_DECODE_WFST_TRELLIS_H_
#define U2MOE_DECODE_WFST_TRELLIS_H_

#include <cstdint>
#include <vector>

#include "decode/context-graph.h"
#include "decode/wfst-composed-graph.h"
#include "decode/wfst-graph.h"
#include "lattice/lattice.h"

namespace u2moe {

// Costs, in natural-log units; Kaldi's names and meanings.
struct TrellisOptions {
  float beam = 16;  // tokens worse than the best one by this are not followed
  int32_t max_active = 7000, min_active = 200;  // tokens followed a frame, whatever the beam
  float beam_delta = 0.5f;                      // added where max_active or min_active decided
  float lattice_beam = 10;      // paths of the lattice are at most so much worse than the best
  int32_t prune_interval = 25;  // frames between prunings of the past
  bool lattice = false;         // keep what a lattice needs, not only the best way to each token
};

// A state of the graph has at most one token a frame, the cheapest; of equal ones the one that was
// reached first, so results are the same everywhere. With hot words, a state of the graph and one
// of the phrases together have.
//
// Memory: without a lattice 20 bytes for each token that still has a future, with one 20 bytes for
// each way between two tokens within the lattice beam; both are looked through every prune_interval
// frames.
class WfstTrellis {
 public:
  // The arc that a path takes, with its costs; frame -1: an epsilon.
  struct PathArc {
    int32_t arc, frame;
    float graph, acoustic;  // graph with what hot words are paid; the arc's own weight is without
  };
  struct Path {
    std::vector<PathArc> arcs;
    float final = 0, final_bias = 0;  // the cost of ending where it does; that of phrases cut off
    bool reached_final = false;
  };

  // `graph` must outlive it, as must `context`, if not null: hot words over tokens of the model,
  // which begin as WfstGraph::BeginsToken says.
  WfstTrellis(const WfstGraph *graph, const TrellisOptions &opts,
              const ContextGraph *context = nullptr, int32_t blank_label = 1);
  // Over a graph that is made as it is searched, and is used by nobody else meanwhile.
  WfstTrellis(ComposedWfstGraph *graph, const TrellisOptions &opts, const ContextGraph *context,
              int32_t blank_label);

  // A graph that is made as it is searched forgets what it has made where that has become large.
  void Begin();
  // The next frame. costs[label] for each input label of the graph; costs[0] is not read. False if
  // no token is left: no path of the graph can go on. Only Begin may follow then.
  bool Advance(const float *costs);

  int32_t NumFrames() const { return static_cast<int32_t>(frames_.size()) - 1; }
  size_t NumTokens() const { return states_.size(); }  // of the last frame

  // The cheapest path to a token of the last frame. at_end: with the cost of ending in its state,
  // if at least one of them is final; else, and without at_end, that does not count.
  Path BestPath(bool at_end) const;

  // All within the lattice beam, sorted topologically; at_end as above. Input labels are the
  // graph's. Where pause[f] > 0, so many arcs of `pause_label` without cost or word come before
  // those of frame f; pause[NumFrames()] before the end. Needs opts.lattice (CHECK).
  Lattice RawLattice(bool at_end, Span<int32_t> pause, int32_t pause_label) const;

 private:
  struct Token {
    float cost;    // less the offsets of all frames up to here
    float extra;   // how much worse than the best path the best one through it is, when last pruned
    int32_t best;  // the link it came by: in emitting, or ~ in epsilons; of the first one ~0
  };
  struct Link {
    int32_t from, to;  // tokens: emitting from the frame before, epsilons within the frame
    int32_t arc;
    float graph, acoustic;
  };
  struct Frame {
    std::vector<Token> tokens;
    std::vector<Link> emitting, epsilons;  // epsilons sorted topologically, by their sources
    float offset = 0;                      // taken from the costs of the frame before
    bool pruned = false;
  };
  // Where the token of a state is, by open addressing; keys are not negative.
  template <class Key>
  class StateMap {
   public:
    StateMap() { Grow(1024); }
    void Clear() {
      for (const uint32_t slot : used_) slots_[slot] = Slot();
      used_.clear();
    }
    // The place of the state's token, -1 if it has none yet: the caller fills it in.
    int32_t *Find(Key key) {
      size_t slot = Hash(key);
      while (slots_[slot].key != key) {
        if (slots_[slot].key < 0) {
          if (2 * used_.size() >= slots_.size()) {
            Grow(2 * slots_.size());
            return Find(key);
          }
          slots_[slot].key = key;
          used_.push_back(static_cast<uint32_t>(slot));
          break;
        }
        slot = (slot + 1) & (slots_.size() - 1);
      }
      return &slots_[slot].token;
    }

   private:
    struct Slot {
      Key key = -1;
      int32_t token = -1;
    };
    // Fibonacci hashing (Knuth): the upper bits of a product with 2^64 over the golden ratio.
    size_t Hash(Key key) const {
      return static_cast<size_t>((static_cast<uint64_t>(key) * uint64_t{0x9E3779B97F4A7C15}) >>
                                 shift_);
    }
    void Grow(size_t size) {
      std::vector<Slot> old;
      for (const uint32_t slot : used_) old.push_back(slots_[slot]);
      slots_.assign(size, Slot());
      used_.clear();
      shift_ = 64;
      for (size_t n = size; n > 1; n /= 2) --shift_;
      for (const Slot &s : old) *Find(s.key) = s.token;
    }

    std::vector<Slot> slots_;
    std::vector<uint32_t> used_;
    int shift_ = 0;
  };
  struct Cutoff {
    float best, limit, beam;
    int32_t best_token;
  };

  Cutoff FindCutoff(const std::vector<Token> &tokens);
  template <bool kContext>
  float PassEmitting(const float *costs);
  void PassEpsilons(float limit);
  int32_t Reach(Frame *frame, int32_t state, int32_t context, float cost, bool *is_new);
  void Prune();
  bool PruneFrame(size_t f, float delta);
  // What ending costs in the states of the last frame's tokens, by the graph and by hot words.
  struct Finals {
    std::vector<float> graph, bias;
    bool reached = false;
  };
  Finals FinalCosts(bool at_end) const;
  std::vector<std::vector<float>> Extras(const Finals &finals) const;

  WfstTrellis(const WfstGraph *graph, ComposedWfstGraph *composed, const TrellisOptions &opts,
              const ContextGraph *context, int32_t blank_label);
  // What looks at the arcs of a state calls it first.
  void Expand(int32_t state) {
    if (composed_ != nullptr) composed_->Expand(state);
  }

  const WfstGraph *graph_;
  ComposedWfstGraph *composed_ = nullptr;  // the same graph, if it is made as it is searched
  TrellisOptions opts_;
  const ContextGraph *context_;
  int32_t blank_label_;
  std::vector<Frame> frames_;
  // Of the last frame's tokens, and of the one before; contexts only where there are hot words.
  std::vector<int32_t> states_, previous_states_, contexts_, previous_contexts_;
  StateMap<int32_t> map_;
  StateMap<int64_t> context_map_;
  std::vector<std::vector<int32_t>> levels_;  // tokens whose epsilons are to be taken
  std::vector<float> costs_, extras_;
  std::vector<int32_t> moved_;
};

}  // namespace u2moe

#endif  // U2MOE_DECODE_WFST_TRELLIS_H_
