// Features that look at neighbouring frames. At the ends the first and the last frame are repeated,
// as in Kaldi.
#ifndef U2MOE_FEAT_FRAME_CONTEXT_H_
#define U2MOE_FEAT_FRAME_CONTEXT_H_

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"
#include "tensor/view.h"
#include "util/options.h"

namespace u2moe {

struct DeltaOptions {
  int32_t order = 2;
  int32_t window = 2;    // frames on either side
  int32_t truncate = 0;  // dimensions to keep beforehand; 0: all

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

// The filter of each order 0..order: order 0 is {1}, each further one is its predecessor convolved
// with j / sum of k^2, j and k from -window to window. Order i has 2 i window + 1 weights.
std::vector<std::vector<double>> DeltaFilters(const DeltaOptions &opts);

// [T, D'] with D' = D or truncate becomes [T, D' * (order + 1)]: the features, then the order-th
// regression slopes over time. Throws DataError without frames or with D < truncate.
Tensor AddDeltas(const DeltaOptions &opts, ConstView feats);

struct SpliceOptions {
  int32_t left_context = 4, right_context = 4;  // frames

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

// [T, D] becomes [T, D * (left + 1 + right)]: each frame between its neighbours, in order of time.
// Throws DataError without frames.
Tensor SpliceFrames(const SpliceOptions &opts, ConstView feats);

}  // namespace u2moe

#endif  // U2MOE_FEAT_FRAME_CONTEXT_H_
