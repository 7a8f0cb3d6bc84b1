#include "moe/bank-full.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "ops/gather.h"

namespace u2moe {
namespace {

struct FullTape : BankTape {
  Tensor slots, before, after, out;  // [S, D], [S, F], [S, F], [S, D]
  DropoutMask mask;
};

void SetZero(View v) {
  for (int64_t i = 0; i < v.Rows(); ++i) std::fill_n(v.Row(i), v.Cols(), 0.0f);
}

}  // namespace

FullBank::FullBank(int64_t dim, const FeedForwardConfig &c, float dropout) {
  for (int e = 0; e < c.num_experts; ++e)
    experts_.emplace_back(dim, c.hidden_dim, c.activation, c.bias, dropout);
}

void FullBank::ForwardPacked(const Context &ctx, ConstView x, const DispatchPlan &plan,
                             const LayerOutput &out) const {
  if (!out.add) SetZero(out.y);
  // One expert's hidden activations at a time, in memory that stays in cache. It would do for all
  // rows, so that what is taken does not depend on the data.
  Tensor hidden(ctx, x.Rows(), experts_[0].HiddenDim());
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

void FullBank::Forward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                       const LayerOutput &out, std::unique_ptr<BankTape> *tape,
                       DropoutSeeds *dropout, Tensor *slot_out) const {
  if (IsPacked()) {
    CHECK(tape == nullptr && dropout == nullptr && slot_out == nullptr);
    ForwardPacked(ctx, x, plan, out);
    return;
  }
  FullTape local;
  std::unique_ptr<FullTape> own;
  if (tape != nullptr) own = std::make_unique<FullTape>();
  FullTape &t = tape != nullptr ? *own : local;
  const int64_t num_slots = plan.NumSlots(), hidden = experts_[0].HiddenDim();
  t.mask = DropoutMask::Draw(dropout, experts_[0].DropoutRate());
  t.slots = Tensor(ctx, num_slots, x.Cols());
  t.before = Tensor(ctx, num_slots, hidden);
  if (tape != nullptr) t.after = Tensor(ctx, num_slots, hidden);
  t.out = Tensor(ctx, num_slots, x.Cols());
  GatherRows(ctx, x, plan.slot_frame, t.slots);
  const View after = tape != nullptr ? t.after.View() : t.before.View();
  for (int e = 0; e < NumExperts(); ++e) {
    const int64_t begin = plan.expert_begin[static_cast<size_t>(e)];
    const int64_t rows = plan.expert_begin[static_cast<size_t>(e) + 1] - begin;
    if (rows == 0) continue;
    const DropoutMask mask =
        t.mask.OfRows(static_cast<uint64_t>(e), plan.slot_frame.data() + begin, rows);
    experts_[static_cast<size_t>(e)].ForwardRows(
        ctx, t.slots.View().RowRange(begin, rows), mask, t.before.View().RowRange(begin, rows),
        after.RowRange(begin, rows), t.out.View().RowRange(begin, rows));
  }
  CachedVector<float> gates = plan.slot_gate;
  if (out.add) {
    for (float &gate : gates) gate *= out.scale;
  } else {
    SetZero(out.y);
  }
  ScatterAddRows(ctx, t.out, plan.slot_frame, gates, out.y);
  if (slot_out != nullptr) *slot_out = Tensor::Copy(t.out);
  if (tape != nullptr) *tape = std::move(own);
}

void FullBank::Backward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                        const BankTape &tape, ConstView dy, ExpertBank *grad, View dx,
                        std::vector<float> *dslot_gate) const {
  const auto &t = dynamic_cast<const FullTape &>(tape);
  auto *g = &dynamic_cast<FullBank &>(*grad);
  const int64_t num_slots = plan.NumSlots(), dim = x.Cols();
  // y[frame] = sum over slots of gate * out[slot].
  GatherDotRows(ctx, t.out, dy, plan.slot_frame, dslot_gate);
  Tensor dout(ctx, num_slots, dim), dslots(ctx, num_slots, dim);
  GatherRows(ctx, dy, plan.slot_frame, dout);
  for (int64_t s = 0; s < num_slots; ++s) {
    const float gate = plan.slot_gate[static_cast<size_t>(s)];
    float *row = dout.Data() + s * dim;
    for (int64_t d = 0; d < dim; ++d) row[d] *= gate;
  }
  for (int e = 0; e < NumExperts(); ++e) {
    const int64_t begin = plan.expert_begin[static_cast<size_t>(e)];
    const int64_t rows = plan.expert_begin[static_cast<size_t>(e) + 1] - begin;
    if (rows == 0) continue;
    const DropoutMask mask =
        t.mask.OfRows(static_cast<uint64_t>(e), plan.slot_frame.data() + begin, rows);
    experts_[static_cast<size_t>(e)].BackwardRows(
        ctx, t.slots.View().RowRange(begin, rows), t.before.View().RowRange(begin, rows),
        t.after.View().RowRange(begin, rows), mask, dout.View().RowRange(begin, rows),
        &g->experts_[static_cast<size_t>(e)], dslots.View().RowRange(begin, rows));
  }
  SetZero(dx);
  ScatterAddRows(ctx, dslots, plan.slot_frame, {}, dx);
}

void FullBank::VisitParams(ParamVisitor *v) {
  for (size_t e = 0; e < experts_.size(); ++e)
    v->Scope("experts." + std::to_string(e), &experts_[e]);
}

}  // namespace u2moe
