#include "moe/router-rmoe.h"

#include <utility>

#include "ops/elementwise.h"
#include "ops/gru.h"
#include "tensor/gemm.h"

namespace u2moe {
namespace {

struct RmoeTape : RouterTape {
  Tensor projected, before, after;  // [T, P]: x', h_{l-1}, h_l
  Tensor from_input, from_hidden;   // [T, 3P]
};

}  // namespace

RmoeRouter::RmoeRouter(const RouterConfig &c, MixtureShared *shared)
    : Router(kTraits, c),
      project_(c.dim, c.state_dim, false),
      out_(c.state_dim, c.num_experts, false),
      gru_(shared->Part<Gru>("gate.gru", c.state_dim)) {
  if (gru_->input.InDim() != c.state_dim) {
    throw UsageError("mixtures with router states (rmoe) of ", gru_->input.InDim(), " and of ",
                     c.state_dim, " dimensions cannot share one; give them the same router-dim");
  }
}

void RmoeRouter::Logits(const Context &ctx, const RouteInput &input, View logits,
                        std::unique_ptr<RouterTape> *tape) const {
  RoutingState *state = input.call.state;
  CHECK(state != nullptr) << "rmoe needs a RoutingState";
  const int64_t rows = input.x.Rows(), dim = gru_->input.InDim();
  RmoeTape local;
  std::unique_ptr<RmoeTape> own;
  if (tape != nullptr) own = std::make_unique<RmoeTape>();
  RmoeTape &t = tape != nullptr ? *own : local;
  t.before = state->depth.Cols() == 0 ? Tensor::Zeros(ctx, rows, dim) : std::move(state->depth);
  CHECK_SHAPE(t.before, rows, dim);
  t.projected = Tensor(ctx, rows, dim);
  t.from_input = Tensor(ctx, rows, 3 * dim);
  t.from_hidden = Tensor(ctx, rows, 3 * dim);
  project_.Forward(ctx, input.x, t.projected);
  gru_->input.Forward(ctx, t.projected, t.from_input);
  gru_->hidden.Forward(ctx, t.before, t.from_hidden);
  state->depth = Tensor(ctx, rows, dim);
  GruForward(ctx, t.from_input, t.from_hidden, t.before, state->depth);
  out_.Forward(ctx, state->depth, logits);
  if (tape == nullptr) return;
  t.after = Tensor(ctx, rows, dim);
  CopyTo(ctx, state->depth, t.after);
  *tape = std::move(own);
}

void RmoeRouter::LogitsBackward(const Context &ctx, ConstView x, const RouterTape *tape,
                                ConstView dlogits, Router *grad, View dx,
                                RoutingGradients *routing) const {
  CHECK(routing != nullptr) << "rmoe needs RoutingGradients";
  const auto &t = dynamic_cast<const RmoeTape &>(*tape);
  auto *g = &dynamic_cast<RmoeRouter &>(*grad);
  const int64_t rows = x.Rows(), dim = t.before.Cols();
  Tensor dstate(ctx, rows, dim), dinput(ctx, rows, 3 * dim), dhidden(ctx, rows, 3 * dim);
  out_.Backward(ctx, t.after, dlogits, &g->out_, dstate);
  if (routing->ddepth.Cols() > 0) AddTo(ctx, 1, routing->ddepth, dstate);
  GruBackward(ctx, t.from_input, t.from_hidden, t.before, dstate, dinput, dhidden, dstate);
  Tensor dbefore(ctx, rows, dim), dprojected(ctx, rows, dim);
  gru_->hidden.Backward(ctx, t.before, dhidden, &g->gru_->hidden, dbefore);
  AddTo(ctx, 1, dbefore, dstate);
  routing->ddepth = std::move(dstate);
  gru_->input.Backward(ctx, t.projected, dinput, &g->gru_->input, dprojected);
  project_.Backward(ctx, x, dprojected, &g->project_, View());
  Gemm(ctx, 1, dprojected, Trans::kNo, project_.Weight(), Trans::kNo, 1, dx);
}

void RmoeRouter::VisitParams(ParamVisitor *v) {
  v->Scope("gate.project", &project_);
  v->Scope("gate.out", &out_);
}

void RmoeRouter::Gru::VisitParams(ParamVisitor *v) {
  v->Scope("input", &input);
  v->Scope("hidden", &hidden);
}

}  // namespace u2moe
