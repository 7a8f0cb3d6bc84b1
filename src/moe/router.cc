#include "moe/router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "moe/row-places.h"
#include "tensor/transfer.h"

namespace u2moe {

Router::Router(const RouterTraits &traits, const RouterConfig &c)
    : traits_(traits), num_experts_(c.num_experts), num_choices_(c.num_choices) {
  CHECK(c.num_choices >= 1 && c.num_choices <= c.num_experts)
      << c.num_choices << " of " << c.num_experts;
}

void Router::Route(const Context &ctx, const RouteInput &input, Routes *routes,
                   std::unique_ptr<RouterTape> *tape) const {
  const int64_t rows = input.x.Rows();
  Tensor logits(ctx, rows, num_experts_);
  Logits(ctx, input, logits, tape);
  routes->logits = MoveToHost(std::move(logits));
  // A NaN that is not among the first K would be passed over below, as if that expert were bad.
  for (int64_t t = 0; t < rows; ++t) {
    const float *row = routes->logits.Data() + t * num_experts_;
    if (!std::all_of(row, row + num_experts_, [](float v) { return std::isfinite(v); })) {
      throw DataError("the router's logits hold NaN or infinity at ", RowName(input.call, t),
                      " of ", MixtureName(input.call), "; check the features and the model");
    }
  }
  routes->groups.clear();
  Group(input, routes);
  routes->max_slots = MaxSlots();
  routes->scores = Tensor();
  routes->experts.assign(routes->Begin(rows), kNoExpert);
  routes->gates.resize(routes->Begin(rows));
  Prepare(ctx, input.call, routes);
  Choose(input.call, routes);
  Gate(0, rows, routes);
}

void Router::Choose(const RouteCall &, Routes *routes) const {
  std::fill(routes->experts.begin(), routes->experts.end(), 0);
  Select(0, routes->logits.Rows(), nullptr, routes);
}

void Router::Backward(const Context &ctx, ConstView x, const Routes &routes, const RouterTape *tape,
                      Span<float> dgates, ConstView dlogits, Router *grad, View dx,
                      RoutingGradients *routing) const {
  Tensor sum = Tensor::Zeros(x.Rows(), num_experts_);
  GateBackward(routes, dgates, sum);
  for (int64_t t = 0; t < dlogits.Rows(); ++t) {
    for (int64_t e = 0; e < dlogits.Cols(); ++e) sum(t, e) += dlogits(t, e);
  }
  LogitsBackward(ctx, x, tape, MatrixOnDevice(ctx, sum), grad, dx, routing);
}

void Router::Select(int64_t begin, int64_t end, const CachedVector<bool> *open,
                    Routes *routes) const {
  const size_t slots = static_cast<size_t>(routes->max_slots);
  const Tensor &scores = routes->scores.Empty() ? routes->logits : routes->scores;
  constexpr float kClosed = -std::numeric_limits<float>::infinity();
  for (int64_t t = begin; t < end; ++t) {
    const float *row = scores.Data() + t * num_experts_;
    int32_t *chosen = routes->experts.data() + routes->Begin(t);
    const size_t k = routes->NumExperts(t);
    if (k == 0) continue;
    // Insertion into a sorted list of k: an expert passes another only if strictly better, so ties
    // keep the lower id.
    size_t n = 0;
    for (int32_t e = 0; e < num_experts_; ++e) {
      if (open != nullptr && !(*open)[static_cast<size_t>(e)]) continue;
      if (row[e] == kClosed) continue;
      size_t i = n < k ? n++ : k;
      if (i == k && !(row[e] > row[chosen[k - 1]])) continue;
      if (i == k) i = k - 1;
      for (; i > 0 && row[e] > row[chosen[i - 1]]; --i) chosen[i] = chosen[i - 1];
      chosen[i] = e;
    }
    std::fill(chosen + n, chosen + slots, kNoExpert);
  }
}

void Router::Gate(int64_t begin, int64_t end, Routes *routes) const {
  const size_t slots = static_cast<size_t>(routes->max_slots);
  for (int64_t t = begin; t < end; ++t) {
    const float *row = routes->logits.Data() + t * routes->logits.Cols();
    const int32_t *chosen = routes->experts.data() + routes->Begin(t);
    float *gates = routes->gates.data() + routes->Begin(t);
    const size_t n = routes->NumExperts(t);
    float sum = 0;
    for (size_t i = 0; i < n; ++i) sum += gates[i] = std::exp(row[chosen[i]] - row[chosen[0]]);
    for (size_t i = 0; i < n; ++i) gates[i] /= sum;
    std::fill(gates + n, gates + slots, 0.0f);
  }
}

void Router::GateBackward(const Routes &routes, Span<float> dgates, View dlogits) const {
  // d loss / d logit_i = g_i (dg_i - sum_j g_j dg_j) over the chosen, 0 elsewhere.
  for (int64_t t = 0; t < dlogits.Rows(); ++t) {
    const size_t begin = routes.Begin(t), end = begin + routes.NumExperts(t);
    float mean = 0;
    for (size_t i = begin; i < end; ++i) mean += routes.gates[i] * dgates[i];
    for (size_t i = begin; i < end; ++i)
      dlogits(t, routes.experts[i]) = routes.gates[i] * (dgates[i] - mean);
  }
}

}  // namespace u2moe
