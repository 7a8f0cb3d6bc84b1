// Hot words: phrases that a search shall prefer, as an automaton that reads one token after another
// (Aho and Corasick 1975) and pays for what it has read.
#ifndef U2MOE_DECODE_CONTEXT_GRAPH_H_
#define U2MOE_DECODE_CONTEXT_GRAPH_H_

#include <cstdint>
#include <vector>

#include "base/span.h"

namespace u2moe {

struct ContextPhrase {
  std::vector<int32_t> tokens;  // not empty (CHECK)
  double score = 0;             // natural-log units for each token; negative: a phrase to avoid
};

// How phrases are paid for. Both pay while a phrase is being read and take back what was paid if it
// does not go on, so that a search can prefer its beginning without being stuck with it.
//
// kExact: in the end, a token sequence has been paid exactly for the phrases that are in it: the
// score times the length for each occurrence, also for one within another. A beginning is paid in
// advance (the most of what the phrases that it begins, or its ends begin, would have been paid to
// this point), which is settled when the phrase is complete or has failed. A phrase to avoid is
// paid for when it is complete.
//
// kWenet: as WeNet's ContextGraph (01546996). A complete phrase is paid as kExact does, and what
// was paid in advance stays until the phrase is left, so that it counts twice at that time. Where a
// phrase begins one that stands before it in the list, it counts as incomplete for ever.
enum class ContextScoring { kExact, kWenet };

struct ContextGraphOptions {
  ContextScoring scoring = ContextScoring::kExact;
  // The token between two words, -1: none. Where there is one, a phrase counts only as whole words:
  // between two such tokens or the ends of the sequence. Only for kExact.
  int32_t boundary = -1;
};

// Const: threads share one. A state is what of the tokens so far begins a phrase.
class ContextGraph {
 public:
  // No phrases are allowed. Of phrases with the same tokens the highest score counts.
  ContextGraph(const std::vector<ContextPhrase> &phrases, const ContextGraphOptions &opts);

  int32_t Begin() const { return begin_; }
  // What one more token is paid (negative: taken back), and the state then. Any token may come;
  // those of no phrase lead back to a state that has read nothing.
  double Step(int32_t state, int32_t token, int32_t *next) const;
  // What is to be added at the end of the sequence. kWenet: minus what was paid in advance, though
  // WeNet puts it in the place of all that was paid before.
  double Finish(int32_t state) const;

  // No step is paid more than this.
  double MaxGain() const { return max_gain_; }

  // The tokens that continue a phrase from this state are those of Tokens(s) for s = state,
  // Shorter(state), Shorter(Shorter(state)) and so on up to state 0, whose tokens begin a phrase.
  Span<const int32_t> Tokens(int32_t state) const {
    const Node *n = &nodes_[static_cast<size_t>(state)];
    return {tokens_.data() + n[0].first, static_cast<size_t>(n[1].first - n[0].first)};
  }
  int32_t Shorter(int32_t state) const { return nodes_[static_cast<size_t>(state)].fail; }

  int32_t NumStates() const { return static_cast<int32_t>(nodes_.size()) - 1; }

 private:
  // The beginnings of phrases, numbered in the order in which the list brings them; 0 is the empty
  // one.
  struct Node {
    int32_t first = 0;      // of tokens_ and children_; they end where those of the next node begin
    int32_t fail = 0;       // the longest end of it that also begins a phrase
    double advance = 0;     // what is paid here and not settled
    double completion = 0;  // paid for all phrases that end here
  };
  struct Builder;

  int32_t Child(int32_t node, int32_t token) const;  // -1: none
  int32_t Go(int32_t state, int32_t token) const;

  int32_t begin_ = 0, boundary_ = -1;
  double max_gain_ = 0;
  std::vector<Node> nodes_;        // and one more, which says where the last one's tokens end
  std::vector<int32_t> tokens_;    // of each node, rising
  std::vector<int32_t> children_;  // where they lead
};

}  // namespace u2moe

#endif  // U2MOE_DECODE_CONTEXT_GRAPH_H_
