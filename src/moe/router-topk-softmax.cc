#include "moe/router-topk-softmax.h"

#include "tensor/gemm.h"

namespace u2moe {

TopKSoftmaxRouter::TopKSoftmaxRouter(const RouterTraits &traits, const RouterConfig &c)
    : Router(traits, c), gate_(c.dim, c.num_experts, false) {}

void TopKSoftmaxRouter::Logits(const Context &ctx, const RouteInput &input, View logits,
                               std::unique_ptr<RouterTape> *) const {
  gate_.Forward(ctx, input.x, logits);
}

void TopKSoftmaxRouter::LogitsBackward(const Context &ctx, ConstView x, const RouterTape *,
                                       ConstView dlogits, Router *grad, View dx,
                                       RoutingGradients *) const {
  AddLinearLogitsGradients(ctx, gate_, x, dlogits, &dynamic_cast<TopKSoftmaxRouter &>(*grad).gate_,
                           dx);
}

void AddLinearLogitsGradients(const Context &ctx, const Linear &gate, ConstView x,
                              ConstView dlogits, Linear *grad, View dx) {
  Gemm(ctx, 1, dlogits, Trans::kYes, x, Trans::kNo, 1, *grad->MutableWeight());
  Gemm(ctx, 1, dlogits, Trans::kNo, gate.Weight(), Trans::kNo, 1, dx);
}

}  // namespace u2moe
