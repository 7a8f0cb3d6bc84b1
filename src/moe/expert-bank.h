// The experts of a mixture: what becomes of the rows that a plan sends to them.
#ifndef U2MOE_MOE_EXPERT_BANK_H_
#define U2MOE_MOE_EXPERT_BANK_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/span.h"
#include "layer/dropout-seeds.h"
#include "layer/feed-forward.h"
#include "layer/layer-output.h"
#include "layer/param-visitor.h"
#include "moe/dispatch-plan.h"
#include "moe/merge-plan.h"
#include "tensor/tensor.h"

namespace u2moe {

// What a bank promises; the battery of tests/moe checks it.
struct BankTraits {
  bool always_on = false;   // something works on all rows, whatever the routes
  bool reads_gates = true;  // false: who is chosen has weight 1, and gates get no gradient
  bool packs = true;        // false: its weights stay floats, as they are made of smaller tensors
  bool can_merge = false;   // averages experts' parameters, for routers that want it
};

// What a bank's backward needs from its forward.
struct BankTape {
  virtual ~BankTape() = default;
};

class ExpertBank {
 public:
  virtual ~ExpertBank() = default;

  virtual BankTraits Traits() const = 0;
  // Experts that a router chooses among.
  virtual int NumExperts() const = 0;
  // Experts that are feed-forwards of one shape, of which a row receives the sum over its slots of
  // gate * expert(row), and nothing else; empty: they are others.
  virtual Span<DenseFeedForward> FeedForwards() const { return {}; }
  // Whether the weights are packed: then there is inference only, without tape and slot_out.
  virtual bool IsPacked() const = 0;
  // x [T, D]; out receives for each row the sum over its slots of gate * expert(row), and whatever
  // is always on. slot_out: receives [S, D] in the host's memory, what each slot's expert made of
  // its row; null: nobody wants it.
  virtual void Forward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                       const LayerOutput &out, std::unique_ptr<BankTape> *tape,
                       DropoutSeeds *dropout, Tensor *slot_out) const = 0;
  // dx [T, D] and dslot_gate [S], the gradient of the plan's gates, are overwritten; adds to *grad,
  // of the same type and shape.
  virtual void Backward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                        const BankTape &tape, ConstView dy, ExpertBank *grad, View dx,
                        std::vector<float> *dslot_gate) const = 0;
  // The same with one expert for each run of the plan, whose parameters are the weighted sums of
  // the experts'; out receives 0 for a run without experts. For banks that can merge.
  virtual void ForwardMerged(const Context &, ConstView, const MergePlan &, const LayerOutput &,
                             std::unique_ptr<BankTape> *, DropoutSeeds *) const {
    CHECK(false) << "this bank does not merge";
  }
  // dweights [G, E]: the gradient of the plan's weights, 0 where those are 0.
  virtual void BackwardMerged(const Context &, ConstView, const MergePlan &, const BankTape &,
                              ConstView, ExpertBank *, View, std::vector<float> *) const {
    CHECK(false) << "this bank does not merge";
  }
  // Visited as experts of which a row uses K / E. What is always on says that its share is 1.
  virtual void VisitParams(ParamVisitor *v) = 0;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_EXPERT_BANK_H_
