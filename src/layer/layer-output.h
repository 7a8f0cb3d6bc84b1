#ifndef U2MOE_LAYER_LAYER_OUTPUT_H_
#define U2MOE_LAYER_LAYER_OUTPUT_H_

#include <type_traits>

#include "tensor/view.h"

namespace u2moe {

// Where the last map of a layer puts its result: y = result, or, so that inference needs no pass
// over memory for the residual, y += scale * result. A view or tensor alone is overwritten.
struct LayerOutput {
  template <class Y, class = std::enable_if_t<std::is_convertible_v<Y, View>>>
  LayerOutput(Y &&y) : y(y) {}  // NOLINT(runtime/explicit)
  static LayerOutput Add(float scale, View y) {
    LayerOutput out(y);
    out.scale = scale;
    out.add = true;
    return out;
  }

  View y;
  float scale = 1;
  bool add = false;
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_LAYER_OUTPUT_H_
