// Topologies of CTC: which sequences of frame labels stand for which sequences of tokens. The one
// definition, as a predicate, as rules of succession and, for one sequence of tokens, as a chain of
// states. graph/ctc-topology.h makes FSTs of the rules; the loss (ops/ctc-loss.h) and the alignment
// (decode/ctc-align.h) go along the chain.
#ifndef U2MOE_UTIL_CTC_TOPOLOGY_H_
#define U2MOE_UTIL_CTC_TOPOLOGY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/span.h"

namespace u2moe {

// A path of frame labels is cut into blanks and runs of one token. With these three answers all
// that it stands for is said.
struct CtcTopology {
  enum class Kind { kCorrect, kCompact, kMinimal, kEesen };

  const char *name;
  Kind kind;
  bool blank_between_repeats;  // a run is one token; else it may be several, one a frame at most
  bool token_lasts;            // a token may take several frames; else each of its run is a new one
  bool blanks_alone;           // blanks only, or no frame, stand for no token; else only no frame
  const char *summary;
};

// correct  as CTC is defined (Graves et al. 2006); k2's standard one. V^2 arcs.
// compact  a token leads back to the blank's state by an epsilon (Laptev et al. 2021, "CTC
//          variations through new WFST topologies"), so that repeats need no blank. 3V arcs.
// minimal  one state: no token lasts. V arcs. For models trained so.
// eesen    Miao et al. 2015, and WeNet's ctc_token_fst: blanks before and after, else as compact.
// Throws UsageError naming them and `option`.
const CtcTopology &FindCtcTopology(const std::string &name, const std::string &option);
std::string CtcTopologyNames();  // "correct, compact, minimal, eesen"

// Whether two tokens that follow one another are parted by a blank in each path of "correct".
inline bool CtcNeedsBlankBetween(int32_t token, int32_t next) { return token == next; }

// Whether the path of frame labels stands for the tokens; both hold token ids of the model.
bool CtcPathStandsFor(const CtcTopology &topology, int32_t blank, Span<int32_t> path,
                      Span<int32_t> tokens);

// The same as a machine that reads frame labels and writes tokens. Its states are kStart, where
// blanks may pass, and one per token, in which it lasts; eesen's two others are for blanks before
// and after a token.
class CtcMachine {
 public:
  static constexpr int32_t kStart = 0;
  static constexpr int32_t kEpsilon = -1;  // in place of a frame's label: no frame

  // Throws UsageError if the blank is none of the tokens 0 to num_tokens - 1.
  CtcMachine(const CtcTopology &topology, int32_t num_tokens, int32_t blank);

  bool IsToken(int32_t token) const { return token >= 0 && token < num_tokens_; }
  bool IsFinal(int32_t state) const {
    return t_.kind == CtcTopology::Kind::kCorrect || state == kStart;
  }
  // Where the machine may wait while a graph takes an epsilon.
  bool MayWait(int32_t state) const { return IsFinal(state); }
  // Whether it has to take the graph's epsilons last. eesen's blanks come after them anyhow.
  bool WaitsLast() const { return t_.kind != CtcTopology::Kind::kEesen; }

  // Calls fn(frame label, next state) for the steps from a state that write no token.
  template <class Fn>
  void ForEachSilent(int32_t state, const Fn &fn) const {
    if (t_.kind == CtcTopology::Kind::kEesen) {
      if (state == kStart) return fn(kEpsilon, kBefore);
      if (state == kBefore) return fn(blank_, kBefore);
      if (state == kAfter) return fn(blank_, kAfter), fn(kEpsilon, kStart);
      return fn(TokenOf(state), state), fn(kEpsilon, kAfter);
    }
    if (state == kStart) return fn(blank_, kStart);
    fn(TokenOf(state), state);
    t_.kind == CtcTopology::Kind::kCorrect ? fn(blank_, kStart) : fn(kEpsilon, kStart);
  }

  // The state after the step that reads and writes the token; -1: there is none.
  int32_t After(int32_t state, int32_t token) const;

 private:
  static constexpr int32_t kBefore = 1, kAfter = 2;

  int32_t StateOf(int32_t token) const {
    return token + 1 + (t_.kind == CtcTopology::Kind::kEesen ? kAfter : 0);
  }
  int32_t TokenOf(int32_t state) const {
    return state - 1 - (t_.kind == CtcTopology::Kind::kEesen ? kAfter : 0);
  }

  const CtcTopology &t_;
  int32_t num_tokens_, blank_;
};

// What the machine of "correct" can do while it writes one sequence of tokens, none of them the
// blank: states blank, first token, blank, ..., last token, blank, numbered from 0 to 2N. At each
// frame a path stays in its state, goes to the next or, where MaySkip, from s - 2 to s. It begins
// in state 0 or 1 and ends in one of the last two. Without frames it stands for no token.
class CtcChain {
 public:
  CtcChain(Span<int32_t> tokens, int32_t blank);

  int64_t NumStates() const { return static_cast<int64_t>(symbols_.size()); }
  int32_t Symbol(int64_t state) const { return symbols_[static_cast<size_t>(state)]; }
  // Whether the state is a token that may follow the token before it without a blank.
  bool MaySkip(int64_t state) const { return skips_[static_cast<size_t>(state)]; }

 private:
  std::vector<int32_t> symbols_;
  std::vector<bool> skips_;
};

// The fewest frames of a path through the chain of the tokens: their number, and one for each blank
// that must be.
int64_t CtcMinFrames(Span<int32_t> tokens);

}  // namespace u2moe

#endif  // U2MOE_UTIL_CTC_TOPOLOGY_H_
