#ifndef U2MOE_MOE_BANK_SHARED_ROUTED_H_
#define U2MOE_MOE_BANK_SHARED_ROUTED_H_

#include <memory>
#include <vector>

#include "layer/feed-forward.h"
#include "moe/bank-full.h"

namespace u2moe {

// Experts that work on every row, with gate 1, beside those that are routed to (arXiv 2401.06066):
// y = sum over the shared of expert(x) + sum over the chosen of gate * expert(x). All are of one
// size. A row that has lost its routed experts keeps the shared ones.
class SharedRoutedBank : public ExpertBank {
 public:
  SharedRoutedBank(int64_t dim, const FeedForwardConfig &config, float dropout);

  BankTraits Traits() const override;
  int NumExperts() const override { return routed_.NumExperts(); }
  bool IsPacked() const override { return routed_.IsPacked(); }
  void Forward(const Context &ctx, ConstView x, const DispatchPlan &plan, const LayerOutput &out,
               std::unique_ptr<BankTape> *tape, DropoutSeeds *dropout,
               Tensor *slot_out) const override;
  void Backward(const Context &ctx, ConstView x, const DispatchPlan &plan, const BankTape &tape,
                ConstView dy, ExpertBank *grad, View dx,
                std::vector<float> *dslot_gate) const override;
  void VisitParams(ParamVisitor *v) override;
  int64_t NumActiveParams(int num_choices) const override;

 private:
  FullBank routed_;
  std::vector<DenseFeedForward> shared_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_BANK_SHARED_ROUTED_H_
