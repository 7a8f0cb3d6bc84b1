#ifndef U2MOE_MOE_MIXTURE_STREAM_H_
#define U2MOE_MOE_MIXTURE_STREAM_H_

#include <utility>

#include "tensor/tensor.h"

namespace u2moe {

// What the router of one mixture remembers of one live stream, in the memory of the device that
// the stream is computed on and in the router's own layout; routers without memory over time leave
// it empty. A forward reads `state` and writes `next`, which counts when the forward has succeeded.
struct MixtureStream {
  Tensor state, next;

  void Commit() {
    if (!next.Empty()) state = std::move(next);
  }
};

}  // namespace u2moe

#endif  // U2MOE_MOE_MIXTURE_STREAM_H_
