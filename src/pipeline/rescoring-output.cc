#include "pipeline/rescoring-output.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "util/places.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr size_t kMaxPoints = 400;  // all files of a sweep are open at once

// The weight is the nearest float, as if the text were given for a single run.
std::string NumberText(double x) { return NumberToString(static_cast<float>(x)); }

double ParseWeight(const std::string &option, const std::string &list, const std::string &text) {
  double x = 0;
  if (!ParseNumber(text, &x) || !std::isfinite(x)) {
    throw UsageError(option, "=", list, ": '", text,
                     "' is not a number; give weights as 0,0.5 or first:step:last");
  }
  return x;
}

}  // namespace

std::vector<std::string> ExpandWeights(const std::string &option, const std::string &list) {
  std::vector<std::string> texts;
  std::set<std::string> seen;
  const auto add = [&](double x) {
    texts.push_back(NumberText(x));
    if (!seen.insert(texts.back()).second) {
      throw UsageError(option, "=", list, ": ", texts.back(), " is there twice");
    }
  };
  for (const std::string &item : Split(list, ',')) {
    const std::vector<std::string> parts = Split(item, ':');
    if (parts.size() == 1) {
      add(ParseWeight(option, list, item));
      continue;
    }
    if (parts.size() != 3) {
      throw UsageError(option, "=", list, ": '", item, "' is neither a number nor first:step:last");
    }
    const double first = ParseWeight(option, list, parts[0]),
                 step = ParseWeight(option, list, parts[1]),
                 last = ParseWeight(option, list, parts[2]);
    const double count = (last - first) / step;
    if (!(step > 0) || !(count > -1e-6) || !(count < kMaxPoints)) {
      throw UsageError(option, "=", list, ": '", item,
                       "' must go up from first to last in at most ", kMaxPoints, " steps");
    }
    for (int64_t i = 0; static_cast<double>(i) <= count + 1e-6; ++i) {
      add(first + static_cast<double>(i) * step);
    }
  }
  return texts;
}

namespace {

std::string Fill(std::string pattern, const RescoringPoint &point) {
  for (const auto &[name, value] :
       {std::pair<std::string, std::string>{"{ctc}", point.ctc}, {"{reverse}", point.reverse}}) {
    for (size_t at = 0; (at = pattern.find(name, at)) != std::string::npos; at += value.size()) {
      pattern.replace(at, name.size(), value);
    }
  }
  return pattern;
}

}  // namespace

void RescoringSweepOptions::Register(OptionParser *po, const RescoringOptions *single,
                                     int first_result) {
  po->Register("sweep-ctc-weights", &ctc_weights,
               "try all these values of --ctc-weight, with the decoders run once: 0,0.5 or "
               "0:0.1:1 (first:step:last); the wspecifiers then contain {ctc}");
  po->Register("sweep-reverse-weights", &reverse_weights,
               "the same for --reverse-weight and {reverse}");
  po->RegisterOutput(
      "components", &components,
      "wspecifier for the scores before they are weighted, in double precision, keyed "
      "<utterance>-<n>: left to right, CTC, and right to left if the model has that");
  po->RegisterInput("lm-scores", &lm_scores,
                    "rspecifier of a language model's scores under the keys of the n-best list, "
                    "float vectors of one natural logarithm, for --lm-weight");
  po->AddPlaces([this, po, single, first_result](Places *places) {
    for (int i = first_result; i < po->NumArgs() && Sweeps(); ++i) {
      std::set<std::string> names = {po->Arg(i)};  // which is declared already
      for (const RescoringPoint &p : RescoringPoints(*this, *single)) {
        const std::string name = Fill(po->Arg(i), p);
        if (names.insert(name).second) places->Write(Cat("argument ", i + 1, ", as ", name), name);
      }
    }
  });
}

std::vector<RescoringPoint> RescoringPoints(const RescoringSweepOptions &sweep,
                                            const RescoringOptions &single) {
  if (single.lm_weight > 0 && sweep.lm_scores.empty()) {
    throw UsageError("--lm-weight=", single.lm_weight, " needs --lm-scores");
  }
  const auto expand = [](const char *option, const std::string &list, float weight) {
    return list.empty() ? std::vector<std::string>{NumberText(weight)}
                        : ExpandWeights(option, list);
  };
  const auto ctc = expand("--sweep-ctc-weights", sweep.ctc_weights, single.ctc_weight);
  const auto reverse =
      expand("--sweep-reverse-weights", sweep.reverse_weights, single.reverse_weight);
  if (ctc.size() * reverse.size() > kMaxPoints) {
    throw UsageError("a sweep over ", ctc.size(), " CTC weights and ", reverse.size(),
                     " reverse weights: at most ", kMaxPoints, " pairs are written in one run");
  }
  std::vector<RescoringPoint> points;
  for (const std::string &c : ctc) {
    for (const std::string &r : reverse) {
      RescoringPoint p{single, c, r};
      CHECK(ParseNumber(c, &p.weights.ctc_weight) && ParseNumber(r, &p.weights.reverse_weight));
      p.weights.Check();
      points.push_back(p);
    }
  }
  return points;
}

void FitToModel(bool has_right_to_left, const OptionParser &po, RescoringOptions *opts) {
  if (has_right_to_left || opts->reverse_weight <= 0) return;
  if (po.WasGiven("reverse-weight")) {
    throw UsageError("--reverse-weight=", opts->reverse_weight, ": ", po.Arg(0),
                     " has no right-to-left decoder; leave the option out");
  }
  LOG_INFO << "no right-to-left decoder in " << po.Arg(0) << ": reverse weight 0";
  opts->reverse_weight = 0;
}

RescoringOutput::RescoringOutput(const RescoringSweepOptions &sweep, const RescoringOptions &single,
                                 bool has_right_to_left, const std::string &tokens,
                                 const std::string &scores) {
  const std::vector<RescoringPoint> points = RescoringPoints(sweep, single);
  const auto name = [&](const std::string &pattern, const RescoringPoint &p) {
    return sweep.Sweeps() ? Fill(pattern, p) : pattern;
  };
  const bool wanted = std::any_of(points.begin(), points.end(), [](const RescoringPoint &p) {
    return p.weights.reverse_weight > 0;
  });
  if (wanted && !has_right_to_left) {
    throw UsageError("reverse weights up to ", points.back().reverse,
                     ": the model has no right-to-left decoder; leave --sweep-reverse-weights out");
  }
  right_to_left_ = has_right_to_left && (wanted || !sweep.components.empty());
  for (const std::string &pattern : {tokens, scores}) {
    std::set<std::string> names;
    for (const RescoringPoint &p : points) {
      if (pattern.empty() || names.insert(name(pattern, p)).second) continue;
      throw UsageError("the sweep would write ", points.size(), " results to ", pattern,
                       "; put {ctc} and {reverse} where the weights shall stand");
    }
  }
  for (const RescoringPoint &p : points) {
    points_.emplace_back();
    points_.back().point = p;
    points_.back().tokens = std::make_unique<Int32VectorWriter>(name(tokens, p));
    if (!scores.empty()) points_.back().scores = std::make_unique<VectorWriter>(name(scores, p));
  }
  if (!sweep.components.empty()) {
    components_ = std::make_unique<DoubleVectorWriter>(sweep.components);
  }
}

std::vector<RescoredHypothesis> RescoringOutput::Score(const Scorer &scorer, ConstView encoder_out,
                                                       const NbestList &nbest) const {
  if (components_) {
    return ScoreHypotheses(scorer, right_to_left_, encoder_out, nbest.hyps, nbest.scores,
                           nbest.language);
  }
  std::vector<RescoringOptions> weights;
  for (const Point &p : points_) weights.push_back(p.point.weights);
  return ScoreContenders(scorer, weights, encoder_out, nbest.hyps, nbest.scores, nbest.language);
}

void RescoringOutput::Write(const std::string &utterance, const NbestList &nbest,
                            const std::vector<RescoredHypothesis> &scored) {
  std::vector<RescoredHypothesis> best;
  for (const Point &p : points_) best.push_back(Combine(p.point.weights, scored)[0]);
  for (size_t i = 0; i < points_.size(); ++i) {
    Point &p = points_[i];
    p.changed += best[i].index != 0;
    p.tokens->Write(utterance, nbest.hyps[static_cast<size_t>(best[i].index)]);
    if (p.scores) p.scores->Write(utterance, {static_cast<float>(best[i].total)});
  }
  for (const auto &hyp : nbest.hyps) {
    num_rows_ += (right_to_left_ ? 2 : 1) * (static_cast<int64_t>(hyp.size()) + 1);
  }
  if (!components_) return;
  for (const RescoredHypothesis &h : scored) {
    std::vector<double> values = {h.left_to_right, h.ctc};
    if (right_to_left_) values.push_back(h.right_to_left);
    components_->Write(Cat(utterance, "-", h.index + 1), values);
  }
}

void RescoringOutput::Close() {
  for (Point &p : points_) {
    p.tokens->Close();
    if (p.scores) p.scores->Close();
  }
  if (components_) components_->Close();
}

void RescoringOutput::LogChanges(int64_t num_utterances) const {
  for (const Point &p : points_) {
    LOG_INFO << (points_.size() > 1 ? p.point.weights.ToString() + ": " : "")
             << "another hypothesis than the first won in " << p.changed << " of " << num_utterances
             << " utterances";
  }
}

std::string RescoringOutput::ToString() const {
  return points_.size() == 1 ? points_[0].point.weights.ToString()
                             : Cat(points_.size(), " pairs of CTC and reverse weight");
}

}  // namespace u2moe
