#ifndef U2MOE_DECODE_CTC_PREFIX_SCORE_H_
#define U2MOE_DECODE_CTC_PREFIX_SCORE_H_

#include <cstdint>
#include <vector>

#include "base/span.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

namespace u2moe {

// What CTC says of hypotheses that grow label by label (Watanabe et al. 2017, "Hybrid CTC/attention
// architecture", algorithm 2): the probability of a prefix is that of all label sequences that
// begin with it. So it falls, or stays, as labels are added, and at the end becomes the probability
// of that one sequence. All scores are natural logarithms, summed in double over all alignments.
//
// Work: of an extension that is only scored, one exponential per frame at most; of one that is
// kept, three sums of logarithms per frame.
class CtcPrefixScorer {
 public:
  // A label sequence, by frames t from 0 to T: the log-probability of all alignments of the first t
  // frames that give the whole sequence, ending in its last label or in a blank.
  struct State {
    int32_t last = -1;
    std::vector<double> nonblank, blank;
  };

  // logp [T, V]: natural logarithms of probabilities, T >= 0; copied. Throws DataError, naming
  // frame and column, for a value that cannot be one, and for a blank outside the columns.
  CtcPrefixScorer(ConstView logp, int32_t blank);

  int64_t NumFrames() const { return by_label_.Cols(); }

  // The empty sequence. Its prefix score is log 1 = 0: every sequence begins with it.
  State Start() const;
  // scores[i] = prefix score of the sequence g followed by labels[i], from 0 to V-1. That of the
  // blank, which is no label, is minus infinity.
  void Score(const State &g, Span<int32_t> labels, double *scores) const;
  State Extend(const State &g, int32_t label) const;
  // The log-probability of exactly this sequence.
  double End(const State &g) const;

 private:
  int32_t blank_;
  Tensor by_label_;  // [V, T]
};

}  // namespace u2moe

#endif  // U2MOE_DECODE_CTC_PREFIX_SCORE_H_
