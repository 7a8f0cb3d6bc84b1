#ifndef U2MOE_MOE_ROUTER_SHARED_TOPK_H_
#define U2MOE_MOE_ROUTER_SHARED_TOPK_H_

#include <memory>

#include "layer/linear.h"
#include "moe/mixture-shared.h"
#include "moe/router.h"

namespace u2moe {

// One router for all mixtures of an encoder or decoder (arXiv 2507.05724): topk-softmax with one W,
// which each mixture applies to its own rows. W is the part "gate" of MixtureShared.
class SharedTopKRouter : public Router {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.shared = true;
    return t;
  }();

  // Throws UsageError where another mixture shares a router for another number of experts.
  SharedTopKRouter(const RouterConfig &config, MixtureShared *shared);
  void VisitParams(ParamVisitor *) override {}
  int64_t NumParams() const override { return 0; }

 protected:
  void Logits(const Context &ctx, const RouteInput &input, View logits,
              std::unique_ptr<RouterTape> *tape) const override;
  void LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape, ConstView dlogits,
                      Router *grad, View dx, RoutingGradients *routing) const override;

 private:
  Linear *gate_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_SHARED_TOPK_H_
