#include "moe/bank-shared-routed.h"

#include <string>
#include <utility>

#include "ops/elementwise.h"

namespace u2moe {
namespace {

struct SharedRoutedTape : BankTape {
  std::unique_ptr<BankTape> routed;
  std::vector<std::unique_ptr<FeedForwardTape>> shared;
};

}  // namespace

SharedRoutedBank::SharedRoutedBank(int64_t dim, const FeedForwardConfig &c, float dropout)
    : routed_(dim, c, dropout) {
  for (int i = 0; i < c.num_shared_experts; ++i)
    shared_.emplace_back(dim, c.hidden_dim, c.activation, c.bias, dropout);
}

BankTraits SharedRoutedBank::Traits() const {
  BankTraits traits;
  traits.always_on = true;
  return traits;
}

void SharedRoutedBank::Forward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                               const LayerOutput &out, std::unique_ptr<BankTape> *tape,
                               DropoutSeeds *dropout, Tensor *slot_out) const {
  if (tape == nullptr) {
    routed_.Forward(ctx, x, plan, out, nullptr, dropout, slot_out);
    for (const DenseFeedForward &expert : shared_) {
      expert.Forward(ctx, x, LayerOutput::Add(out.add ? out.scale : 1, out.y), nullptr, dropout,
                     RouteCall());
    }
    return;
  }
  auto t = std::make_unique<SharedRoutedTape>();
  t->shared.resize(shared_.size());
  routed_.Forward(ctx, x, plan, out, &t->routed, dropout, slot_out);
  Tensor y(ctx, x.Rows(), x.Cols());
  for (size_t i = 0; i < shared_.size(); ++i) {
    shared_[i].Forward(ctx, x, y, &t->shared[i], dropout, RouteCall());
    AddTo(ctx, out.add ? out.scale : 1, y, out.y);
  }
  *tape = std::move(t);
}

void SharedRoutedBank::Backward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                                const BankTape &tape, ConstView dy, ExpertBank *grad, View dx,
                                std::vector<float> *dslot_gate) const {
  const auto &t = dynamic_cast<const SharedRoutedTape &>(tape);
  auto *g = &dynamic_cast<SharedRoutedBank &>(*grad);
  routed_.Backward(ctx, x, plan, *t.routed, dy, &g->routed_, dx, dslot_gate);
  Tensor dshared(ctx, x.Rows(), x.Cols());
  for (size_t i = 0; i < shared_.size(); ++i) {
    shared_[i].Backward(ctx, x, *t.shared[i], dy, &g->shared_[i], dshared, nullptr);
    AddTo(ctx, 1, dshared, dx);
  }
}

void SharedRoutedBank::VisitParams(ParamVisitor *v) {
  routed_.VisitParams(v);
  for (size_t i = 0; i < shared_.size(); ++i)
    v->Scope("shared_experts." + std::to_string(i), ParamRole::kExpert, &shared_[i]);
}

int64_t SharedRoutedBank::NumActiveParams(int num_choices) const {
  int64_t n = routed_.NumActiveParams(num_choices);
  for (const DenseFeedForward &expert : shared_) n += expert.NumActiveParams();
  return n;
}

}  // namespace u2moe
