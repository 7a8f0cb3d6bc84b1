// Label-synchronous beam search with an attention decoder, alone (WeNet's mode "attention") or
// together with CTC (Watanabe et al. 2017). The decoder stands behind an interface, so that this
// folder does not know the network; pipeline/attention-search.h has it.
#ifndef U2MOE_DECODE_ATTENTION_BEAM_H_
#define U2MOE_DECODE_ATTENTION_BEAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/span.h"
#include "decode/ctc-prefix-score.h"
#include "tensor/view.h"
#include "util/options.h"

namespace u2moe {

class AllowedWords;

// A left-to-right decoder beside one utterance's encoder output.
class LabelDecoder {
 public:
  virtual ~LabelDecoder() = default;

  // The label that ends a hypothesis.
  virtual int32_t EndLabel() const = 0;
  // Adds nodes to a tree of label sequences, numbered in the order in which they come: labels[i]
  // after the node parents[i]. The first call adds node 0, the empty sequence, with the parent -1
  // and any label. Returns natural-log probabilities [n, V] of the next label after each, valid
  // until the next call.
  virtual ConstView Extend(Span<int32_t> labels, Span<int32_t> parents) = 0;
};

struct AttentionBeamOptions {
  int32_t beam = 10, nbest = 1;
  float ctc_weight = 0.3f;
  int32_t pre_beam = 0;
  float length_bonus = 0, length_penalty = 0;
  float max_length_ratio = 1;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  std::string ToString() const;
  // Labels of a hypothesis at most, its end included, over so many encoder frames: at least 1.
  int64_t MaxLength(int64_t num_frames) const;
};

struct AttentionHypothesis {
  std::vector<int32_t> tokens;  // without the end
  // Natural logarithms: the decoder's of all labels and the end; CTC's of the sequence, 0 where
  // there was no scorer.
  double attention = 0, ctc = 0;
  double total = 0;
  // False where the limit of length came first: then the end has no part in `attention`, and `ctc`
  // is that of all sequences that begin so.
  bool ended = false;
};

// score = (1 - ctc_weight) * attention + ctc_weight * CTC + length_bonus * labels, where CTC is the
// prefix score as long as the hypothesis may go on and the score of the whole at its end. At the
// end total = score / labels^length_penalty (as WeNet has it; of the empty hypothesis: score).
//
// Per step, every hypothesis that has not ended proposes the `pre_beam` labels that the decoder
// likes best (without CTC: `beam` of them), and its end; CTC scores them; the best `beam` of all
// stay, those that ended among them with the score that they have. So an ended hypothesis holds its
// place until better ones push it out. Hypotheses of probability 0 are never kept.
//
// The search ends when all have ended, after MaxLength(num_frames) steps, or when nothing that goes
// on can still come before the n-th best that ended: scores only fall but for the length bonus. So
// no threshold decides, and ending early changes no result. With a length penalty, which is not
// known before the end, it does not end early.
//
// Ties: of labels with equal log-probabilities the lower id comes first; of hypotheses with equal
// scores the one that comes from the better one of the step before, then the one with the label
// that the decoder likes better.
//
// words, if not null, is a list of the only words that may be found: proposed are labels with which
// the list lets a hypothesis go on, however few the decoder likes better than others, and the end
// after whole words alone. What the limit of length cuts off inside a word is left out; where that
// is all there is, the best one ends after its last whole word, and keeps the scores that it had.
//
// Returns at most opts.nbest hypotheses, best first, at least one. ctc: null, or the scorer of the
// same frames, which opts.ctc_weight above 0 needs (CHECK). Throws DataError where the decoder's
// log-probabilities are NaN.
std::vector<AttentionHypothesis> AttentionBeamSearch(const AttentionBeamOptions &opts,
                                                     int64_t num_frames, const CtcPrefixScorer *ctc,
                                                     LabelDecoder *decoder,
                                                     const AllowedWords *words = nullptr);

}  // namespace u2moe

#endif  // U2MOE_DECODE_ATTENTION_BEAM_H_
