#include "decode/ctc-prefix-score.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/log-add.h"
#include "decode/frame-source.h"

namespace u2moe {
namespace {

constexpr double kZero = -std::numeric_limits<double>::infinity();
// Terms that are smaller than the largest by this factor do not change a sum of doubles, were there
// as many as frames of an hour.
constexpr double kNegligible = -50;

// log(sum_t exp(a[t] + b[t])) over n frames; sums is a buffer.
double LogSumOfProducts(const double *a, const float *b, size_t n, std::vector<double> *sums) {
  double largest = kZero;
  sums->resize(n);
  for (size_t t = 0; t < n; ++t) {
    (*sums)[t] = a[t] + static_cast<double>(b[t]);
    largest = std::max(largest, (*sums)[t]);
  }
  if (std::isinf(largest)) return kZero;
  double sum = 0;
  for (size_t t = 0; t < n; ++t) {
    const double x = (*sums)[t] - largest;
    if (x > kNegligible) sum += std::exp(x);
  }
  return largest + std::log(sum);
}

}  // namespace

CtcPrefixScorer::CtcPrefixScorer(ConstView logp, int32_t blank)
    : blank_(blank), by_label_(logp.Cols(), logp.Rows()) {
  CHECK_GE(blank, 0);
  CtcFrameSource frames(blank, 0);  // checks the values
  frames.CheckShape(logp);
  for (int64_t t = 0; t < logp.Rows(); ++t, frames.Advance()) {
    frames.GroupMaxima(logp.Row(t));
    for (int64_t c = 0; c < logp.Cols(); ++c) by_label_(c, t) = logp(t, c);
  }
}

CtcPrefixScorer::State CtcPrefixScorer::Start() const {
  State s;
  const auto frames = static_cast<size_t>(NumFrames());
  s.nonblank.assign(frames + 1, kZero);
  s.blank.assign(frames + 1, 0.0);
  const float *blank = by_label_.View().Row(blank_);
  for (size_t t = 1; t <= frames; ++t)
    s.blank[t] = s.blank[t - 1] + static_cast<double>(blank[t - 1]);
  return s;
}

void CtcPrefixScorer::Score(const State &g, Span<int32_t> labels, double *scores) const {
  const auto frames = static_cast<size_t>(NumFrames());
  // By frame t from 1 to T: the alignments of the frames before, which a new label may follow. The
  // same label needs a blank in between.
  std::vector<double> any(frames), sums;
  for (size_t t = 0; t < frames; ++t) any[t] = LogAdd(g.blank[t], g.nonblank[t]);
  for (size_t i = 0; i < labels.size(); ++i) {
    const int32_t label = labels[i];
    CHECK(label >= 0 && label < by_label_.Rows()) << "label " << label;
    scores[i] = label == blank_ ? kZero
                                : LogSumOfProducts(label == g.last ? g.blank.data() : any.data(),
                                                   by_label_.View().Row(label), frames, &sums);
  }
}

CtcPrefixScorer::State CtcPrefixScorer::Extend(const State &g, int32_t label) const {
  CHECK(label >= 0 && label < by_label_.Rows() && label != blank_) << "label " << label;
  const auto frames = static_cast<size_t>(NumFrames());
  State s;
  s.last = label;
  s.nonblank.assign(frames + 1, kZero);
  s.blank.assign(frames + 1, kZero);
  const float *own = by_label_.View().Row(label), *blank = by_label_.View().Row(blank_);
  for (size_t t = 1; t <= frames; ++t) {
    const double before =
        label == g.last ? g.blank[t - 1] : LogAdd(g.blank[t - 1], g.nonblank[t - 1]);
    s.nonblank[t] = LogAdd(s.nonblank[t - 1], before) + static_cast<double>(own[t - 1]);
    s.blank[t] = LogAdd(s.blank[t - 1], s.nonblank[t - 1]) + static_cast<double>(blank[t - 1]);
  }
  return s;
}

double CtcPrefixScorer::End(const State &g) const {
  return LogAdd(g.nonblank.back(), g.blank.back());
}

}  // namespace u2moe
