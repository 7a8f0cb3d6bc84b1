// Putting feature matrices together, along time or along the dimensions.
#ifndef U2MOE_FEAT_FRAME_JOIN_H_
#define U2MOE_FEAT_FRAME_JOIN_H_

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace u2moe {

// [T_i, D] one after another: [sum T_i, D]. Matrices without frames add nothing. Throws DataError
// if the dimensions differ. At least one part.
Tensor ConcatFrames(const std::vector<Tensor> &parts);

// [T_i, D_i] side by side: [min T_i, sum D_i]. Throws DataError if the lengths differ by more than
// length_tolerance frames, or if one has none. At least one part.
Tensor PasteFrames(const std::vector<Tensor> &parts, int64_t length_tolerance);

}  // namespace u2moe

#endif  // U2MOE_FEAT_FRAME_JOIN_H_
