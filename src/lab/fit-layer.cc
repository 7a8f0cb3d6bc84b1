#include "lab/fit-layer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "lab/model-surgery.h"
#include "moe/routing-state.h"
#include "ops/adam.h"

namespace u2moe {
namespace {

std::vector<Tensor *> TensorsOf(FeedForward *layer) {
  std::vector<Tensor *> tensors;
  ForEachParam(layer, [&](const std::string &, Tensor *t, const ParamInit &, bool trainable) {
    if (trainable) tensors.push_back(t);
  });
  return tensors;
}

}  // namespace

FitReport FitLayer(const Context &ctx, const FitOptions &opts, ConstView x, ConstView y,
                   FeedForward *layer, FeedForward *grad) {
  CHECK(x.Rows() == y.Rows() && x.Cols() == y.Cols());
  Rng rng(opts.seed);
  std::vector<int64_t> rows(static_cast<size_t>(x.Rows()));
  std::iota(rows.begin(), rows.end(), 0);
  rng.Shuffle(&rows);
  // Of fewer than 10 rows all are both.
  const size_t first = rows.size() < 10 ? 0 : rows.size() - rows.size() / 10;
  const Tensor test_x = TakeRows(x, rows, first, rows.size()),
               test_y = TakeRows(y, rows, first, rows.size());
  std::vector<int64_t> train = rows;
  if (first > 0) train.resize(first);
  const auto error = [&] {
    Tensor out(test_x.Rows(), test_x.Cols());
    RoutingState state;
    RouteCall call;
    call.state = &state;
    layer->Forward(ctx, test_x, out, nullptr, nullptr, call);
    double wrong = 0, all = 0;
    for (int64_t i = 0; i < out.Size(); ++i) {
      const double want = static_cast<double>(test_y.Data()[i]);
      wrong += (out.Data()[i] - want) * (out.Data()[i] - want);
      all += want * want;
    }
    if (!std::isfinite(wrong))
      throw DataError(
          "the layer that is being fitted gives values that are not finite; lower "
          "--layer-rate");
    return all > 0 ? wrong / all : wrong;
  };
  const std::vector<Tensor *> params = TensorsOf(layer), grads = TensorsOf(grad);
  std::vector<Tensor> m, v, best;
  for (const Tensor *t : params) {
    m.push_back(Tensor::ZerosLike(*t));
    v.push_back(Tensor::ZerosLike(*t));
    best.push_back(*t);
  }
  FitReport report;
  report.before = report.after = error();
  int64_t step = 0;
  for (int epoch = 0; epoch < opts.num_epochs; ++epoch) {
    rng.Shuffle(&train);
    const size_t batch = static_cast<size_t>(opts.batch_size);
    for (size_t begin = 0; begin < train.size(); begin += batch) {
      const size_t end = std::min(train.size(), begin + batch);
      const Tensor in = TakeRows(x, train, begin, end), want = TakeRows(y, train, begin, end);
      Tensor out(in.Rows(), in.Cols()), din(in.Rows(), in.Cols());
      for (Tensor *g : grads) g->SetZero();
      RoutingState state;
      RouteCall call;
      call.state = &state;
      std::unique_ptr<FeedForwardTape> tape;
      layer->Forward(ctx, in, out, &tape, nullptr, call);
      const float scale = 2 / static_cast<float>(in.Rows());
      for (int64_t i = 0; i < out.Size(); ++i)
        out.Data()[i] = scale * (out.Data()[i] - want.Data()[i]);
      RoutingGradients routing;
      layer->Backward(ctx, in, *tape, out, grad, din, &routing);
      ++step;
      for (size_t i = 0; i < params.size(); ++i) {
        AdamUpdate(ctx, AdamOptions(), step, opts.learning_rate, 1, *grads[i], *params[i], m[i],
                   v[i]);
      }
    }
    const double now = error();
    if (now >= report.after) continue;
    report.after = now;
    for (size_t i = 0; i < params.size(); ++i) best[i] = *params[i];
  }
  for (size_t i = 0; i < params.size(); ++i) *params[i] = best[i];
  return report;
}

}  // namespace u2moe
