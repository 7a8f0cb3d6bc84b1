#include "decode/ctc-greedy.h"

#include <algorithm>
#include <cmath>

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
    int64_t arg = 0;
    frames_.CheckValue(x[0], 0);
    constexpr int64_t kBlock = 16;
    for (int64_t begin = 1; begin < logp.Cols(); begin += kBlock) {
      const int64_t end = std::min(begin + kBlock, logp.Cols());
      // Most blocks hold nothing better; this loop has no branch, and a NaN counts as better.
      int any = 0;
      for (int64_t j = begin; j < end; ++j) any |= !(x[j] <= x[arg]);
      if (!any) continue;
      for (int64_t j = begin; j < end; ++j) {
        frames_.CheckValue(x[j], j);
        if (x[j] > x[arg]) arg = j;
      }
    }
    if (std::isinf(x[arg])) frames_.FailNoMass();
    best_.score += x[arg];
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
