// What lies further below a model's training data than any of it did: digital silence.
#ifndef U2MOE_PIPELINE_FEATURE_FLOOR_H_
#define U2MOE_PIPELINE_FEATURE_FLOOR_H_

#include <vector>

#include "modelfile/cmvn-file.h"
#include "tensor/tensor.h"

namespace u2moe {

// The logarithm of no power at all is -16, where recorded silence has 3 to 10: after normalisation
// 6 to 14 deviations below the mean, which a network trained on recordings never met, and it hears
// words there. A frame whose normalised values have a mean below -deviations is therefore raised:
// each of its values to that many deviations below its mean at least. All other frames stay as they
// are, to the bit, and so do all where the model does not normalise. Const: threads may share one.
class FeatureFloor {
 public:
  // cmvn: the model's, of the dimension of the features. deviations >= 0; 0: no floor.
  FeatureFloor(const GlobalCmvn &cmvn, double deviations);

  // feats [n, D] before CMVN, frame by frame.
  void Apply(Tensor *feats) const;

 private:
  GlobalCmvn cmvn_;
  double deviations_;
  std::vector<float> floor_;  // by dimension; empty: there is none
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_FEATURE_FLOOR_H_
