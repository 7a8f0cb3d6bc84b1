#ifndef U2MOE_MOE_ROUTER_RMOE_H_
#define U2MOE_MOE_ROUTER_RMOE_H_

#include <memory>

#include "layer/linear.h"
#include "moe/mixture-shared.h"
#include "moe/router.h"

namespace u2moe {

// The recurrent router of RMoE (arXiv 2408.06793): a GRU over depth, which all mixtures of an
// encoder or decoder share, carries a state [T, P] from each to the next, never from row to row.
//   x' = P_l x,  h_l = GRU(x', h_{l-1}) with h_0 = 0,  logits = R_l h_l
// P_l and R_l are the mixture's own, without bias; K are kept as by topk-softmax.
class RmoeRouter : public Router {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.shared = true;
    t.depth_state = true;
    t.default_choice = true;
    return t;
  }();

  // Throws UsageError where another mixture has a state of another width.
  RmoeRouter(const RouterConfig &config, MixtureShared *shared);
  void VisitParams(ParamVisitor *v) override;

 protected:
  void Logits(const Context &ctx, const RouteInput &input, View logits,
              std::unique_ptr<RouterTape> *tape) const override;
  void LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape, ConstView dlogits,
                      Router *grad, View dx, RoutingGradients *routing) const override;

 private:
  // Part "gate.gru" of MixtureShared, with the initialisation of torch.nn.GRUCell.
  struct Gru {
    Linear input, hidden;  // [P] -> [r | z | n]

    explicit Gru(int64_t dim) : input(dim, 3 * dim), hidden(dim, 3 * dim) {}
    void VisitParams(ParamVisitor *v);
  };

  Linear project_, out_;  // P_l, R_l
  Gru *gru_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_RMOE_H_
