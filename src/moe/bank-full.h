#ifndef U2MOE_MOE_BANK_FULL_H_
#define U2MOE_MOE_BANK_FULL_H_

#include <memory>
#include <vector>

#include "layer/feed-forward.h"
#include "moe/expert-bank.h"
#include "moe/feed-forward-config.h"

namespace u2moe {

// E whole feed-forward blocks (arXiv 2404.16407): gather -> each expert on its rows -> weighted
// scatter. Experts without rows cost nothing. For routers that merge, each run of rows works with
// one average of all experts (arXiv 2405.03133), which costs a pass over all their parameters; the
// experts then stay in floats that nothing packs.
class FullBank : public ExpertBank {
 public:
  // output_bias: see DenseFeedForward.
  FullBank(int64_t dim, const FeedForwardConfig &config, float dropout, bool output_bias = true);

  BankTraits Traits() const override;
  int NumExperts() const override { return static_cast<int>(experts_.size()); }
  Span<DenseFeedForward> FeedForwards() const override { return experts_; }
  bool IsPacked() const override { return experts_[0].IsPacked(); }
  void Forward(const Context &ctx, ConstView x, const DispatchPlan &plan, const LayerOutput &out,
               std::unique_ptr<BankTape> *tape, DropoutSeeds *dropout,
               Tensor *slot_out) const override;
  void Backward(const Context &ctx, ConstView x, const DispatchPlan &plan, const BankTape &tape,
                ConstView dy, ExpertBank *grad, View dx,
                std::vector<float> *dslot_gate) const override;
  void ForwardMerged(const Context &ctx, ConstView x, const MergePlan &plan, const LayerOutput &out,
                     std::unique_ptr<BankTape> *tape, DropoutSeeds *dropout) const override;
  void BackwardMerged(const Context &ctx, ConstView x, const MergePlan &plan, const BankTape &tape,
                      ConstView dy, ExpertBank *grad, View dx,
                      std::vector<float> *dweights) const override;
  void VisitParams(ParamVisitor *v) override;

 private:
  // One expert's shape, in the memory of ctx, undefined.
  DenseFeedForward NewExpert(const Context &ctx) const;
  // *merged = sum of weights[e] * expert e.
  void Merge(const Context &ctx, const float *weights, DenseFeedForward *merged) const;
  // With packed weights, straight into out.
  void ForwardPacked(const Context &ctx, ConstView x, const DispatchPlan &plan,
                     const LayerOutput &out) const;

  int64_t dim_;
  FeedForwardConfig config_;
  bool merges_;
  std::vector<DenseFeedForward> experts_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_BANK_FULL_H_
