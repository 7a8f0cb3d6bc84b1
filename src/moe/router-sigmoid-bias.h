#ifndef U2MOE_MOE_ROUTER_SIGMOID_BIAS_H_
#define U2MOE_MOE_ROUTER_SIGMOID_BIAS_H_

#include "moe/router-topk-softmax.h"

namespace u2moe {

// Balance without a loss (arXiv 2408.15664, 2412.19437): logits = W x, s = sigmoid(logits); the K
// largest of s + b are kept, gates = s over the sum of the kept s, without b. b [E] gets no
// gradient: after each step b_e += rate * sign(mean load - load_e) of the rows of that step. It is
// a buffer, "gate.balance", kept with the model.
class SigmoidBiasRouter : public TopKSoftmaxRouter {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.counts_steer = true;
    return t;
  }();

  explicit SigmoidBiasRouter(const RouterConfig &config);
  void Gate(int64_t begin, int64_t end, Routes *routes) const override;
  void AfterStep(const Context &ctx, Span<int64_t> counts) override;
  void VisitParams(ParamVisitor *v) override;

 protected:
  void Prepare(const Context &ctx, const RouteCall &call, Routes *routes) const override;
  void GateBackward(const Routes &routes, Span<float> dgates, View dlogits) const override;

 private:
  float rate_;
  Tensor balance_;  // b
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_SIGMOID_BIAS_H_
