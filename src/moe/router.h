#ifndef U2MOE_MOE_ROUTER_H_
#define U2MOE_MOE_ROUTER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "layer/param-visitor.h"
#include "tensor/allocator.h"
#include "tensor/context.h"
#include "tensor/tensor.h"

namespace u2moe {

// The decisions of a router for T frames: frame t goes to experts[t*K .. t*K+K), in falling order
// of logit (ties: lower expert id first), combined with gates of the same positions. A router fills
// all places; a policy may leave the last ones of a frame empty, with gate 0, see expert-policy.h.
constexpr int32_t kNoExpert = -1;
struct Routes {
  int num_choices = 0;  // K
  Tensor logits;        // [T, E], in the host's memory, as all of the routes
  CachedVector<int32_t> experts;
  CachedVector<float> gates;
};

// Chooses experts and weights for each frame. Routers and their softmax are always float32.
class Router {
 public:
  virtual ~Router() = default;
  // x [T, D].
  virtual void Forward(const Context &ctx, ConstView x, Routes *routes) const = 0;
  // dgates: d loss / d gates, in the order of routes.gates. dx [T, D] is ADDED to, as the experts'
  // share is there already. Adds to *grad, of the same type. The gates are those of the routes,
  // over the experts that are there.
  virtual void Backward(const Context &ctx, ConstView x, const Routes &routes,
                        const std::vector<float> &dgates, Router *grad, View dx) const = 0;
  virtual void VisitParams(ParamVisitor *v) = 0;
  virtual int64_t NumParams() const = 0;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_H_
