// Rescoring of an n-best list with attention decoders (U2++, Zhang et al. 2020 and Wu et al. 2021).
// The decoders stand behind the Scorer interface, so that this folder does not know the network.
#ifndef U2MOE_DECODE_RESCORING_H_
#define U2MOE_DECODE_RESCORING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tensor/view.h"
#include "util/options.h"

namespace u2moe {

// What one direction of a model thinks of one utterance's hypotheses.
class HypothesisScorer {
 public:
  virtual ~HypothesisScorer() = default;

  // For each hypothesis (token ids in reading order without sos and eos, also from right to left;
  // an empty one is legal) the sum of the natural-log probabilities of its tokens and of the end:
  // at most 0 but for rounding, and the same in any company. Throws DataError for a token that the
  // model does not know.
  virtual std::vector<double> Score(const std::vector<std::vector<int32_t>> &hyps) const = 0;
};

// A model that reads a whole hypothesis beside the encoder output [T, D] of its utterance. Const:
// threads may share one. Both throw DataError for an encoder output that the model cannot read.
class Scorer {
 public:
  virtual ~Scorer() = default;

  virtual bool HasRightToLeft() const = 0;
  virtual std::unique_ptr<HypothesisScorer> LeftToRight(ConstView encoder_out) const = 0;
  virtual std::unique_ptr<HypothesisScorer> RightToLeft(ConstView encoder_out) const = 0;
};

struct RescoringOptions {
  float ctc_weight = 0.5f;
  float reverse_weight = 0.3f;
  float lm_weight = 0;     // of a language model's score, added like that of CTC
  float length_bonus = 0;  // per token

  void Register(OptionParser *po);
  // Without the language model's, for tools whose search has one (LmFusionOptions).
  void RegisterWeights(OptionParser *po);
  void Check() const;  // throws UsageError
  std::string ToString() const;
};

struct RescoredHypothesis {
  int32_t index = 0;  // into the n-best list that was given
  double total = 0, left_to_right = 0, right_to_left = 0, ctc = 0, language = 0;
  int32_t length = 0;  // tokens
};

// total = (1 - reverse_weight) * L2R + reverse_weight * R2L + ctc_weight * CTC + lm_weight * LM +
// length_bonus * length, where the attention part is not scaled by 1 - ctc_weight and nothing is
// normalised by length. A weight of 0 switches its part off even where that score is infinite.
double RescoredTotal(const RescoringOptions &opts, const RescoredHypothesis &h);

// The scores of all hypotheses in the order of the list, without totals; right_to_left false: those
// are 0 and their scorer is not run. ctc_scores has one score per hypothesis (CHECK), and so has
// language_scores, or none: those are 0.
std::vector<RescoredHypothesis> ScoreHypotheses(const Scorer &scorer, bool right_to_left,
                                                ConstView encoder_out,
                                                const std::vector<std::vector<int32_t>> &hyps,
                                                const std::vector<double> &ctc_scores,
                                                const std::vector<double> &language_scores = {});

// The same for those hypotheses that can have the best total under at least one of `weights`, in
// the order of the list; the others are left out. A right-to-left score is at most 0, so most of a
// list is out of the race once the left-to-right scores and the total of the leader are known, and
// is not read from right to left. Throws UsageError as Rescore.
std::vector<RescoredHypothesis> ScoreContenders(const Scorer &scorer,
                                                const std::vector<RescoringOptions> &weights,
                                                ConstView encoder_out,
                                                const std::vector<std::vector<int32_t>> &hyps,
                                                const std::vector<double> &ctc_scores,
                                                const std::vector<double> &language_scores = {});

// Totals (RescoredTotal) of what ScoreHypotheses returned. Gives all hypotheses, best first; equal
// totals keep the order of the list, so that the first best wins. An empty list gives an empty
// result. Throws DataError for a total that is NaN.
std::vector<RescoredHypothesis> Combine(const RescoringOptions &opts,
                                        std::vector<RescoredHypothesis> scored);

// Both in one. With reverse_weight 0 the right-to-left scorer is not run and its scores are 0.
// Throws UsageError if reverse_weight > 0 and the scorer has no right-to-left part.
std::vector<RescoredHypothesis> Rescore(const Scorer &scorer, const RescoringOptions &opts,
                                        ConstView encoder_out,
                                        const std::vector<std::vector<int32_t>> &hyps,
                                        const std::vector<double> &ctc_scores);

}  // namespace u2moe

#endif  // U2MOE_DECODE_RESCORING_H_
