#ifndef U2MOE_MOE_BANK_MPO_H_
#define U2MOE_MOE_BANK_MPO_H_

#include <memory>
#include <vector>

#include "moe/bank-full.h"
#include "moe/mpo-chain.h"

namespace u2moe {

// Experts whose matrices are chains of tensors (MPOE, arXiv 2203.01104): all share the middle one,
// which holds most of the parameters, and have small outer ones, and biases, of their own. Each
// forward makes the matrices anew, so for inference moe-convert --method=materialise makes a bank
// of whole experts of it.
class MpoBank : public ExpertBank {
 public:
  // Throws UsageError as ParseMpoShapes.
  MpoBank(int64_t dim, const FeedForwardConfig &config, float dropout);

  BankTraits Traits() const override;
  int NumExperts() const override { return static_cast<int>(experts_.size()); }
  bool IsPacked() const override { return false; }
  void Forward(const Context &ctx, ConstView x, const DispatchPlan &plan, const LayerOutput &out,
               std::unique_ptr<BankTape> *tape, DropoutSeeds *dropout,
               Tensor *slot_out) const override;
  void Backward(const Context &ctx, ConstView x, const DispatchPlan &plan, const BankTape &tape,
                ConstView dy, ExpertBank *grad, View dx,
                std::vector<float> *dslot_gate) const override;
  // As experts.<e>.w_1.mpo.<k>, experts.<e>.w_1.bias, the same of w_2, and what is shared:
  // shared_experts.w_1.core and shared_experts.w_2.core.
  void VisitParams(ParamVisitor *v) override;

 private:
  // One of the two matrices of all experts.
  struct Matrix {
    MpoShape shape;
    Tensor core;
  };
  struct Expert {
    std::vector<Tensor> outer[2];  // of w_1 and w_2, that of the core empty
    Tensor bias[2];
  };
  std::vector<const Tensor *> Chain(size_t expert, int which) const;
  // The bank of whole experts, for those that have rows.
  std::unique_ptr<FullBank> Materialise(const Context &ctx, const DispatchPlan &plan) const;

  int64_t dim_;
  FeedForwardConfig config_;
  float dropout_;
  std::vector<Matrix> matrices_;  // w_1, w_2
  std::vector<Expert> experts_;
};

}  // namespace u2moe

#endif  // U2MOE_MOE_BANK_MPO_H_
