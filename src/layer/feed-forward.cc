#include "layer/feed-forward.h"

#include <algorithm>
#include <utility>

#include "layer/dense-tape.h"

namespace u2moe {

DenseFeedForward::DenseFeedForward(int64_t dim, int64_t hidden_dim, Activation activation,
                                   bool bias, float dropout, bool output_bias)
    : w_1_(dim, hidden_dim, bias),
      w_2_(hidden_dim, dim, bias && output_bias),
      activation_(activation),
      dropout_(dropout) {}

void DenseFeedForward::ForwardRows(const Context &ctx, ConstView x, const DropoutMask &mask,
                                   View before, View after, View y) const {
  w_1_.Forward(ctx, x, before);
  ActivationForward(ctx, activation_, before, after);
  mask.Apply(ctx, after);
  w_2_.Forward(ctx, after, y);
}

void DenseFeedForward::BackwardRows(const Context &ctx, ConstView x, ConstView before,
                                    ConstView after, const DropoutMask &mask, ConstView dy,
                                    DenseFeedForward *grad, View dx) const {
  Tensor dhidden(ctx, before.Rows(), before.Cols());
  w_2_.Backward(ctx, after, dy, &grad->w_2_, dhidden);
  mask.Apply(ctx, dhidden);
  ActivationBackward(ctx, activation_, before, dhidden, dhidden);
  w_1_.Backward(ctx, x, dhidden, &grad->w_1_, dx);
}

void DenseFeedForward::ForwardPacked(const Context &ctx, const PackedRows &x, const GemmRows &rows,
                                     View hidden, const LayerOutput &out) const {
  const View used = hidden.RowRange(0, rows.count);
  GemmRows in = rows, after;
  in.out = nullptr;
  in.factor = nullptr;
  w_1_.Forward(ctx, x, in, used, activation_);
  after.out = rows.out;
  after.factor = rows.factor;
  w_2_.Forward(ctx, PackedRows(ctx, used, w_2_.Packed().Format(), hidden.Rows()), after, out);
}

void DenseFeedForward::Forward(const Context &ctx, ConstView x, const LayerOutput &out,
                               std::unique_ptr<FeedForwardTape> *tape, DropoutSeeds *dropout,
                               const RouteCall &) const {
  if (IsPacked() && tape == nullptr && dropout == nullptr) {
    // In blocks of rows, so that what is between the two maps stays in cache and takes little
    // memory, however many rows there are. A row of the result does not depend on others.
    constexpr int64_t kRowsTogether = 256;
    Tensor hidden(ctx, std::min(x.Rows(), kRowsTogether), HiddenDim());
    for (int64_t begin = 0; begin < x.Rows(); begin += kRowsTogether) {
      const int64_t rows = std::min(x.Rows() - begin, kRowsTogether);
      LayerOutput block = out;
      block.y = out.y.RowRange(begin, rows);
      const View used = hidden.View().RowRange(0, rows);
      w_1_.Forward(ctx, x.RowRange(begin, rows), used, activation_);
      w_2_.Forward(ctx, used, block);
    }
    return;
  }
  const DropoutMask mask = DropoutMask::Draw(dropout, dropout_);
  Tensor before(ctx, x.Rows(), HiddenDim());
  if (tape == nullptr) {
    w_1_.Forward(ctx, x, before, activation_);
    mask.Apply(ctx, before);
    w_2_.Forward(ctx, before, out);
    return;
  }
  CHECK(!out.add);
  auto t = std::make_unique<DenseTape>();
  t->after = Tensor(ctx, x.Rows(), HiddenDim());
  ForwardRows(ctx, x, mask, before, t->after, out.y);
  t->before = std::move(before);
  t->mask = mask;
  *tape = std::move(t);
}

void DenseFeedForward::Backward(const Context &ctx, ConstView x, const FeedForwardTape &tape,
                                ConstView dy, FeedForward *grad, View dx,
                                RoutingGradients *) const {
  const auto &t = dynamic_cast<const DenseTape &>(tape);
  BackwardRows(ctx, x, t.before, t.after, t.mask, dy, &dynamic_cast<DenseFeedForward &>(*grad), dx);
}

void DenseFeedForward::VisitParams(ParamVisitor *v) {
  v->Scope("w_1", &w_1_);
  v->Scope("w_2", &w_2_);
}

}  // namespace u2moe
