#ifndef U2MOE_DECODE_CTC_PREFIX_BEAM_H_
#define U2MOE_DECODE_CTC_PREFIX_BEAM_H_

#include <limits>
#include <string>
#include <vector>

#include "decode/allowed-words.h"
#include "decode/context-graph.h"
#include "decode/ctc-search.h"
#include "decode/frame-source.h"
#include "decode/lm-fusion.h"

namespace u2moe {

// What a prefix is worth beside its CTC probability, and which there may be. Not owned; each may be
// null.
struct PrefixBeamExtras {
  const ContextGraph *context = nullptr;
  bool wenet = false;  // WeNet's order
  const LmFusion *lm = nullptr;
  const AllowedWords *words = nullptr;
  int64_t num_units = 0;  // columns of the log-posteriors

  bool Any() const { return context != nullptr || lm != nullptr || words != nullptr; }
};

// CTC prefix beam search (Hannun et al. 2014): hypotheses are label sequences; the probabilities of
// all their surviving alignments are summed (in double), not only that of the best path.
//
// Per frame: the best `beam` tokens are tried (blank included; all of them if there are fewer),
// then the best `beam` prefixes are kept by log(P_blank-ending + P_nonblank-ending). Score: that
// sum at the end. Prefixes of probability 0 are never kept.
//
// Ties, so that results are the same everywhere: of tokens with equal log-posteriors the lower id
// comes first; of prefixes with equal scores the one that was reached first, where tokens are tried
// from best to worst and, for each token, prefixes in the order of the frame before.
//
// Times follow the best single alignment (Viterbi) of the prefix, kept apart for blank and
// non-blank endings; the blank-ending one is used only if strictly better. While a token repeats,
// its time moves along to the newest frame.
//
// With hot words or a language model, prefixes are kept and ordered by that sum plus what the two
// say of the labels (context-graph.h, lm-fusion.h); a state of each belongs to the prefix. Nothing
// is looked up ahead: over words, a word counts once it has ended. Beside the best `beam` tokens of
// a frame, all those are tried that begin a hot phrase or continue one that a prefix of the beam is
// in, so that no phrase is lost to the cut. At the end, the last word, the end of the sentence and
// what hot words had been paid in advance are settled, and the hypotheses are ordered anew.
// In WeNet's order only the best `beam` tokens are tried, the score of hot words at the end is what
// ContextGraph::Finish gives, and the order stays (unless a language model is there too).
//
// With allowed words, a prefix is words of the list and perhaps the beginning of one. Tried are all
// tokens with which a prefix of the beam goes on, whatever their probability. At the end prefixes
// of whole words stay; where there is none in the beam, the best one is cut after its last whole
// word, and keeps the acoustic score that it had.
//
// Work: a frame's values are read once, and of the beam * beam extensions only those are looked at
// that may enter the beam. No allocation once the vectors have grown.
//
// Memory grows by about 300 bytes a frame at beam 10, until Begin().
class CtcPrefixBeamSearch : public CtcSearch {
 public:
  // `extras` must outlive the search.
  CtcPrefixBeamSearch(int32_t beam, int32_t blank, float blank_penalty,
                      const PrefixBeamExtras &extras = {});

  void Begin() override;
  void Step(ConstView logp) override;
  std::vector<CtcHypothesis> NBest(int n) const override;
  std::vector<CtcHypothesis> End(int n) override;

 private:
  static constexpr double kZero = -std::numeric_limits<double>::infinity();

  // The prefixes form a tree: node 0 is the empty one. A prefix has one node for ever, even if it
  // falls out of the beam and comes back, so equal nodes mean equal prefixes.
  struct Node {
    int32_t parent, token, first_child, next_sibling;
    int32_t hyp;  // its place in hyps_, -1: not in the beam
  };
  // Of a node, if there are extras: what they have given so far, and their states.
  struct Extra {
    double language = 0, bias = 0;
    int32_t lm = 0, context = 0, words = 0;
    // The same with the word that the prefix ends in, once it was asked for; -1: not yet.
    double word_language = 0;
    int32_t word_lm = -1;

    double Sum() const { return language + bias; }
  };
  // Lists of times share their beginnings: a list is its last entry; entry 0 is the empty list.
  struct Time {
    int32_t previous, frame;
  };
  // A list of times that is written down only if its hypothesis survives: `base`, then this frame.
  struct TimeRef {
    int32_t base = 0;
    bool append = false;
  };
  struct Hypothesis {
    int32_t node;
    double blank, nonblank, total;        // log-probabilities of all alignments
    double extra;                         // Extra::Sum() of the node, or 0
    double best_blank, best_nonblank;     // of the best alignment
    int32_t times_blank, times_nonblank;  // of the best alignment

    double Score() const { return total + extra; }
    double Best() const { return best_blank > best_nonblank ? best_blank : best_nonblank; }
    int32_t Times() const { return best_blank > best_nonblank ? times_blank : times_nonblank; }
  };
  // What becomes of a prefix of the beam that stays as it is.
  struct Stay {
    double blank = kZero, nonblank = kZero, total = kZero;
    double best_blank = kZero, best_nonblank = kZero;
    double token_logp = kZero;
    TimeRef times_blank, times_nonblank;
    int64_t order = std::numeric_limits<int64_t>::max();
  };
  // A candidate for the next beam: hyps_[hyp] as it is (rank -1), or followed by tokens_[rank].
  struct Choice {
    double score;
    int64_t order;
    int32_t hyp, rank;
  };
  struct Better {
    bool operator()(const Choice &a, const Choice &b) const {
      return a.score != b.score ? a.score > b.score : a.order < b.order;
    }
  };
  struct Token {
    float logp;
    int32_t id;
  };
  struct BetterToken {
    bool operator()(const Token &a, const Token &b) const {
      return a.logp != b.logp ? a.logp > b.logp : a.id < b.id;
    }
  };

  void StepFrame(const float *logp);
  void FindTopTokens(const float *logp);
  void AdmitContextTokens(const float *logp);
  void TakeAllowedTokens(const float *logp);
  std::vector<CtcHypothesis> WholeWords(std::vector<CtcHypothesis> hyps) const;
  void ChooseStays();
  template <bool kExtras>
  void ChooseExtensions();
  void Choose(const Choice &c);
  void AddRepetition(const Hypothesis &hyp, double p, Stay *stay) const;
  void AddExtension(const Hypothesis &hyp, int32_t token, double p, Stay *stay) const;
  // When a candidate is reached, of all in this frame: token by token, prefix by prefix, and what
  // stays as it is by a repetition comes before the extension with the same token.
  int64_t Order(int64_t rank, int64_t hyp, bool extension) const;
  // The log-probability of all alignments of hyp that token may follow: after the same label only
  // those that end in a blank, *a - a -> *a a.
  double From(const Hypothesis &hyp, int32_t token) const;
  Hypothesis Chosen(const Choice &c);
  void Advance();
  int32_t ChildNode(int32_t node, int32_t token);
  int32_t WriteTimes(TimeRef ref);
  Extra Extend(int32_t node, int32_t token);
  void EndWord(int32_t node);

  int32_t beam_;
  PrefixBeamExtras extras_;
  double max_gain_ = 0;  // that the extras give for one token
  CtcFrameSource frames_;
  std::vector<Node> nodes_;
  std::vector<Extra> node_extras_;  // by node
  std::vector<Time> times_;
  std::vector<Hypothesis> hyps_, next_hyps_;  // best first
  std::vector<Token> tokens_;                 // of this frame, best first
  std::vector<float> thresholds_;
  std::vector<int32_t> ranks_;     // by token id: place in tokens_ of this frame, -1: none
  std::vector<Stay> stays_;        // by place in hyps_
  std::vector<Choice> choices_;    // the best so far, at most beam_, a heap with the worst in front
  std::vector<int32_t> children_;  // by rank: one of hyps_ that another of hyps_ reaches by it
  std::vector<int32_t> siblings_;  // by place in hyps_: the next such, -1: none
  // The last frame (from 1) in which a token was to be tried, and a state of the context graph was
  // seen.
  std::vector<int32_t> tried_, visited_;
};

}  // namespace u2moe

#endif  // U2MOE_DECODE_CTC_PREFIX_BEAM_H_
