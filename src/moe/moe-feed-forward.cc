#include "moe/moe-feed-forward.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "moe/expert-policy.h"
#include "moe/router-registry.h"
#include "ops/gather.h"

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
  if (!out.add) {
    for (int64_t i = 0; i < out.y.Rows(); ++i) std::fill_n(out.y.Row(i), out.y.Cols(), 0.0f);
  }
  // One expert's hidden activations at a time, in memory that stays in cache. It would do for all
  // rows, so that what is taken does not depend on the data.
  Tensor hidden(x.Rows(), experts_[0].HiddenDim());
  std::optional<PackedRows> packed;
  for (size_t e = 0; e < experts_.size(); ++e) {
    const DenseFeedForward &expert = experts_[e];
    const int32_t begin = plan.expert_begin[e];
    GemmRows rows;
    rows.count = plan.expert_begin[e + 1] - begin;
    if (rows.count == 0) continue;
    if (!packed.has_value() || packed->Format() != expert.Format())
      packed.emplace(ctx, x, expert.Format());
    rows.in = rows.out = &plan.slot_frame[static_cast<size_t>(begin)];
    rows.factor = &plan.slot_gate[static_cast<size_t>(begin)];
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
  t.slots = Tensor(num_slots, x.Cols());
  t.before = Tensor(num_slots, hidden);
  if (tape != nullptr) t.after = Tensor(num_slots, hidden);
  t.out = Tensor(num_slots, x.Cols());
  GatherRows(ctx, x, t.plan.slot_frame, t.slots);
  const View after = tape != nullptr ? t.after.View() : t.before.View();
  for (int e = 0; e < NumExperts(); ++e) {
    const int64_t begin = t.plan.expert_begin[static_cast<size_t>(e)];
    const int64_t rows = t.plan.expert_begin[static_cast<size_t>(e) + 1] - begin;
    if (rows == 0) continue;
    const DropoutMask mask =
        t.mask.OfRows(static_cast<uint64_t>(e), t.plan.slot_frame.data() + begin, rows);
    experts_[static_cast<size_t>(e)].ForwardRows(
        ctx, t.slots.View().RowRange(begin, rows), mask, t.before.View().RowRange(begin, rows),
        after.RowRange(begin, rows), t.out.View().RowRange(begin, rows));
  }
  if (sink != nullptr && sink->WantsSkipCost()) sink->OnSkipCost(SkipCost(t.routes, t.plan, t.out));
  CachedVector<float> gates = t.plan.slot_gate;
  if (out.add) {
    for (float &gate : gates) gate *= out.scale;
  } else {
    for (int64_t i = 0; i < out.y.Rows(); ++i) std::fill_n(out.y.Row(i), out.y.Cols(), 0.0f);
  }
  ScatterAddRows(ctx, t.out, t.plan.slot_frame, gates, out.y);
  if (tape != nullptr) *tape = std::move(own);
}

void MoeFeedForward::Backward(const Context &ctx, ConstView x, const FeedForwardTape &tape,
                              ConstView dy, FeedForward *grad, View dx) const {
  const auto &t = dynamic_cast<const MoeTape &>(tape);
  auto *g = &dynamic_cast<MoeFeedForward &>(*grad);
  const int64_t num_slots = t.plan.NumSlots(), dim = x.Cols();
  // y[frame] = sum over slots of gate * out[slot].
  std::vector<float> dslot_gate, dgates(t.routes.experts.size(), 0);
  GatherDotRows(ctx, t.out, dy, t.plan.slot_frame, &dslot_gate);
  for (size_t s = 0; s < dslot_gate.size(); ++s)
    dgates[static_cast<size_t>(t.plan.slot_choice[s])] = dslot_gate[s];
  Tensor dout(num_slots, dim), dslots(num_slots, dim);
  GatherRows(ctx, dy, t.plan.slot_frame, dout);
  for (int64_t s = 0; s < num_slots; ++s) {
    const float gate = t.plan.slot_gate[static_cast<size_t>(s)];
    float *row = dout.Data() + s * dim;
    for (int64_t d = 0; d < dim; ++d) row[d] *= gate;
  }
  for (int e = 0; e < NumExperts(); ++e) {
    const int64_t begin = t.plan.expert_begin[static_cast<size_t>(e)];
    const int64_t rows = t.plan.expert_begin[static_cast<size_t>(e) + 1] - begin;
    if (rows == 0) continue;
    const DropoutMask mask =
        t.mask.OfRows(static_cast<uint64_t>(e), t.plan.slot_frame.data() + begin, rows);
    experts_[static_cast<size_t>(e)].BackwardRows(
        ctx, t.slots.View().RowRange(begin, rows), t.before.View().RowRange(begin, rows),
        t.after.View().RowRange(begin, rows), mask, dout.View().RowRange(begin, rows),
        &g->experts_[static_cast<size_t>(e)], dslots.View().RowRange(begin, rows));
  }
  for (int64_t i = 0; i < dx.Rows(); ++i) std::fill_n(dx.Row(i), dx.Cols(), 0.0f);
  ScatterAddRows(ctx, dslots, t.plan.slot_frame, {}, dx);
  router_->Backward(ctx, x, t.routes, dgates, g->router_.get(), dx);
}

void MoeFeedForward::VisitParams(ParamVisitor *v) {
  router_->VisitParams(v);
  for (size_t e = 0; e < experts_.size(); ++e)
    v->Scope("experts." + std::to_string(e), &experts_[e]);
}

int64_t MoeFeedForward::NumActiveParams() const {
  return router_->NumParams() + experts_per_frame_ * experts_[0].NumActiveParams();
}

}  // namespace u2moe
