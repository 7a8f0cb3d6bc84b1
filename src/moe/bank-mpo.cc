#include "moe/bank-mpo.h"

#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "ops/elementwise.h"

namespace u2moe {
namespace {

struct MpoTape : BankTape {
  std::unique_ptr<FullBank> full;
  std::unique_ptr<BankTape> inner;
};

constexpr const char *kMatrixNames[] = {"w_1", "w_2"};

bool HasRows(const DispatchPlan &plan, size_t e) {
  return plan.expert_begin[e + 1] > plan.expert_begin[e];
}

std::map<std::string, Tensor *> ByName(FullBank *bank) {
  std::map<std::string, Tensor *> tensors;
  ForEachParam(bank, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    tensors[name] = t;
  });
  return tensors;
}

std::string NameOf(size_t e, int which, const char *what) {
  return Cat("experts.", e, ".", kMatrixNames[which], ".", what);
}

}  // namespace

MpoBank::MpoBank(int64_t dim, const FeedForwardConfig &c, float dropout)
    : dim_(dim), config_(c), dropout_(dropout) {
  const MpoShapes shapes = ParseMpoShapes(c.mpo_shape, dim, c.hidden_dim, c.mpo_bond);
  for (const MpoShape &shape : {shapes.w_1, shapes.w_2})
    matrices_.push_back({shape, Tensor(shape.TensorShape(shape.Core()))});
  experts_.resize(static_cast<size_t>(c.num_experts));
  for (Expert &expert : experts_) {
    for (int m = 0; m < 2; ++m) {
      const MpoShape &shape = matrices_[static_cast<size_t>(m)].shape;
      for (size_t k = 0; k < shape.Length(); ++k) {
        expert.outer[m].push_back(k == shape.Core() ? Tensor() : Tensor(shape.TensorShape(k)));
      }
      if (c.bias) expert.bias[m] = Tensor({shape.Rows()});
    }
  }
}

BankTraits MpoBank::Traits() const {
  BankTraits traits;
  traits.packs = false;
  return traits;
}

std::vector<const Tensor *> MpoBank::Chain(size_t expert, int which) const {
  const Matrix &m = matrices_[static_cast<size_t>(which)];
  std::vector<const Tensor *> chain;
  for (const Tensor &t : experts_[expert].outer[which])
    chain.push_back(chain.size() == m.shape.Core() ? &m.core : &t);
  return chain;
}

std::unique_ptr<FullBank> MpoBank::Materialise(const Context &ctx, const DispatchPlan &plan) const {
  auto full = std::make_unique<FullBank>(dim_, config_, dropout_);
  const auto tensors = ByName(full.get());
  for (size_t e = 0; e < experts_.size(); ++e) {
    if (!HasRows(plan, e)) continue;
    for (int m = 0; m < 2; ++m) {
      *tensors.at(NameOf(e, m, "weight")) =
          ContractMpo(ctx, matrices_[static_cast<size_t>(m)].shape, Chain(e, m));
      if (config_.bias) *tensors.at(NameOf(e, m, "bias")) = experts_[e].bias[m];
    }
  }
  return full;
}

void MpoBank::Forward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                      const LayerOutput &out, std::unique_ptr<BankTape> *tape,
                      DropoutSeeds *dropout, Tensor *slot_out) const {
  auto own = std::make_unique<MpoTape>();
  own->full = Materialise(ctx, plan);
  own->full->Forward(ctx, x, plan, out, tape != nullptr ? &own->inner : nullptr, dropout, slot_out);
  if (tape != nullptr) *tape = std::move(own);
}

void MpoBank::Backward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                       const BankTape &tape, ConstView dy, ExpertBank *grad, View dx,
                       std::vector<float> *dslot_gate) const {
  const auto &t = dynamic_cast<const MpoTape &>(tape);
  auto *g = &dynamic_cast<MpoBank &>(*grad);
  FullBank dfull(dim_, config_, dropout_);
  const auto dtensors = ByName(&dfull), tensors = ByName(t.full.get());
  for (size_t e = 0; e < experts_.size(); ++e) {
    if (!HasRows(plan, e)) continue;
    for (int m = 0; m < 2; ++m) {
      Tensor *dweight = dtensors.at(NameOf(e, m, "weight"));
      *dweight = Tensor::Zeros(ctx, dweight->Rows(), dweight->Cols());
      if (config_.bias) *dtensors.at(NameOf(e, m, "bias")) = Tensor::ZerosLike(experts_[e].bias[m]);
    }
  }
  t.full->Backward(ctx, x, plan, *t.inner, dy, &dfull, dx, dslot_gate);
  for (size_t e = 0; e < experts_.size(); ++e) {
    if (!HasRows(plan, e)) continue;
    for (int m = 0; m < 2; ++m) {
      const MpoShape &shape = matrices_[static_cast<size_t>(m)].shape;
      std::vector<Tensor *> chain;
      for (Tensor &outer : g->experts_[e].outer[m]) {
        chain.push_back(chain.size() == shape.Core() ? &g->matrices_[static_cast<size_t>(m)].core
                                                     : &outer);
      }
      ContractMpoBackward(ctx, shape, Chain(e, m), *dtensors.at(NameOf(e, m, "weight")), chain);
      if (config_.bias) AddTo(ctx, 1, *dtensors.at(NameOf(e, m, "bias")), g->experts_[e].bias[m]);
    }
  }
}

void MpoBank::VisitParams(ParamVisitor *v) {
  // Uniform with the deviation that makes the contracted matrix's entries of 1 / (3 in) variance,
  // as torch's linear maps begin with: each of the n tensors takes its n-th root.
  const auto init = [](const MpoShape &shape) {
    double terms = 1;
    for (size_t k = 1; k < shape.Length(); ++k) terms *= static_cast<double>(shape.Bond(k));
    const double variance = 1 / (3 * static_cast<double>(shape.Cols()) * terms);
    return ParamInit::Uniform(
        std::sqrt(3 * std::pow(variance, 1 / static_cast<double>(shape.Length()))));
  };
  for (size_t e = 0; e < experts_.size(); ++e) {
    for (int m = 0; m < 2; ++m) {
      const MpoShape &shape = matrices_[static_cast<size_t>(m)].shape;
      for (size_t k = 0; k < shape.Length(); ++k)
        v->Param(NameOf(e, m, Cat("mpo.", k).c_str()), &experts_[e].outer[m][k], init(shape));
      v->Param(NameOf(e, m, "bias"), &experts_[e].bias[m],
               ParamInit::Uniform(1 / std::sqrt(static_cast<double>(shape.Cols()))));
    }
  }
  v->In(ParamUse(ParamRole::kExpert, 1, config_.core_gradient), [&] {
    for (size_t m = 0; m < 2; ++m) {
      v->Param(Cat("shared_experts.", kMatrixNames[m], ".core"), &matrices_[m].core,
               init(matrices_[m].shape));
    }
  });
}

}  // namespace u2moe
