// Training of the routers of lab/neuron-split.h.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/rng.h"
#include "lab/model-surgery.h"
#include "lab/neuron-split.h"
#include "ops/adam.h"
#include "tensor/gemm.h"

namespace u2moe {
namespace {

Tensor Hidden(const Context &ctx, const GroupRouter &router, ConstView unit) {
  Tensor hidden(unit.Rows(), router.v1.Rows());
  Gemm(ctx, 1, unit, Trans::kNo, router.v1, Trans::kYes, 0, hidden);
  for (int64_t i = 0; i < hidden.Size(); ++i) hidden.Data()[i] = std::tanh(hidden.Data()[i]);
  return hidden;
}

Tensor LogitsOf(const Context &ctx, const GroupRouter &router, ConstView hidden) {
  Tensor logits(hidden.Rows(), router.v2.Rows());
  Gemm(ctx, 1, hidden, Trans::kNo, router.v2, Trans::kYes, 0, logits);
  return logits;
}

}  // namespace

Tensor GroupLogits(const Context &ctx, const GroupRouter &router, ConstView unit) {
  return LogitsOf(ctx, router, Hidden(ctx, router, unit));
}

double GroupRouterLoss(const Context &ctx, const GroupRouter &router, ConstView unit,
                       ConstView targets, GroupRouter *grad) {
  const Tensor hidden = Hidden(ctx, router, unit), logits = LogitsOf(ctx, router, hidden);
  Tensor dlogits(logits.Rows(), logits.Cols());
  double sum = 0;
  const double share = 1 / std::max(1.0, static_cast<double>(logits.Size()));
  for (int64_t t = 0; t < logits.Rows(); ++t) {
    for (int64_t g = 0; g < logits.Cols(); ++g) {
      const double s = static_cast<double>(logits(t, g)), y = static_cast<double>(targets(t, g));
      sum += std::max(s, 0.0) - s * y + std::log1p(std::exp(-std::fabs(s)));
      dlogits(t, g) = static_cast<float>(share * (1 / (1 + std::exp(-s)) - y));
    }
  }
  if (grad == nullptr) return share * sum;
  grad->v1 = Tensor(router.v1.Rows(), router.v1.Cols());
  grad->v2 = Tensor(router.v2.Rows(), router.v2.Cols());
  Gemm(ctx, 1, dlogits, Trans::kYes, hidden, Trans::kNo, 0, grad->v2);
  Tensor dhidden(hidden.Rows(), hidden.Cols());
  Gemm(ctx, 1, dlogits, Trans::kNo, router.v2, Trans::kNo, 0, dhidden);
  for (int64_t i = 0; i < dhidden.Size(); ++i)
    dhidden.Data()[i] *= 1 - hidden.Data()[i] * hidden.Data()[i];
  Gemm(ctx, 1, dhidden, Trans::kYes, unit, Trans::kNo, 0, grad->v1);
  return share * sum;
}

GroupRouter TrainGroupRouter(const Context &ctx, ConstView x, ConstView scores, GroupRouter router,
                             const GroupRouterOptions &opts, GroupRouterReport *report) {
  const Tensor unit = UnitRows(x);
  Rng rng(opts.seed);
  std::vector<int64_t> rows(static_cast<size_t>(x.Rows()));
  std::iota(rows.begin(), rows.end(), 0);
  rng.Shuffle(&rows);
  const size_t held_out = rows.size() / 10;
  const size_t first = rows.size() < 10 ? 0 : rows.size() - held_out;  // too few: all are both
  const Tensor test = TakeRows(unit, rows, first, rows.size()),
               test_scores = TakeRows(scores, rows, first, rows.size());
  const auto captured = [&](const Tensor &guess) {
    return CapturedShare(test_scores, guess, opts.num_choices);
  };
  std::vector<int64_t> train(
      rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(first == 0 ? rows.size() : first));
  report->oracle = captured(test_scores);
  Tensor random(test_scores.Rows(), test_scores.Cols());
  for (int64_t i = 0; i < random.Size(); ++i) random.Data()[i] = static_cast<float>(rng.Uniform());
  report->random = captured(random);
  report->router = report->centres = captured(GroupLogits(ctx, router, test));
  GroupRouter best = router, grad;
  GroupRouter mean{Tensor::ZerosLike(router.v1), Tensor::ZerosLike(router.v2)}, square = mean;
  int64_t step = 0;
  for (int epoch = 0; epoch < opts.num_epochs; ++epoch) {
    rng.Shuffle(&train);
    for (size_t begin = 0; begin < train.size(); begin += static_cast<size_t>(opts.batch_size)) {
      const size_t end = std::min(train.size(), begin + static_cast<size_t>(opts.batch_size));
      Tensor targets = TakeRows(scores, train, begin, end);
      const float most = *std::max_element(targets.Data(), targets.Data() + targets.Size());
      for (int64_t i = 0; most > 0 && i < targets.Size(); ++i) targets.Data()[i] /= most;
      GroupRouterLoss(ctx, router, TakeRows(unit, train, begin, end), targets, &grad);
      ++step;
      AdamUpdate(ctx, AdamOptions(), step, opts.learning_rate, 1, grad.v1, router.v1, mean.v1,
                 square.v1);
      AdamUpdate(ctx, AdamOptions(), step, opts.learning_rate, 1, grad.v2, router.v2, mean.v2,
                 square.v2);
    }
    const double share = captured(GroupLogits(ctx, router, test));
    if (share <= report->router) continue;
    report->router = share;
    best = router;
  }
  return best;
}

}  // namespace u2moe
