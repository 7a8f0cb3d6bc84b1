#ifndef U2MOE_MOE_BANK_NEURON_GROUPS_H_
#define U2MOE_MOE_BANK_NEURON_GROUPS_H_

#include <memory>
#include <vector>

#include "moe/bank-full.h"

namespace u2moe {

// The neurons of one dense layer in E groups (arXiv 2110.01786): y = sum over the chosen groups of
// w_2[:, group] f(w_1[group] x + b_1[group]), + b_2. A group that is chosen has weight 1, whatever
// its gate, and the output's bias is added once: with all groups it is the dense layer. So no
// gradient reaches a router through the output.
class NeuronGroupsBank : public ExpertBank {
 public:
  // config.hidden_dim: neurons of each group.
  NeuronGroupsBank(int64_t dim, const FeedForwardConfig &config, float dropout);

  BankTraits Traits() const override;
  int NumExperts() const override { return groups_.NumExperts(); }
  bool IsPacked() const override { return groups_.IsPacked(); }
  void Forward(const Context &ctx, ConstView x, const DispatchPlan &plan, const LayerOutput &out,
               std::unique_ptr<BankTape> *tape, DropoutSeeds *dropout,
               Tensor *slot_out) const override;
  void Backward(const Context &ctx, ConstView x, const DispatchPlan &plan, const BankTape &tape,
                ConstView dy, ExpertBank *grad, View dx,
                std::vector<float> *dslot_gate) const override;
  // As experts.0 to experts.<E-1>, without w_2.bias, output_bias and neurons.
  void VisitParams(ParamVisitor *v) override;

 private:
  FullBank groups_;
  Tensor bias_;     // [D], or empty
  Tensor neurons_;  // [E, hidden_dim]: the neuron of the dense layer that each was; -1: none
};

}  // namespace u2moe

#endif  // U2MOE_MOE_BANK_NEURON_GROUPS_H_
