// Routers that learn nothing, against which those that do are to be compared. K experts with gates
// 1 / K each; no gradient passes a decision.
#ifndef U2MOE_MOE_ROUTER_CONTROLS_H_
#define U2MOE_MOE_ROUTER_CONTROLS_H_

#include <memory>

#include "moe/router.h"

namespace u2moe {

class ControlRouter : public Router {
 public:
  using Router::Router;
  void Gate(int64_t begin, int64_t end, Routes *routes) const override;

 protected:
  void GateBackward(const Routes &, Span<float>, View) const override {}
  void LogitsBackward(const Context &, ConstView, const RouterTape *, ConstView, Router *, View,
                      RoutingGradients *) const override {}
};

// topk of W x with a W that stays as it began: similar rows share experts, nothing is learnt. W is
// a buffer, "gate.projection".
class FixedRandomRouter : public ControlRouter {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.learns = false;
    return t;
  }();

  explicit FixedRandomRouter(const RouterConfig &config);
  void VisitParams(ParamVisitor *v) override;

 protected:
  void Logits(const Context &ctx, const RouteInput &input, View logits,
              std::unique_ptr<RouterTape> *tape) const override;

 private:
  Tensor projection_;
};

// Experts that are a hash of a row's position and the mixture, each K-tuple equally likely: the
// largest of E random numbers, which are the logits. What is in a row does not matter.
class PositionHashRouter : public ControlRouter {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t;
    t.learns = t.reads_rows = false;
    return t;
  }();

  explicit PositionHashRouter(const RouterConfig &config) : PositionHashRouter(kTraits, config) {}
  void VisitParams(ParamVisitor *) override {}

 protected:
  PositionHashRouter(const RouterTraits &traits, const RouterConfig &c)
      : ControlRouter(traits, c) {}
  void Logits(const Context &ctx, const RouteInput &input, View logits,
              std::unique_ptr<RouterTape> *tape) const override;
  // Of a sequence; that of all of them here.
  virtual uint64_t Seed(const SequenceFacts &facts) const;
};

// The same, drawn anew for each utterance and epoch in training. Elsewhere an utterance has no
// seed, so there the choice is a hash of mixture and position (another than that of position-hash),
// and decoding gives the same results whatever the batch.
class UniformRandomRouter : public PositionHashRouter {
 public:
  static constexpr RouterTraits kTraits = [] {
    RouterTraits t = PositionHashRouter::kTraits;
    t.random_in_training = true;
    return t;
  }();

  explicit UniformRandomRouter(const RouterConfig &config) : PositionHashRouter(kTraits, config) {}

 protected:
  uint64_t Seed(const SequenceFacts &facts) const override;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_ROUTER_CONTROLS_H_
