#include "moe/bank-neuron-groups.h"

#include <cmath>

#include "ops/elementwise.h"

namespace u2moe {
namespace {

DispatchPlan WithUnitGates(DispatchPlan plan) {
  for (float &gate : plan.slot_gate) gate = 1;
  return plan;
}

}  // namespace

NeuronGroupsBank::NeuronGroupsBank(int64_t dim, const FeedForwardConfig &c, float dropout)
    : groups_(dim, c, dropout, false),
      bias_(c.bias ? Tensor({dim}) : Tensor()),
      neurons_(c.num_experts, c.hidden_dim) {}

BankTraits NeuronGroupsBank::Traits() const {
  BankTraits traits;
  traits.always_on = true;
  traits.reads_gates = false;
  return traits;
}

void NeuronGroupsBank::Forward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                               const LayerOutput &out, std::unique_ptr<BankTape> *tape,
                               DropoutSeeds *dropout, Tensor *slot_out) const {
  groups_.Forward(ctx, x, WithUnitGates(plan), out, tape, dropout, slot_out);
  if (bias_.Empty() || x.Rows() == 0) return;
  if (!out.add || out.scale == 1) {
    AddRowVector(ctx, bias_, out.y);
    return;
  }
  Tensor scaled = Tensor::ZerosLike(bias_);
  AddTo(ctx, out.scale, bias_, scaled);
  AddRowVector(ctx, scaled, out.y);
}

void NeuronGroupsBank::Backward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                                const BankTape &tape, ConstView dy, ExpertBank *grad, View dx,
                                std::vector<float> *dslot_gate) const {
  auto *g = &dynamic_cast<NeuronGroupsBank &>(*grad);
  groups_.Backward(ctx, x, WithUnitGates(plan), tape, dy, &g->groups_, dx, dslot_gate);
  dslot_gate->assign(dslot_gate->size(), 0);
  if (!bias_.Empty()) AddSumOfRows(ctx, dy, g->bias_);
}

void NeuronGroupsBank::VisitParams(ParamVisitor *v) {
  groups_.VisitParams(v);
  // 0 in a fresh model; conversions copy the dense layer's.
  v->In(ParamRole::kFeedForward, [&] { v->Param("output_bias", &bias_, ParamInit::Constant(0)); });
  // Conversions write it, and training with a teacher of the routes reads it.
  v->Buffer("neurons", &neurons_, ParamInit::Constant(-1));
}

}  // namespace u2moe
