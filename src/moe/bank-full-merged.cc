// Experts averaged in the space of their parameters.
#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "moe/bank-full.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

struct MergedTape : BankTape {
  Tensor before, after;  // [T, F]
  DropoutMask mask;
};

// The tensors of an expert, in the order of VisitParams.
CachedVector<Tensor *> TensorsOf(DenseFeedForward *expert) {
  CachedVector<Tensor *> tensors;
  ForEachParam(expert, [&](const std::string &, Tensor *t, const ParamInit &, bool) {
    tensors.push_back(t);
  });
  return tensors;
}
CachedVector<const Tensor *> TensorsOf(const DenseFeedForward &expert) {
  const CachedVector<Tensor *> tensors = TensorsOf(const_cast<DenseFeedForward *>(&expert));
  return {tensors.begin(), tensors.end()};
}

// The part of `mask` for the rows of run g, where they are numbered from the first as otherwise.
DropoutMask MaskOfRun(const DropoutMask &mask, int64_t g, int64_t begin, int64_t count) {
  if (mask.rate == 0) return mask;
  std::vector<int32_t> from(static_cast<size_t>(count));
  std::iota(from.begin(), from.end(), static_cast<int32_t>(begin));
  const uint64_t number = mask.rows == nullptr ? static_cast<uint64_t>(g) : 0;
  return mask.OfRows(number, from.data(), count);
}

bool HasExperts(const MergePlan &plan, int64_t g) {
  const float *w = plan.Weights(g);
  for (int e = 0; e < plan.num_experts; ++e) {
    if (w[e] != 0) return true;
  }
  return false;
}

// <a, b>, of one shape. index: 0, 1, ... for at least their rows.
double DotOf(const Context &ctx, const Tensor &a, const Tensor &b, Span<int32_t> index) {
  std::vector<float> rows;
  const Span<int32_t> own(index.data(), static_cast<size_t>(a.Rows()));
  GatherDotRows(ctx, a, b, own, &rows);
  return std::accumulate(rows.begin(), rows.end(), 0.0);
}

}  // namespace

DenseFeedForward FullBank::NewExpert(const Context &ctx) const {
  DenseFeedForward expert(dim_, config_.hidden_dim, config_.activation, config_.bias,
                          experts_[0].DropoutRate());
  if (ctx.OnHost()) return expert;
  for (Tensor *t : TensorsOf(&expert)) *t = Tensor(ctx, t->Shape());
  return expert;
}

void FullBank::Merge(const Context &ctx, const float *weights, DenseFeedForward *merged) const {
  const CachedVector<Tensor *> to = TensorsOf(merged);
  for (Tensor *t : to) SetZero(ctx, *t);
  for (size_t e = 0; e < experts_.size(); ++e) {
    if (weights[e] == 0) continue;
    const CachedVector<const Tensor *> from = TensorsOf(experts_[e]);
    for (size_t i = 0; i < to.size(); ++i) AddTo(ctx, weights[e], *from[i], *to[i]);
  }
}

void FullBank::ForwardMerged(const Context &ctx, ConstView x, const MergePlan &plan,
                             const LayerOutput &out, std::unique_ptr<BankTape> *tape,
                             DropoutSeeds *dropout) const {
  CHECK(merges_ && !IsPacked());
  std::unique_ptr<MergedTape> own;
  if (tape != nullptr) own = std::make_unique<MergedTape>();
  MergedTape local;
  MergedTape *t = tape != nullptr ? own.get() : &local;
  t->mask = DropoutMask::Draw(dropout, experts_[0].DropoutRate());
  const int64_t hidden = experts_[0].HiddenDim();
  if (tape != nullptr) {
    t->before = Tensor(ctx, x.Rows(), hidden);
    t->after = Tensor(ctx, x.Rows(), hidden);
  }
  DenseFeedForward merged = NewExpert(ctx);
  for (int64_t g = 0; g < plan.NumRuns(); ++g) {
    const int64_t begin = plan.begin[static_cast<size_t>(g)];
    const int64_t rows = plan.begin[static_cast<size_t>(g) + 1] - begin;
    const View y = out.y.RowRange(begin, rows);
    if (!HasExperts(plan, g)) {
      if (!out.add) SetZero(ctx, y);
      continue;
    }
    Merge(ctx, plan.Weights(g), &merged);
    const DropoutMask mask = MaskOfRun(t->mask, g, begin, rows);
    Tensor own_hidden, own_y;
    if (tape == nullptr) own_hidden = Tensor(ctx, rows, hidden);
    if (out.add) own_y = Tensor(ctx, rows, x.Cols());
    const View before = tape != nullptr ? t->before.View().RowRange(begin, rows) : own_hidden,
               after = tape != nullptr ? t->after.View().RowRange(begin, rows) : own_hidden;
    merged.ForwardRows(ctx, x.RowRange(begin, rows), mask, before, after,
                       out.add ? own_y.View() : y);
    if (out.add) AddTo(ctx, out.scale, own_y, y);
  }
  if (tape != nullptr) *tape = std::move(own);
}

void FullBank::BackwardMerged(const Context &ctx, ConstView x, const MergePlan &plan,
                              const BankTape &tape, ConstView dy, ExpertBank *grad, View dx,
                              std::vector<float> *dweights) const {
  const auto &t = dynamic_cast<const MergedTape &>(tape);
  auto *g_bank = &dynamic_cast<FullBank &>(*grad);
  DenseFeedForward merged = NewExpert(ctx), dmerged = NewExpert(ctx);
  const CachedVector<Tensor *> dtensors = TensorsOf(&dmerged);
  CachedVector<int32_t> identity(
      static_cast<size_t>(std::max<int64_t>(dim_, experts_[0].HiddenDim())));
  std::iota(identity.begin(), identity.end(), 0);
  const ListOnDevice<int32_t> index(ctx, identity);
  dweights->assign(plan.weights.size(), 0);
  for (int64_t g = 0; g < plan.NumRuns(); ++g) {
    const int64_t begin = plan.begin[static_cast<size_t>(g)];
    const int64_t rows = plan.begin[static_cast<size_t>(g) + 1] - begin;
    if (!HasExperts(plan, g)) {
      SetZero(ctx, dx.RowRange(begin, rows));
      continue;
    }
    const float *w = plan.Weights(g);
    Merge(ctx, w, &merged);
    for (Tensor *d : dtensors) SetZero(ctx, *d);
    merged.BackwardRows(ctx, x.RowRange(begin, rows), t.before.View().RowRange(begin, rows),
                        t.after.View().RowRange(begin, rows), MaskOfRun(t.mask, g, begin, rows),
                        dy.RowRange(begin, rows), &dmerged, dx.RowRange(begin, rows));
    for (size_t e = 0; e < experts_.size(); ++e) {
      if (w[e] == 0) continue;
      const CachedVector<const Tensor *> from = TensorsOf(experts_[e]);
      const CachedVector<Tensor *> to = TensorsOf(&g_bank->experts_[e]);
      double dot = 0;
      for (size_t i = 0; i < to.size(); ++i) {
        AddTo(ctx, w[e], *dtensors[i], *to[i]);
        dot += DotOf(ctx, *dtensors[i], *from[i], index);
      }
      (*dweights)[static_cast<size_t>(g * plan.num_experts) + e] = static_cast<float>(dot);
    }
  }
}

}  // namespace u2moe
