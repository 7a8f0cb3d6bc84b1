#ifndef U2MOE_MOE_ROUTER_TOPK_SOFTMAX_H_
#define U2MOE_MOE_ROUTER_TOPK_SOFTMAX_H_

#include <memory>

#include "layer/linear.h"
#include "moe/router.h"

namespace u2moe {

// The router of U2++ MoE (arXiv 2404.16407; WeNet MoEFFNLayer): logits = W x without bias, the K
// largest logits are kept, gates = softmax over the kept logits only.
class TopKSoftmaxRouter : public Router {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.default_choice = true;
    return t;
  }();

  explicit TopKSoftmaxRouter(const RouterConfig &config) : TopKSoftmaxRouter(kTraits, config) {}
  void VisitParams(ParamVisitor *v) override { v->Scope("gate", &gate_); }

 protected:
  // For those whose logits are W x too.
  TopKSoftmaxRouter(const RouterTraits &traits, const RouterConfig &config);
  void Logits(const Context &ctx, const RouteInput &input, View logits,
              std::unique_ptr<RouterTape> *tape) const override;
  void LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape, ConstView dlogits,
                      Router *grad, View dx, RoutingGradients *routing) const override;

 private:
  Linear gate_;
};

// The backward of logits = gate(x): adds to the weight of *grad and to dx.
void AddLinearLogitsGradients(const Context &ctx, const Linear &gate, ConstView x,
                              ConstView dlogits, Linear *grad, View dx);

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_TOPK_SOFTMAX_H_
