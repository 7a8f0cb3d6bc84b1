#ifndef U2MOE_MOE_ROUTER_READ_ME_H_
#define U2MOE_MOE_ROUTER_READ_ME_H_

#include <memory>

#include "moe/router.h"

namespace u2moe {

// What was decided before the first layer (Read-ME, arXiv 2410.19123): the logits are those of
// RoutingState::decided, in every mixture the same; the largest works, with gate 1. So only losses
// on the routes reach the network that decides (model/route-network.h). It has no parameters.
class ReadMeRouter : public Router {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.decided_before = true;
    t.encoder_only = true;
    t.max_choices = 1;
    t.elastic = false;
    return t;
  }();

  explicit ReadMeRouter(const RouterConfig &config) : Router(kTraits, config) {}
  void VisitParams(ParamVisitor *) override {}

 protected:
  void Logits(const Context &ctx, const RouteInput &input, View logits,
              std::unique_ptr<RouterTape> *tape) const override;
  void LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape, ConstView dlogits,
                      Router *grad, View dx, RoutingGradients *routing) const override;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_READ_ME_H_
