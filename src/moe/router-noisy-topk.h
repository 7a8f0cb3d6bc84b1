#ifndef U2MOE_MOE_ROUTER_NOISY_TOPK_H_
#define U2MOE_MOE_ROUTER_NOISY_TOPK_H_

#include <memory>

#include "moe/router-topk-softmax.h"

namespace u2moe {

// topk-softmax that explores: in training the logits are W x plus normal noise, as in arXiv
// 1701.06538 but of one deviation for all, c / E with c = 1 by default (arXiv 2106.05974). The
// noise of a row comes from the seed of its utterance, the mixture and the row's position: it
// depends neither on the batch nor on threads. Rows of no known sequence get none.
class NoisyTopKRouter : public TopKSoftmaxRouter {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.random_in_training = true;
    return t;
  }();

  explicit NoisyTopKRouter(const RouterConfig &config);

 protected:
  void Logits(const Context &ctx, const RouteInput &input, View logits,
              std::unique_ptr<RouterTape> *tape) const override;

 private:
  double noise_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_NOISY_TOPK_H_
