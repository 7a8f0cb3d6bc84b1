#include "decode/ctc-greedy.h"

#include <algorithm>
#include <vector>

namespace u2moe {

void CtcGreedySearch::Begin() {
  frames_.Begin();
  best_ = CtcHypothesis();
  previous_ = -1;
}

void CtcGreedySearch::Step(ConstView logp) {
  frames_.CheckShape(logp);
  for (int64_t t = 0; t < logp.Rows(); ++t, frames_.Advance()) {
    const float *x = frames_.Prepare(logp.Row(t));
    const std::vector<float> &maxima = frames_.GroupMaxima(x);
    const auto best_group = std::max_element(maxima.begin(), maxima.end());
    int64_t arg = frames_.GroupColumns(static_cast<size_t>(best_group - maxima.begin())).first;
    while (x[arg] != *best_group) ++arg;
    best_.acoustic_score += x[arg];
    if (arg != frames_.Blank()) {
      if (arg != previous_) {
        best_.tokens.push_back(static_cast<int32_t>(arg));
        best_.times.push_back(frames_.Frame());
        peak_ = x[arg];
      } else if (x[arg] > peak_) {
        best_.times.back() = frames_.Frame();
        peak_ = x[arg];
      }
    }
    previous_ = arg;
  }
}

std::vector<CtcHypothesis> CtcGreedySearch::NBest(int n) const {
  return n > 0 ? std::vector<CtcHypothesis>{best_} : std::vector<CtcHypothesis>();
}

std::vector<CtcHypothesis> CtcGreedySearch::End(int n) { return NBest(n); }

}  // namespace u2moe
