#ifndef U2MOE_LAYER_DENSE_TAPE_H_
#define U2MOE_LAYER_DENSE_TAPE_H_

#include "layer/feed-forward.h"

namespace u2moe {

// The tape of DenseFeedForward.
struct DenseTape : FeedForwardTape {
  Tensor before, after;  // [R, F]: w_1 x + b_1, and what goes into w_2
  DropoutMask mask;
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_DENSE_TAPE_H_
