// What teaches Read-ME's router (arXiv 2410.19123): which expert has the channels that a dense
// layer uses most at a frame. Host memory.
#ifndef U2MOE_MOE_READ_ME_TARGET_H_
#define U2MOE_MOE_READ_ME_TARGET_H_

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace u2moe {

// z [T, F]: what goes into the second matrix of the dense feed-forward. exclusive [E][F]: which
// channels are of one expert alone, N in each, N > 0. Returns demands [T, E]: for each frame,
//   u_c = sum over j in {N-1, 4N/5, 3N/5, 2N/5, N/5} of [z_c > z sorted from the largest, at j] /
//   3N D_q = sum of u_c over the channels c of q;  demand = 10 (D - mean over the experts)
// with j from 0 and integer divisions (ours; the paper does not say). Throws UsageError for masks
// of different sizes.
Tensor ReadMeDemand(ConstView z, const std::vector<std::vector<bool>> &exclusive);

// Mean over the frames of the cross entropy of softmax(logits) [T, E] from the target
//   3/4 (1/2 [the expert of the largest demand, ties to the lower id] + 1/2 1/E)
//   + 1/4 softmax(demand)
// Adds scale * its gradient to dlogits [T, E], unless that is empty.
double ReadMeLoss(ConstView logits, ConstView demand, double scale, View dlogits);

}  // namespace u2moe

#endif  // U2MOE_MOE_READ_ME_TARGET_H_
