#ifndef U2MOE_LAYER_ROUTE_SINK_H_
#define U2MOE_LAYER_ROUTE_SINK_H_

#include <cstdint>
#include <vector>

#include "tensor/view.h"

namespace u2moe {

// Listens to the decisions of the routers during a forward, in the order of the blocks: encoder
// block 0 macaron, encoder block 0, encoder block 1 macaron, ..., then each decoder's blocks.
class RouteSink {
 public:
  virtual ~RouteSink() = default;
  // logits [R, E]; experts: R*K ids, each row's in falling order of logit; gates: R*K weights.
  virtual void OnRoute(ConstView logits, const std::vector<int32_t> &experts,
                       const std::vector<float> &gates) = 0;
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_ROUTE_SINK_H_
