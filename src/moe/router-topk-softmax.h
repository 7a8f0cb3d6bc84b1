#ifndef U2MOE_MOE_ROUTER_TOPK_SOFTMAX_H_
#define U2MOE_MOE_ROUTER_TOPK_SOFTMAX_H_

#include <memory>
#include <vector>

#include "layer/linear.h"
#include "moe/router.h"

namespace u2moe {

// The router of U2++ MoE (arXiv 2404.16407; WeNet MoEFFNLayer): logits = W x without bias, the K
// largest logits are kept, gates = softmax over the kept logits only.
class TopKSoftmaxRouter : public Router {
 public:
  TopKSoftmaxRouter(int64_t dim, int num_experts, int num_choices);

  void Forward(const Context &ctx, ConstView x, Routes *routes) const override;
  void Backward(const Context &ctx, ConstView x, const Routes &routes,
                const std::vector<float> &dgates, Router *grad, View dx) const override;
  void VisitParams(ParamVisitor *v) override;
  int64_t NumParams() const override { return gate_.NumParams(); }

 private:
  Linear gate_;
  int num_choices_;
};

// The n largest of the logits [E] of one row (of those that allowed says; null: all), in falling
// order, ties to the lower id, and the softmax over them. Returns how many there are, at most n.
size_t TopKSoftmaxRow(const float *logits, int num_experts, const CachedVector<bool> *allowed,
                      size_t n, int32_t *experts, float *gates);

// The K largest of each row of logits [T, E], in falling order, ties to the lower id, and the
// softmax over them. Fills routes->experts and gates. Throws DataError for logits that are not
// finite.
void TopKSoftmax(ConstView logits, int num_choices, Routes *routes);

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_TOPK_SOFTMAX_H_
