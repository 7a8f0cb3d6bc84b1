#ifndef U2MOE_FEAT_FEAT_COMPARE_H_
#define U2MOE_FEAT_FEAT_COMPARE_H_

#include <vector>

#include "tensor/view.h"

namespace u2moe {

// How much alike two sets of features are, as Kaldi's compare-feats says it.
class FeatureSimilarity {
 public:
  // Two versions [T, D] of one utterance. Throws DataError if their shapes differ, or D from that
  // of the utterances before.
  void Add(ConstView first, ConstView second);

  // Sums over all frames of x * x, y * y and x * y, per dimension.
  const std::vector<double> &FirstProduct() const { return first_; }
  const std::vector<double> &SecondProduct() const { return second_; }
  const std::vector<double> &CrossProduct() const { return cross_; }

  // 2 xy / (xx + yy) per dimension: 1 for equal features, less for others. Where both are all zero,
  // 1.
  std::vector<double> PerDimension() const;
  // The mean over the dimensions; 0 before the first utterance.
  double Overall() const;

 private:
  std::vector<double> first_, second_, cross_;
};

}  // namespace u2moe

#endif  // U2MOE_FEAT_FEAT_COMPARE_H_
