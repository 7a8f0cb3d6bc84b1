#ifndef U2MOE_MOE_BANK_TIED_H_
#define U2MOE_MOE_BANK_TIED_H_

#include <memory>
#include <vector>

#include "moe/bank-full.h"

namespace u2moe {

// Fewer experts than the router chooses among: several of its choices are one expert, what merging
// experts leaves of a mixture. The router selects and gates as it did; a row whose choices fall on
// one expert goes there once, with the sum of their gates. FeedForwardConfig::num_shared_experts
// is how many experts there are.
class TiedBank : public ExpertBank {
 public:
  TiedBank(int64_t dim, const FeedForwardConfig &config, float dropout);

  BankTraits Traits() const override { return {}; }
  int NumExperts() const override { return static_cast<int>(map_.Size()); }
  bool IsPacked() const override { return bank_.IsPacked(); }
  void Forward(const Context &ctx, ConstView x, const DispatchPlan &plan, const LayerOutput &out,
               std::unique_ptr<BankTape> *tape, DropoutSeeds *dropout,
               Tensor *slot_out) const override;
  void Backward(const Context &ctx, ConstView x, const DispatchPlan &plan, const BankTape &tape,
                ConstView dy, ExpertBank *grad, View dx,
                std::vector<float> *dslot_gate) const override;
  // As experts.0 to experts.<n-1>, and expert_map.
  void VisitParams(ParamVisitor *v) override;

  // What expert_map holds for choice e of `choices` that is expert `to` of n: the difference from e
  // n / choices, where choices fall in a fresh model.
  static float MapEntry(int64_t choices, int64_t n, int64_t e, int64_t to);
  // The other way round. Throws DataError for an entry that means no expert.
  static int64_t ExpertOf(int64_t choices, int64_t n, int64_t e, float entry);

 private:
  struct Tied;
  Tied Tie(const Context &ctx, const DispatchPlan &plan) const;

  FullBank bank_;
  double share_;  // of the rows that use an expert, at most
  Tensor map_;    // [E]
};

}  // namespace u2moe

#endif  // U2MOE_MOE_BANK_TIED_H_
