#ifndef U2MOE_MOE_ROUTER_GROUP_MLP_H_
#define U2MOE_MOE_ROUTER_GROUP_MLP_H_

#include <memory>

#include "layer/linear.h"
#include "moe/router.h"

namespace u2moe {

// MoEfication's router (arXiv 2110.01786): logits = V2 tanh(V1 x / ||x||), without biases, V1 [E,
// D], V2 [E, E]: how much each group of neurons will fire. Norm and tanh are the host's.
class GroupMlpRouter : public Router {
 public:
  static constexpr RouterTraits kTraits{};

  explicit GroupMlpRouter(const RouterConfig &config);
  void VisitParams(ParamVisitor *v) override;

 protected:
  void Logits(const Context &ctx, const RouteInput &input, View logits,
              std::unique_ptr<RouterTape> *tape) const override;
  void LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape, ConstView dlogits,
                      Router *grad, View dx, RoutingGradients *routing) const override;

 private:
  Linear hidden_, out_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_GROUP_MLP_H_
