#include "moe/router-topk-softmax.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tensor/gemm.h"
#include "tensor/transfer.h"

namespace u2moe {

TopKSoftmaxRouter::TopKSoftmaxRouter(int64_t dim, int num_experts, int num_choices)
    : gate_(dim, num_experts, false), num_choices_(num_choices) {
  CHECK(num_choices >= 1 && num_choices <= num_experts) << num_choices << " of " << num_experts;
}

size_t TopKSoftmaxRow(const float *row, int num_experts, const CachedVector<bool> *allowed,
                      size_t k, int32_t *chosen, float *gates) {
  if (k == 0) return 0;
  // Insertion into a sorted list of K: an expert passes another only if strictly better, so ties
  // keep the lower id.
  size_t n = 0;
  for (int32_t e = 0; e < num_experts; ++e) {
    if (allowed != nullptr && !(*allowed)[static_cast<size_t>(e)]) continue;
    size_t i = n < k ? n++ : k;
    if (i == k && !(row[e] > row[chosen[k - 1]])) continue;
    if (i == k) i = k - 1;
    for (; i > 0 && row[e] > row[chosen[i - 1]]; --i) chosen[i] = chosen[i - 1];
    chosen[i] = e;
  }
  float sum = 0;
  for (size_t i = 0; i < n; ++i) sum += gates[i] = std::exp(row[chosen[i]] - row[chosen[0]]);
  for (size_t i = 0; i < n; ++i) gates[i] /= sum;
  return n;
}

void TopKSoftmax(ConstView logits, int num_choices, Routes *routes) {
  const size_t k = static_cast<size_t>(num_choices);
  routes->num_choices = num_choices;
  routes->experts.resize(static_cast<size_t>(logits.Rows()) * k);
  routes->gates.resize(routes->experts.size());
  for (int64_t t = 0; t < logits.Rows(); ++t) {
    const float *row = logits.Row(t);
    int32_t *chosen = &routes->experts[static_cast<size_t>(t) * k];
    float *gates = &routes->gates[static_cast<size_t>(t) * k];
    // A NaN that is not among the first K would be passed over below, as if that expert were bad.
    if (!std::all_of(row, row + logits.Cols(), [](float x) { return std::isfinite(x); })) {
      throw DataError("the router's logits hold NaN or infinity at frame ", t,
                      "; check the features and the model");
    }
    TopKSoftmaxRow(row, static_cast<int>(logits.Cols()), nullptr, k, chosen, gates);
  }
}

void TopKSoftmaxRouter::Forward(const Context &ctx, ConstView x, Routes *routes) const {
  Tensor logits(ctx, x.Rows(), gate_.OutDim());
  gate_.Forward(ctx, x, logits);
  routes->logits = MoveToHost(std::move(logits));
  TopKSoftmax(routes->logits, num_choices_, routes);
}

void TopKSoftmaxRouter::Backward(const Context &ctx, ConstView x, const Routes &routes,
                                 const std::vector<float> &dgates, Router *grad, View dx) const {
  // d loss / d logit_i = g_i (dg_i - sum_j g_j dg_j) over the chosen, 0 elsewhere.
  Tensor dlogits = Tensor::Zeros(x.Rows(), gate_.OutDim());
  const size_t k = static_cast<size_t>(num_choices_);
  for (int64_t t = 0; t < x.Rows(); ++t) {
    const size_t base = static_cast<size_t>(t) * k;
    float mean = 0;
    for (size_t i = base; i < base + k; ++i) mean += routes.gates[i] * dgates[i];
    for (size_t i = base; i < base + k && routes.experts[i] != kNoExpert; ++i)
      dlogits(t, routes.experts[i]) = routes.gates[i] * (dgates[i] - mean);
  }
  auto *g = &dynamic_cast<TopKSoftmaxRouter &>(*grad);
  const MatrixOnDevice d(ctx, dlogits);
  Gemm(ctx, 1, d, Trans::kYes, x, Trans::kNo, 1, *g->gate_.MutableWeight());
  Gemm(ctx, 1, d, Trans::kNo, gate_.Weight(), Trans::kNo, 1, dx);
}

void TopKSoftmaxRouter::VisitParams(ParamVisitor *v) { v->Scope("gate", &gate_); }

}  // namespace u2moe
