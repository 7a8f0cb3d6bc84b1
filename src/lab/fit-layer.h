#ifndef U2MOE_LAB_FIT_LAYER_H_
#define U2MOE_LAB_FIT_LAYER_H_

#include <cstdint>

#include "layer/feed-forward.h"
#include "tensor/context.h"
#include "tensor/tensor.h"

namespace u2moe {

struct FitOptions {
  int num_epochs = 10, batch_size = 256;
  float learning_rate = 1e-3f;
  uint64_t seed = 1;
};
// Squared error over squared length of what the layer shall give, on rows that were held out.
struct FitReport {
  double before = 0, after = 0;
};
// Trains a feed-forward layer alone, by Adam, to give y [N, D] for x [N, D]: mean squared error on
// 90 % of the rows; of all epochs, the beginning among them, that which errs least on the others.
// The layer must need no state of other layers. grad: a second one of the same shape.
FitReport FitLayer(const Context &ctx, const FitOptions &opts, ConstView x, ConstView y,
                   FeedForward *layer, FeedForward *grad);

}  // namespace u2moe

#endif  // U2MOE_LAB_FIT_LAYER_H_
