#include "moe/router-noisy-topk.h"

#include "moe/row-places.h"
#include "ops/noise.h"
#include "tensor/transfer.h"

namespace u2moe {

NoisyTopKRouter::NoisyTopKRouter(const RouterConfig &c)
    : TopKSoftmaxRouter(kTraits, c), noise_(c.noise / c.num_experts) {}

void NoisyTopKRouter::Logits(const Context &ctx, const RouteInput &input, View logits,
                             std::unique_ptr<RouterTape> *tape) const {
  TopKSoftmaxRouter::Logits(ctx, input, logits, tape);
  if (noise_ == 0) return;
  const RouteCall &call = input.call;
  ForEachSequence(call, logits.Rows(), [&](int64_t begin, int64_t end, const SequenceFacts &facts) {
    if (!facts.training) return;
    const CachedVector<uint64_t> seeds = RowSeeds(call, facts.seed, begin, end, facts);
    AddNormalNoise(ctx, ListOnDevice<uint64_t>(ctx, seeds), noise_,
                   logits.RowRange(begin, end - begin));
  });
}

}  // namespace u2moe
