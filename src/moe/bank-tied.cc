#include "moe/bank-tied.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace u2moe {
namespace {

FeedForwardConfig WithoutTies(FeedForwardConfig c) {
  c.num_experts = c.num_shared_experts;
  return c;
}

// Where choice e falls in a fresh model: the choices of an expert are neighbours.
int64_t FreshExpert(int64_t choices, int64_t n, int64_t e) { return e * n / choices; }

}  // namespace

// The plan for the experts that are there, and which of its slots each slot of the router's plan
// became.
struct TiedBank::Tied {
  DispatchPlan plan;
  CachedVector<int32_t> slot;
};

namespace {

struct TiedTape : BankTape {
  std::unique_ptr<BankTape> inner;
};

}  // namespace

TiedBank::TiedBank(int64_t dim, const FeedForwardConfig &c, float dropout)
    : bank_(dim, WithoutTies(c), dropout),
      share_(std::min(1.0, static_cast<double>(c.experts_per_frame) / c.num_shared_experts)),
      map_(Tensor::Zeros({int64_t{c.num_experts}})) {}

float TiedBank::MapEntry(int64_t choices, int64_t n, int64_t e, int64_t to) {
  return static_cast<float>(to - FreshExpert(choices, n, e));
}

int64_t TiedBank::ExpertOf(int64_t choices, int64_t n, int64_t e, float entry) {
  const float lowest = MapEntry(choices, n, e, 0), highest = MapEntry(choices, n, e, n - 1);
  if (!(entry >= lowest && entry <= highest) || entry != std::floor(entry)) {
    throw DataError("expert_map ties choice ", e, " of a mixture to no expert (its entry is ",
                    entry, ", not a whole number from ", lowest, " to ", highest,
                    "); the model file is damaged, or the mean of models with other ties");
  }
  return FreshExpert(choices, n, e) + static_cast<int64_t>(entry);
}

TiedBank::Tied TiedBank::Tie(const Context &ctx, const DispatchPlan &plan) const {
  const Tensor map = CopyToHost(ctx, map_);
  const int64_t n = bank_.NumExperts();
  struct Slot {
    int64_t expert;
    int32_t frame, index;
  };
  CachedVector<Slot> slots;
  slots.reserve(static_cast<size_t>(plan.NumSlots()));
  for (int64_t e = 0; e < map.Size(); ++e) {
    const int64_t expert = ExpertOf(map.Size(), n, e, map.Data()[e]);
    for (int32_t s = plan.expert_begin[static_cast<size_t>(e)];
         s < plan.expert_begin[static_cast<size_t>(e) + 1]; ++s)
      slots.push_back({expert, plan.slot_frame[static_cast<size_t>(s)], s});
  }
  std::sort(slots.begin(), slots.end(), [](const Slot &a, const Slot &b) {
    if (a.expert != b.expert) return a.expert < b.expert;
    return a.frame != b.frame ? a.frame < b.frame : a.index < b.index;
  });
  Tied tied;
  DispatchPlan *inner = &tied.plan;
  tied.slot.resize(slots.size());
  inner->slot_frame.reserve(slots.size());
  inner->slot_choice.reserve(slots.size());
  inner->slot_gate.reserve(slots.size());
  inner->expert_begin.assign(static_cast<size_t>(n) + 1, 0);
  for (size_t i = 0; i < slots.size(); ++i) {
    const Slot &s = slots[i];
    const float gate = plan.slot_gate[static_cast<size_t>(s.index)];
    if (i > 0 && slots[i - 1].expert == s.expert && slots[i - 1].frame == s.frame) {
      inner->slot_gate.back() += gate;
    } else {
      inner->slot_frame.push_back(s.frame);
      inner->slot_choice.push_back(plan.slot_choice[static_cast<size_t>(s.index)]);
      inner->slot_gate.push_back(gate);
      ++inner->expert_begin[static_cast<size_t>(s.expert) + 1];
    }
    tied.slot[static_cast<size_t>(s.index)] = static_cast<int32_t>(inner->slot_frame.size()) - 1;
  }
  for (size_t e = 1; e < inner->expert_begin.size(); ++e)
    inner->expert_begin[e] += inner->expert_begin[e - 1];
  return tied;
}

void TiedBank::Forward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                       const LayerOutput &out, std::unique_ptr<BankTape> *tape,
                       DropoutSeeds *dropout, Tensor *slot_out) const {
  const Tied tied = Tie(ctx, plan);
  std::unique_ptr<TiedTape> own;
  if (tape != nullptr) own = std::make_unique<TiedTape>();
  Tensor inner_out;
  bank_.Forward(ctx, x, tied.plan, out, own != nullptr ? &own->inner : nullptr, dropout,
                slot_out != nullptr ? &inner_out : nullptr);
  if (slot_out != nullptr) {
    *slot_out = Tensor(plan.NumSlots(), x.Cols());
    for (int64_t s = 0; s < plan.NumSlots(); ++s) {
      std::copy_n(inner_out.View().Row(tied.slot[static_cast<size_t>(s)]), x.Cols(),
                  slot_out->View().Row(s));
    }
  }
  if (tape != nullptr) *tape = std::move(own);
}

void TiedBank::Backward(const Context &ctx, ConstView x, const DispatchPlan &plan,
                        const BankTape &tape, ConstView dy, ExpertBank *grad, View dx,
                        std::vector<float> *dslot_gate) const {
  const auto &t = dynamic_cast<const TiedTape &>(tape);
  const Tied tied = Tie(ctx, plan);
  std::vector<float> inner;
  bank_.Backward(ctx, x, tied.plan, *t.inner, dy, &dynamic_cast<TiedBank &>(*grad).bank_, dx,
                 &inner);
  dslot_gate->resize(tied.slot.size());
  for (size_t s = 0; s < tied.slot.size(); ++s)
    (*dslot_gate)[s] = inner[static_cast<size_t>(tied.slot[s])];
}

void TiedBank::VisitParams(ParamVisitor *v) {
  v->In(ParamUse(ParamRole::kExpert, share_), [&] { bank_.VisitParams(v); });
  v->Buffer("expert_map", &map_, ParamInit::Constant(0));
}

}  // namespace u2moe
