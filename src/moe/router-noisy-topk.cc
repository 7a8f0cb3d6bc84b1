#include "moe/router-noisy-topk.h"

#include <vector>

#include "base/rng.h"
#include "ops/noise.h"
#include "tensor/transfer.h"

namespace u2moe {

NoisyTopKRouter::NoisyTopKRouter(const RouterConfig &c)
    : TopKSoftmaxRouter(kTraits, c), noise_(c.noise / c.num_experts) {}

void NoisyTopKRouter::Logits(const Context &ctx, const RouteInput &input, View logits,
                             std::unique_ptr<RouterTape> *tape) const {
  TopKSoftmaxRouter::Logits(ctx, input, logits, tape);
  const RouteCall &call = input.call;
  if (noise_ == 0 || call.shape == nullptr || call.sequences.empty()) return;
  CHECK(static_cast<int>(call.sequences.size()) == call.shape->NumSequences() &&
        call.shape->TotalRows() == logits.Rows())
      << call.sequences.size() << " sequences of " << call.shape->NumSequences();
  for (int b = 0; b < call.shape->NumSequences(); ++b) {
    const SequenceFacts &facts = call.sequences[static_cast<size_t>(b)];
    if (!facts.training) continue;
    const uint64_t seed = SubSeed(facts.seed, static_cast<uint64_t>(call.mixture));
    std::vector<uint64_t> seeds;
    for (int64_t i = 0; i < call.shape->Length(b); ++i)
      seeds.push_back(SubSeed(seed, static_cast<uint64_t>(facts.first + i)));
    AddNormalNoise(ctx, ListOnDevice<uint64_t>(ctx, seeds), noise_, call.shape->Rows(logits, b));
  }
}

}  // namespace u2moe
