#include "moe/bank-full.h"

#include <optional>
#include <string>
#include <utility>

#include "moe/router-registry.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

struct FullTape : BankTape {
  Tensor slots, before, after, out;  // [S, D], [S, F], [S, F], [S, D]
  DropoutMask mask;
};

}  // namespace

FullBank::FullBank(int64_t dim, const FeedForwardConfig &c, float dropout, bool output_bias)
    : dim_(dim), config_(c), merges_(RouterTraitsOf(c.router).merges) {
  for (int e = 0; e < c.num_experts; ++e)
    experts_.emplace_back(dim, c.hidden_dim, c.activation, c.bias, dropout, output_bias);
}

BankTraits FullBank::Traits() const {
  BankTraits traits;
  traits.can_merge = true;
  return traits;
}

void FullBank::ForwardPacked(const Context &ctx, ConstView x, const DispatchPlan &plan,
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
  const ListOnDevice<int32_t> slot_frame(ctx, plan.slot_frame);
  GatherRows(ctx, x, slot_frame, t.slots);
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
    SetZero(ctx, out.y);
  }
  ScatterAddRows(ctx, t.out, slot_frame, ListOnDevice<float>(ctx, gates), out.y);
  if (slot_out != nullptr) *slot_out = CopyToHost(ctx, t.out);
  if (tape != nullptr) *tape = std::move(own);
}

void FullBank::Backward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                        const BankTape &tape, ConstView dy, ExpertBank *grad, View dx,
                        std::vector<float> *dslot_gate) const {
  const auto &t = dynamic_cast<const FullTape &>(tape);
  auto *g = &dynamic_cast<FullBank &>(*grad);
  const int64_t num_slots = plan.NumSlots(), dim = x.Cols();
  // y[frame] = sum over slots of gate * out[slot].
  const ListOnDevice<int32_t> slot_frame(ctx, plan.slot_frame);
  GatherDotRows(ctx, t.out, dy, slot_frame, dslot_gate);
  Tensor dout(ctx, num_slots, dim), dslots(ctx, num_slots, dim);
  GatherRows(ctx, dy, slot_frame, dout);
  ScaleRows(ctx, ListOnDevice<float>(ctx, plan.slot_gate), dout);
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
  SetZero(ctx, dx);
  ScatterAddRows(ctx, dslots, slot_frame, {}, dx);
}

void FullBank::VisitParams(ParamVisitor *v) {
  // Shows weights as plain tensors, which nobody packs.
  class Floats : public ParamVisitor {
   public:
    explicit Floats(ParamVisitor *v) : v_(v) {}

   protected:
    void OnTensor(const ParamInfo &info, Tensor *t) override { v_->Param(info.name, t, info.init); }

   private:
    ParamVisitor *v_;
  };
  Floats floats(v);
  for (size_t e = 0; e < experts_.size(); ++e)
    (merges_ ? &floats : v)->Scope("experts." + std::to_string(e), &experts_[e]);
}

}  // namespace u2moe
