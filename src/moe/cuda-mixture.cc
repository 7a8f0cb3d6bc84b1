#include <algorithm>
#include <vector>

#include "moe/cuda-routes.h"
#include "moe/moe-feed-forward.h"
#include "ops/packed/cuda-packed-gemm.h"
#include "tensor/op-scope.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

// Products of one kernel have one format and shape.
bool ArePackedAlike(Span<DenseFeedForward> experts) {
  return std::all_of(experts.begin(), experts.end(), [&](const DenseFeedForward &e) {
    return e.First().IsPacked() && e.Second().IsPacked() &&
           e.First().Packed().Format() == experts[0].First().Packed().Format() &&
           e.Second().Packed().Format() == experts[0].Second().Packed().Format();
  });
}

// x [., K] through a linear map of each expert: y [most slots, N].
void ForwardSlots(const Context &ctx, ConstView x, const cuda::DeviceRoutes &routes,
                  Span<DenseFeedForward> experts, const Linear &(DenseFeedForward::*linear)() const,
                  const int32_t *in, std::optional<Activation> f, View y) {
  std::vector<const PackedMatrix *> weights;
  std::vector<const float *> biases;
  for (const DenseFeedForward &e : experts) {
    weights.push_back(&(e.*linear)().Packed());
    biases.push_back((e.*linear)().Bias().Data());
  }
  cuda::GroupedPackedGemm(PackedRows(ctx, x, weights[0]->Format()), weights, biases.data(),
                          routes.expert_begin, in, routes.MostSlots(), f, y);
}

}  // namespace

bool MoeFeedForward::ForwardOnCuda(const Context &ctx, ConstView x, const LayerOutput &out,
                                   const RouteCall &call) const {
  const Span<DenseFeedForward> experts = bank_->FeedForwards();
  const bool host_decides =
      !router_->Traits().default_choice || call.sink != nullptr || call.capacity ||
      (call.state != nullptr && call.state->collect) ||
      std::any_of(call.sequences.begin(), call.sequences.end(),
                  [](const SequenceFacts &facts) { return facts.training; }) ||
      (!call.chunk_ends.empty() && (policy_.chunk_experts > 0 || policy_.expert_budget > 0));
  if (!OpRunsOnCuda(ctx) || ctx.OnGuarded() || host_decides || x.Rows() == 0 || experts.empty() ||
      experts.size() > cuda::kMostGroups || router_->NumChoices() > cuda::kMostChoices ||
      !ArePackedAlike(experts)) {
    return false;
  }
  std::vector<uint8_t> exited;
  if (call.exited != nullptr) exited.assign(call.exited->begin(), call.exited->end());
  const ListOnDevice<uint8_t> exited_there(ctx, exited);
  const cuda::RouteRule rule{router_->NumExperts(), router_->NumChoices(), policy_.row_experts,
                             policy_.skip_gate};
  const cuda::DeviceRoutes routes = cuda::RouteRows(router_->LogitsOf(ctx, {x, call}), rule,
                                                    exited.empty() ? nullptr : exited_there.data());
  Tensor hidden(ctx, routes.MostSlots(), experts[0].HiddenDim()),
      slots(ctx, routes.MostSlots(), x.Cols());
  ForwardSlots(ctx, x, routes, experts, &DenseFeedForward::First, routes.slot_row,
               experts[0].Between(), hidden);
  ForwardSlots(ctx, hidden, routes, experts, &DenseFeedForward::Second, nullptr, std::nullopt,
               slots);
  cuda::CombineSlots(routes, slots, out.scale, out.add, out.y);
  return true;
}

}  // namespace u2moe
