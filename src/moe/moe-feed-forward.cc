#include "moe/moe-feed-forward.h"

#include <optional>
#include <utility>

#include "moe/expert-policy.h"
#include "moe/router-registry.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

struct MoeTape : FeedForwardTape {
  Routes routes;
  DispatchPlan plan;
  Tensor slots, before, after, out;  // [S, D], [S, F], [S, F], [S, D]
  DropoutMask mask;
};

}  // namespace

MoeFeedForward::MoeFeedForward(int64_t dim, int64_t hidden_dim, int num_experts,
                               int experts_per_frame, const std::string &router,
                               Activation activation, bool bias, float dropout)
    : router_(MakeRouter(router, dim, num_experts, experts_per_frame)),
      experts_per_frame_(experts_per_frame) {
  for (int e = 0; e < num_experts; ++e)
    experts_.emplace_back(dim, hidden_dim, activation, bias, dropout);
}

void MoeFeedForward::ForwardPacked(const Context &ctx, ConstView x, const DispatchPlan &plan,
                                   const LayerOutput &out) const {
  if (!out.add) SetZero(ctx, out.y);
  // One expert's hidden activations at a time, in memory that stays in cache. It would do for all
  // rows, so that what is taken does not depend on the data.
  Tensor hidden(ctx, x.Rows(), experts_[0].HiddenDim());
  const ListOnDevice<int32_t> slot_frame(ctx, plan.slot_frame);
  const ListOnDevice<float> slot_gate(ctx, plan.slot_gate);
  std::optional<PackedRows> packed;
  for (size_t e = 0; e < experts_.size(); ++e) {
    const DenseFeedForward &expert = experts_[e];
    const int32_t begin = plan.expert_begin[e];
    GemmRows rows;
    rows.count = plan.expert_begin[e + 1] - begin;
    if (rows.count == 0) continue;
    if (!packed.has_value() || packed->Format() != expert.Format())
      packed.emplace(ctx, x, expert.Format());
    rows.in = rows.out = slot_frame.data() + begin;
    rows.factor = slot_gate.data() + begin;
    expert.ForwardPacked(ctx, *packed, rows, hidden, LayerOutput::Add(out.scale, out.y));
  }
}

void MoeFeedForward::Forward(const Context &ctx, ConstView x, const LayerOutput &out,
                             std::unique_ptr<FeedForwardTape> *tape, DropoutSeeds *dropout,
                             const RouteCall &call) const {
  std::unique_ptr<MoeTape> own;
  if (tape != nullptr) own = std::make_unique<MoeTape>();
  MoeTape local;
  MoeTape &t = tape != nullptr ? *own : local;
  router_->Forward(ctx, x, &t.routes);
  ApplyExpertPolicy(policy_, call, &t.routes);
  RouteSink *sink = call.sink;
  if (sink != nullptr) sink->OnRoute(t.routes.logits, t.routes.experts, t.routes.gates);
  t.plan = MakeDispatchPlan(t.routes, NumExperts());
  if (experts_[0].IsPacked()) {
    CHECK(tape == nullptr && dropout == nullptr && (sink == nullptr || !sink->WantsSkipCost()));
    ForwardPacked(ctx, x, t.plan, out);
    return;
  }
  const int64_t num_slots = t.plan.NumSlots(), hidden = experts_[0].HiddenDim();
  t.mask = DropoutMask::Draw(dropout, experts_[0].DropoutRate());
  t.slots = Tensor(ctx, num_slots, x.Cols());
  t.before = Tensor(ctx, num_slots, hidden);
  if (tape != nullptr) t.after = Tensor(ctx, num_slots, hidden);
  t.out = Tensor(ctx, num_slots, x.Cols());
  const ListOnDevice<int32_t> slot_frame(ctx, t.plan.slot_frame);
  GatherRows(ctx, x, slot_frame, t.slots);
  const View after = tape != nullptr ? t.after.View() : t.before.View();
  for (int e = 0; e < NumExperts(); ++e) {
    const int64_t begin = t.plan.expert_begin[static_cast<size_t>(e)];
    const int64_t rows = t.plan.expert_begin[static_cast<size_t>(e) + 1] - begin;
    if (rows == 0) continue;
    const DropoutMask mask{SubSeed(t.mask.seed, static_cast<uint64_t>(e)), t.mask.rate};
    experts_[static_cast<size_t>(e)].ForwardRows(
        ctx, t.slots.View().RowRange(begin, rows), mask, t.before.View().RowRange(begin, rows),
        after.RowRange(begin, rows), t.out.View().RowRange(begin, rows));
  }
  if (sink != nullptr && sink->WantsSkipCost())
    sink->OnSkipCost(SkipCost(t.routes, t.plan, MatrixOnHost(ctx, t.out)));
  CachedVector<float> gates = t.plan.slot_gate;
  if (out.add) {
    for (float &gate : gates) gate *= out.scale;
  } else {
    SetZero(ctx, out.y);
  }
  ScatterAddRows(ctx, t.out, slot_frame, ListOnDevice<float>(ctx, gates), out.y);
  if (tape != nullptr) *tape = std::move(own);
}

void MoeFeedForward::Backward(const Context &ctx, ConstView x, const FeedForwardTape &tape,
                              ConstView dy, FeedForward *grad, View dx) const {
  const auto &t = dynamic_cast<const MoeTape &>(tape);
  auto *g = &dynamic_cast<MoeFeedForward &>(*grad);
  const int64_t num_slots = t.plan.NumSlots(), dim = x.Cols();
  // y[frame] = sum over slots of gate * out[slot].
  std::vector<float> dslot_gate, dgates(t.routes.experts.size(), 0);
  const ListOnDevice<int32_t> slot_frame(ctx, t.plan.slot_frame);
  GatherDotRows(ctx, t.out, dy, slot_frame, &dslot_gate);
  for (size_t s = 0; s < dslot_gate.size(); ++s)
    dgates[static_cast<size_t>(t.plan.slot_choice[s])] = dslot_gate[s];
  Tensor dout(ctx, num_slots, dim), dslots(ctx, num_slots, dim);
  GatherRows(ctx, dy, slot_frame, dout);
  ScaleRows(ctx, ListOnDevice<float>(ctx, t.plan.slot_gate), dout);
  for (int e = 0; e < NumExperts(); ++e) {
    const int64_t begin = t.plan.expert_begin[static_cast<size_t>(e)];
    const int64_t rows = t.plan.expert_begin[static_cast<size_t>(e) + 1] - begin;
    if (rows == 0) continue;
    const DropoutMask mask{SubSeed(t.mask.seed, static_cast<uint64_t>(e)), t.mask.rate};
    experts_[static_cast<size_t>(e)].BackwardRows(
        ctx, t.slots.View().RowRange(begin, rows), t.before.View().RowRange(begin, rows),
        t.after.View().RowRange(begin, rows), mask, dout.View().RowRange(begin, rows),
        &g->experts_[static_cast<size_t>(e)], dslots.View().RowRange(begin, rows));
  }
  SetZero(ctx, dx);
  ScatterAddRows(ctx, dslots, slot_frame, {}, dx);
  router_->Backward(ctx, x, t.routes, dgates, g->router_.get(), dx);
}

void MoeFeedForward::VisitParams(ParamVisitor *v) {
  v->In(ParamRole::kRouter, [&] { router_->VisitParams(v); });
  const ParamUse use(ParamRole::kExpert, static_cast<double>(experts_per_frame_) / NumExperts());
  for (size_t e = 0; e < experts_.size(); ++e)
    v->Scope("experts." + std::to_string(e), use, &experts_[e]);
}

int64_t MoeFeedForward::NumActiveParams() const {
  return router_->NumParams() + experts_per_frame_ * experts_[0].NumActiveParams();
}

}  // namespace u2moe
