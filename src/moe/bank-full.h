#ifndef U2MOE_MOE_BANK_FULL_H_
#define U2MOE_MOE_BANK_FULL_H_

#include <memory>
#include <vector>

#include "layer/feed-forward.h"
#include "moe/expert-bank.h"
#include "moe/feed-forward-config.h"

namespace u2moe {

// E whole feed-forward blocks (arXiv 2404.16407): gather -> each expert on its rows -> weighted
// scatter. Experts without rows cost nothing.
class FullBank : public ExpertBank {
 public:
  // output_bias: see DenseFeedForward.
  FullBank(int64_t dim, const FeedForwardConfig &config, float dropout, bool output_bias = true);

  BankTraits Traits() const override { return {}; }
  int NumExperts() const override { return static_cast<int>(experts_.size()); }
  bool IsPacked() const override { return experts_[0].IsPacked(); }
  void Forward(const Context &ctx, ConstView x, const DispatchPlan &plan, const LayerOutput &out,
               std::unique_ptr<BankTape> *tape, DropoutSeeds *dropout,
               Tensor *slot_out) const override;
  void Backward(const Context &ctx, ConstView x, const DispatchPlan &plan, const BankTape &tape,
                ConstView dy, ExpertBank *grad, View dx,
                std::vector<float> *dslot_gate) const override;
  void VisitParams(ParamVisitor *v) override;

 private:
  // With packed weights, straight into out.
  void ForwardPacked(const Context &ctx, ConstView x, const DispatchPlan &plan,
                     const LayerOutput &out) const;

  std::vector<DenseFeedForward> experts_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_BANK_FULL_H_
