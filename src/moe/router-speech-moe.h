#ifndef U2MOE_MOE_ROUTER_SPEECH_MOE_H_
#define U2MOE_MOE_ROUTER_SPEECH_MOE_H_

#include <memory>

#include "moe/router-switch.h"

namespace u2moe {

// The router of SpeechMoE (arXiv 2105.03036): logits = W [e; x] without bias, where e, the output
// of the encoder's embedding network (RoutingState::embedding), is the same for all mixtures and
// receives no gradient from here. The K largest, with their probabilities as gates (K = 1 in the
// paper). With e = 0 it is switch.
class SpeechMoeRouter : public SwitchRouter {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.gates_sum_to_one = false;
    t.learns_with_one = true;
    t.needs_embedding = true;
    t.encoder_only = true;
    return t;
  }();

  explicit SpeechMoeRouter(const RouterConfig &config);

 protected:
  void Logits(const Context &ctx, const RouteInput &input, View logits,
              std::unique_ptr<RouterTape> *tape) const override;
  void LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape, ConstView dlogits,
                      Router *grad, View dx, RoutingGradients *routing) const override;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_SPEECH_MOE_H_
