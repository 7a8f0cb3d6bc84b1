#include "moe/router-controls.h"

#include <algorithm>
#include <cmath>

#include "moe/row-places.h"
#include "ops/elementwise.h"
#include "ops/noise.h"
#include "tensor/gemm.h"
#include "tensor/transfer.h"

namespace u2moe {

void ControlRouter::Gate(int64_t begin, int64_t end, Routes *routes) const {
  for (int64_t t = begin; t < end; ++t) {
    float *gates = routes->gates.data() + routes->Begin(t);
    const size_t n = routes->NumExperts(t);
    std::fill(gates, gates + n, 1 / static_cast<float>(n));
    std::fill(gates + n, gates + routes->max_slots, 0.0f);
  }
}

FixedRandomRouter::FixedRandomRouter(const RouterConfig &c)
    : ControlRouter(kTraits, c), projection_(c.num_experts, c.dim) {}

void FixedRandomRouter::Logits(const Context &ctx, const RouteInput &input, View logits,
                               std::unique_ptr<RouterTape> *) const {
  Gemm(ctx, 1, input.x, Trans::kNo, projection_, Trans::kYes, 0, logits);
}

void FixedRandomRouter::VisitParams(ParamVisitor *v) {
  const double dim = static_cast<double>(projection_.Cols());
  v->Buffer("gate.projection", &projection_, ParamInit::Normal(1 / std::sqrt(dim)));
}

void PositionHashRouter::Logits(const Context &ctx, const RouteInput &input, View logits,
                                std::unique_ptr<RouterTape> *) const {
  SetZero(ctx, logits);
  ForEachSequence(
      input.call, logits.Rows(), [&](int64_t begin, int64_t end, const SequenceFacts &facts) {
        const CachedVector<uint64_t> seeds = RowSeeds(input.call, Seed(facts), begin, end, facts);
        AddNormalNoise(ctx, ListOnDevice<uint64_t>(ctx, seeds), 1,
                       logits.RowRange(begin, end - begin));
      });
}

uint64_t PositionHashRouter::Seed(const SequenceFacts &) const { return 1; }

uint64_t UniformRandomRouter::Seed(const SequenceFacts &facts) const {
  return facts.training ? facts.seed : 2;
}

}  // namespace u2moe
