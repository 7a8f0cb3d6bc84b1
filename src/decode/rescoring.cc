#include "decode/rescoring.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {

void RescoringOptions::Register(OptionParser *po) {
  po->Register("ctc-weight", &ctc_weight, "weight of the CTC score, added to the attention score");
  po->Register("reverse-weight", &reverse_weight,
               "share of the right-to-left decoder in the attention score, from 0 to 1");
}

void RescoringOptions::Check() const {
  if (!(ctc_weight >= 0 && std::isfinite(ctc_weight))) {
    throw UsageError("--ctc-weight=", ctc_weight, ": must be a number from 0 up");
  }
  if (!(reverse_weight >= 0 && reverse_weight <= 1)) {
    throw UsageError("--reverse-weight=", reverse_weight, ": must be from 0 to 1");
  }
}

std::string RescoringOptions::ToString() const {
  return Cat("CTC weight ", ctc_weight, ", reverse weight ", reverse_weight);
}

std::vector<RescoredHypothesis> ScoreHypotheses(const Scorer &scorer, bool right_to_left,
                                                ConstView encoder_out,
                                                const std::vector<std::vector<int32_t>> &hyps,
                                                const std::vector<double> &ctc_scores) {
  CHECK_EQ(hyps.size(), ctc_scores.size());
  if (hyps.empty()) return {};
  const std::vector<double> l2r = scorer.ScoreLeftToRight(encoder_out, hyps);
  const std::vector<double> r2l = right_to_left ? scorer.ScoreRightToLeft(encoder_out, hyps)
                                                : std::vector<double>(hyps.size(), 0.0);
  CHECK_EQ(l2r.size(), hyps.size());
  CHECK_EQ(r2l.size(), hyps.size());
  std::vector<RescoredHypothesis> scored(hyps.size());
  for (size_t i = 0; i < hyps.size(); ++i) {
    scored[i].index = static_cast<int32_t>(i);
    scored[i].left_to_right = l2r[i];
    scored[i].right_to_left = r2l[i];
    scored[i].ctc = ctc_scores[i];
  }
  return scored;
}

std::vector<RescoredHypothesis> Combine(const RescoringOptions &opts,
                                        std::vector<RescoredHypothesis> scored) {
  const double reverse = opts.reverse_weight, ctc_weight = opts.ctc_weight;
  for (RescoredHypothesis &h : scored) {
    // A weight of 0 switches its part off even where that score is infinite.
    h.total = reverse < 1 ? (1 - reverse) * h.left_to_right : 0.0;
    if (reverse > 0) h.total += reverse * h.right_to_left;
    if (ctc_weight > 0) h.total += ctc_weight * h.ctc;
    if (std::isnan(h.total)) {
      throw DataError("hypothesis ", h.index + 1,
                      " of the n-best list: its score is NaN (left to right ", h.left_to_right,
                      ", right to left ", h.right_to_left, ", CTC ", h.ctc, ")");
    }
  }
  std::stable_sort(
      scored.begin(), scored.end(),
      [](const RescoredHypothesis &a, const RescoredHypothesis &b) { return a.total > b.total; });
  return scored;
}

std::vector<RescoredHypothesis> Rescore(const Scorer &scorer, const RescoringOptions &opts,
                                        ConstView encoder_out,
                                        const std::vector<std::vector<int32_t>> &hyps,
                                        const std::vector<double> &ctc_scores) {
  const bool both = opts.reverse_weight > 0;
  if (both && !scorer.HasRightToLeft()) {
    throw UsageError("--reverse-weight=", opts.reverse_weight,
                     ": the model has no right-to-left decoder; give --reverse-weight=0");
  }
  return Combine(opts, ScoreHypotheses(scorer, both, encoder_out, hyps, ctc_scores));
}

}  // namespace u2moe
