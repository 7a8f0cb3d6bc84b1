#include "decode/rescoring.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {

void RescoringOptions::RegisterWeights(OptionParser *po) {
  po->Register("ctc-weight", &ctc_weight, "weight of the CTC score, added to the attention score");
  po->Register("reverse-weight", &reverse_weight,
               "share of the right-to-left decoder in the attention score, from 0 to 1");
}

void RescoringOptions::Register(OptionParser *po) {
  RegisterWeights(po);
  po->Register("lm-weight", &lm_weight,
               "weight of a language model's score, added to the attention score");
  po->Register("length-bonus", &length_bonus, "natural-log units added to the score per token");
}

void RescoringOptions::Check() const {
  if (!(ctc_weight >= 0 && std::isfinite(ctc_weight))) {
    throw UsageError("--ctc-weight=", ctc_weight, ": must be a number from 0 up");
  }
  if (!(reverse_weight >= 0 && reverse_weight <= 1)) {
    throw UsageError("--reverse-weight=", reverse_weight, ": must be from 0 to 1");
  }
  if (!(lm_weight >= 0 && std::isfinite(lm_weight))) {
    throw UsageError("--lm-weight=", lm_weight, ": must be a number from 0 up");
  }
  if (!std::isfinite(length_bonus)) {
    throw UsageError("--length-bonus=", length_bonus, ": must be a number");
  }
}

std::string RescoringOptions::ToString() const {
  std::string s = Cat("CTC weight ", ctc_weight, ", reverse weight ", reverse_weight);
  if (lm_weight > 0) s += Cat(", LM weight ", lm_weight);
  if (length_bonus != 0) s += Cat(", length bonus ", length_bonus);
  return s;
}

double RescoredTotal(const RescoringOptions &opts, const RescoredHypothesis &h) {
  const double reverse = opts.reverse_weight, ctc_weight = opts.ctc_weight,
               lm_weight = opts.lm_weight, bonus = opts.length_bonus;
  double total = reverse < 1 ? (1 - reverse) * h.left_to_right : 0.0;
  if (reverse > 0) total += reverse * h.right_to_left;
  if (ctc_weight > 0) total += ctc_weight * h.ctc;
  if (lm_weight > 0) total += lm_weight * h.language;
  if (bonus != 0) total += bonus * h.length;
  return total;
}

namespace {

// Whether any of the weights wants right-to-left scores.
bool CheckReverse(const Scorer &scorer, const std::vector<RescoringOptions> &weights) {
  const auto wants = [](const RescoringOptions &w) { return w.reverse_weight > 0; };
  const auto first = std::find_if(weights.begin(), weights.end(), wants);
  if (first == weights.end()) return false;
  if (!scorer.HasRightToLeft()) {
    throw UsageError("--reverse-weight=", first->reverse_weight,
                     ": the model has no right-to-left decoder; give --reverse-weight=0");
  }
  return true;
}

std::vector<RescoredHypothesis> ScoreLeftToRight(const Scorer &scorer, ConstView encoder_out,
                                                 const std::vector<std::vector<int32_t>> &hyps,
                                                 const std::vector<double> &ctc_scores,
                                                 const std::vector<double> &language_scores) {
  CHECK_EQ(hyps.size(), ctc_scores.size());
  CHECK(language_scores.empty() || language_scores.size() == hyps.size());
  if (hyps.empty()) return {};
  const std::vector<double> l2r = scorer.LeftToRight(encoder_out)->Score(hyps);
  CHECK_EQ(l2r.size(), hyps.size());
  std::vector<RescoredHypothesis> scored(hyps.size());
  for (size_t i = 0; i < hyps.size(); ++i) {
    scored[i].index = static_cast<int32_t>(i);
    scored[i].left_to_right = l2r[i];
    scored[i].ctc = ctc_scores[i];
    if (!language_scores.empty()) scored[i].language = language_scores[i];
    scored[i].length = static_cast<int32_t>(hyps[i].size());
  }
  return scored;
}

// Fills in the right-to-left scores of the hypotheses that are chosen.
void ScoreRightToLeft(const HypothesisScorer &scorer, const std::vector<bool> &chosen,
                      const std::vector<std::vector<int32_t>> &hyps,
                      std::vector<RescoredHypothesis> *scored) {
  std::vector<std::vector<int32_t>> some;
  for (size_t i = 0; i < hyps.size(); ++i) {
    if (chosen[i]) some.push_back(hyps[i]);
  }
  if (some.empty()) return;
  const std::vector<double> r2l = scorer.Score(some);
  CHECK_EQ(r2l.size(), some.size());
  auto next = r2l.begin();
  for (size_t i = 0; i < hyps.size(); ++i) {
    if (chosen[i]) (*scored)[i].right_to_left = *next++;
  }
}

}  // namespace

std::vector<RescoredHypothesis> ScoreHypotheses(const Scorer &scorer, bool right_to_left,
                                                ConstView encoder_out,
                                                const std::vector<std::vector<int32_t>> &hyps,
                                                const std::vector<double> &ctc_scores,
                                                const std::vector<double> &language_scores) {
  auto scored = ScoreLeftToRight(scorer, encoder_out, hyps, ctc_scores, language_scores);
  if (right_to_left && !hyps.empty()) {
    ScoreRightToLeft(*scorer.RightToLeft(encoder_out), std::vector<bool>(hyps.size(), true), hyps,
                     &scored);
  }
  return scored;
}

std::vector<RescoredHypothesis> ScoreContenders(const Scorer &scorer,
                                                const std::vector<RescoringOptions> &weights,
                                                ConstView encoder_out,
                                                const std::vector<std::vector<int32_t>> &hyps,
                                                const std::vector<double> &ctc_scores,
                                                const std::vector<double> &language_scores) {
  const bool right_to_left = CheckReverse(scorer, weights);
  auto scored = ScoreLeftToRight(scorer, encoder_out, hyps, ctc_scores, language_scores);
  if (!right_to_left || hyps.empty()) return scored;

  // What a hypothesis can reach at most: its total as long as its right-to-left score is 0, and
  // what float32 may round its probabilities above 1.
  constexpr double kRounding = 1e-5;
  const auto bound = [&](const RescoringOptions &w, const RescoredHypothesis &h) {
    const size_t length = hyps[static_cast<size_t>(h.index)].size() + 1;
    return RescoredTotal(w, h) + kRounding * static_cast<double>(length);
  };
  std::vector<bool> leads(hyps.size()), contends(hyps.size());
  std::vector<size_t> leaders;  // under each of the weights
  for (const RescoringOptions &w : weights) {
    const auto leader =
        std::max_element(scored.begin(), scored.end(),
                         [&](const auto &a, const auto &b) { return bound(w, a) < bound(w, b); });
    leaders.push_back(static_cast<size_t>(leader - scored.begin()));
    leads[leaders.back()] = true;
  }
  const auto reader = scorer.RightToLeft(encoder_out);
  ScoreRightToLeft(*reader, leads, hyps, &scored);
  for (size_t i = 0; i < hyps.size(); ++i) {
    for (size_t p = 0; p < weights.size() && !leads[i] && !contends[i]; ++p) {
      // Not >=: what is NaN must come to Combine, which says so.
      contends[i] = !(bound(weights[p], scored[i]) < RescoredTotal(weights[p], scored[leaders[p]]));
    }
  }
  ScoreRightToLeft(*reader, contends, hyps, &scored);
  scored.erase(std::remove_if(scored.begin(), scored.end(),
                              [&](const RescoredHypothesis &h) {
                                const auto i = static_cast<size_t>(h.index);
                                return !leads[i] && !contends[i];
                              }),
               scored.end());
  return scored;
}

std::vector<RescoredHypothesis> Combine(const RescoringOptions &opts,
                                        std::vector<RescoredHypothesis> scored) {
  for (RescoredHypothesis &h : scored) {
    h.total = RescoredTotal(opts, h);
    if (std::isnan(h.total)) {
      throw DataError("hypothesis ", h.index + 1,
                      " of the n-best list: its score is NaN (left to right ", h.left_to_right,
                      ", right to left ", h.right_to_left, ", CTC ", h.ctc, ", LM ", h.language,
                      ")");
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
  const bool both = CheckReverse(scorer, {opts});
  return Combine(opts, ScoreHypotheses(scorer, both, encoder_out, hyps, ctc_scores));
}

}  // namespace u2moe
