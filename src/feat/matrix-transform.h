#ifndef U2MOE_FEAT_MATRIX_TRANSFORM_H_
#define U2MOE_FEAT_MATRIX_TRANSFORM_H_

#include "tensor/tensor.h"
#include "util/options.h"

namespace u2moe {

// What Kaldi's copy-matrix can do to each element, in this order: the scale; one of logarithm,
// exponential and softmax over each row; the power.
struct MatrixTransform {
  float scale = 1, power = 1;
  bool log = false, exp = false, softmax_per_row = false;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError

  // What is below 1e-20, negative numbers too, counts as 1e-20 for the logarithm. Throws DataError
  // where the result of a finite element is not finite.
  Tensor Apply(Tensor matrix) const;
};

}  // namespace u2moe

#endif  // U2MOE_FEAT_MATRIX_TRANSFORM_H_
