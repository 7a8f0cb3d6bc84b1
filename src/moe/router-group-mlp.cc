#include "moe/router-group-mlp.h"

#include <cmath>
#include <utility>

#include "ops/elementwise.h"
#include "tensor/gemm.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

struct GroupMlpTape : RouterTape {
  CachedVector<float> factors;  // 1 / ||x|| of each row
  Tensor unit, hidden;          // [T, D] x / ||x||; [T, E] after tanh; the host's
};

}  // namespace

GroupMlpRouter::GroupMlpRouter(const RouterConfig &c)
    : Router(kTraits, c),
      hidden_(c.dim, c.num_experts, false),
      out_(c.num_experts, c.num_experts, false) {}

void GroupMlpRouter::Logits(const Context &ctx, const RouteInput &input, View logits,
                            std::unique_ptr<RouterTape> *tape) const {
  std::unique_ptr<GroupMlpTape> own;
  if (tape != nullptr) own = std::make_unique<GroupMlpTape>();
  GroupMlpTape local;
  GroupMlpTape *t = tape != nullptr ? own.get() : &local;
  t->unit = CopyToHost(ctx, input.x);
  t->factors.resize(static_cast<size_t>(t->unit.Rows()));
  for (int64_t r = 0; r < t->unit.Rows(); ++r) {
    float *row = t->unit.View().Row(r);
    double square = 0;
    for (int64_t d = 0; d < t->unit.Cols(); ++d) square += static_cast<double>(row[d]) * row[d];
    // NaN stays NaN, which Route tells of.
    const float factor = square == 0 ? 0 : static_cast<float>(1 / std::sqrt(square));
    for (int64_t d = 0; d < t->unit.Cols(); ++d) row[d] *= factor;
    t->factors[static_cast<size_t>(r)] = factor;
  }
  Tensor hidden(ctx, t->unit.Rows(), NumExperts());
  hidden_.Forward(ctx, MatrixOnDevice(ctx, t->unit).View(), hidden);
  t->hidden = MoveToHost(std::move(hidden));
  for (int64_t i = 0; i < t->hidden.Size(); ++i)
    t->hidden.Data()[i] = std::tanh(t->hidden.Data()[i]);
  out_.Forward(ctx, MatrixOnDevice(ctx, t->hidden).View(), logits);
  if (tape != nullptr) *tape = std::move(own);
}

void GroupMlpRouter::LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape,
                                    ConstView dlogits, Router *grad, View dx,
                                    RoutingGradients *) const {
  const auto &t = dynamic_cast<const GroupMlpTape &>(*tape);
  auto *g = &dynamic_cast<GroupMlpRouter &>(*grad);
  Tensor dafter(ctx, x.Rows(), NumExperts());
  out_.Backward(ctx, MatrixOnDevice(ctx, t.hidden).View(), dlogits, &g->out_, dafter);
  Tensor dhidden = MoveToHost(std::move(dafter));
  for (int64_t i = 0; i < dhidden.Size(); ++i)
    dhidden.Data()[i] *= 1 - t.hidden.Data()[i] * t.hidden.Data()[i];
  Tensor dunit_there(ctx, x.Rows(), x.Cols());
  hidden_.Backward(ctx, MatrixOnDevice(ctx, t.unit).View(), MatrixOnDevice(ctx, dhidden).View(),
                   &g->hidden_, dunit_there);
  // Only what is across the row changes its direction.
  Tensor drow = MoveToHost(std::move(dunit_there));
  for (int64_t r = 0; r < drow.Rows(); ++r) {
    const float *unit = t.unit.View().Row(r);
    float *d = drow.View().Row(r);
    double along = 0;
    for (int64_t i = 0; i < drow.Cols(); ++i) along += static_cast<double>(unit[i]) * d[i];
    const float factor = t.factors[static_cast<size_t>(r)];
    for (int64_t i = 0; i < drow.Cols(); ++i)
      d[i] = factor * (d[i] - static_cast<float>(along) * unit[i]);
  }
  AddTo(ctx, 1, MatrixOnDevice(ctx, drow).View(), dx);
}

void GroupMlpRouter::VisitParams(ParamVisitor *v) {
  v->Scope("gate.hidden", &hidden_);
  v->Scope("gate.out", &out_);
}

}  // namespace u2moe
