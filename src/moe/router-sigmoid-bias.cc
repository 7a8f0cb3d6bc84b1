#include "moe/router-sigmoid-bias.h"

#include <algorithm>
#include <cmath>

#include "ops/elementwise.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

float Sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

SigmoidBiasRouter::SigmoidBiasRouter(const RouterConfig &c)
    : TopKSoftmaxRouter(kTraits, c), rate_(c.bias_rate), balance_({c.num_experts}) {}

void SigmoidBiasRouter::Prepare(const Context &ctx, const RouteCall &, Routes *routes) const {
  const MatrixOnHost balance(ctx, balance_);
  const Tensor &logits = routes->logits;
  routes->scores = Tensor(logits.Rows(), logits.Cols());
  for (int64_t t = 0; t < logits.Rows(); ++t) {
    for (int64_t e = 0; e < logits.Cols(); ++e)
      routes->scores(t, e) = Sigmoid(logits(t, e)) + balance(0, e);
  }
}

void SigmoidBiasRouter::Gate(int64_t begin, int64_t end, Routes *routes) const {
  const size_t slots = static_cast<size_t>(routes->max_slots);
  for (int64_t t = begin; t < end; ++t) {
    const int32_t *chosen = routes->experts.data() + routes->Begin(t);
    float *gates = routes->gates.data() + routes->Begin(t);
    const size_t n = routes->NumExperts(t);
    float sum = 0;
    for (size_t i = 0; i < n; ++i) sum += gates[i] = Sigmoid(routes->logits(t, chosen[i]));
    // Where all vanish, they are equal.
    for (size_t i = 0; i < n; ++i) gates[i] = sum > 0 ? gates[i] / sum : 1 / static_cast<float>(n);
    std::fill(gates + n, gates + slots, 0.0f);
  }
}

void SigmoidBiasRouter::GateBackward(const Routes &routes, Span<float> dgates, View dlogits) const {
  // With s' = s (1 - s): d loss / d logit_i = g_i (1 - s_i) (dg_i - sum_j g_j dg_j).
  for (int64_t t = 0; t < dlogits.Rows(); ++t) {
    const size_t begin = routes.Begin(t), end = begin + routes.NumExperts(t);
    float mean = 0;
    for (size_t i = begin; i < end; ++i) mean += routes.gates[i] * dgates[i];
    for (size_t i = begin; i < end; ++i) {
      const int32_t e = routes.experts[i];
      dlogits(t, e) = routes.gates[i] * (1 - Sigmoid(routes.logits(t, e))) * (dgates[i] - mean);
    }
  }
}

void SigmoidBiasRouter::AfterStep(const Context &ctx, Span<int64_t> counts) {
  CHECK_EQ(static_cast<int>(counts.size()), NumExperts());
  int64_t all = 0;
  for (const int64_t n : counts) all += n;
  Tensor step(1, NumExperts());
  for (int e = 0; e < NumExperts(); ++e) {
    const int64_t load = counts[static_cast<size_t>(e)] * NumExperts();
    step(0, e) = load < all ? rate_ : load > all ? -rate_ : 0;
  }
  AddTo(ctx, 1, MatrixOnDevice(ctx, step), balance_);
}

void SigmoidBiasRouter::VisitParams(ParamVisitor *v) {
  TopKSoftmaxRouter::VisitParams(v);
  v->Buffer("gate.balance", &balance_, ParamInit::Constant(0));
}

}  // namespace u2moe
