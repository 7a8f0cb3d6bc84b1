// Mixtures of narrower experts that learn, each alone, what a dense layer gives (LaDiMo, arXiv
// 2408.04278). Its second stage, how many experts a layer runs, is moe-calibrate's.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/log.h"
#include "lab/convert-model.h"
#include "lab/fit-layer.h"
#include "lab/neuron-split.h"
#include "moe/feed-forward-factory.h"
#include "moe/router-registry.h"
#include "tensor/gemm.h"

namespace u2moe {
namespace {

FeedForwardConfig LadimoMixture(const FeedForwardConfig &dense, const ConvertOptions &opts) {
  FeedForwardConfig c = NewMixture(dense, opts);
  const RouterTraits &router = RouterTraitsOf(c.router);
  const bool alone = router.rows_independent && router.reads_rows && !router.shared &&
                     !router.depth_state && !router.needs_tags && !router.needs_embedding &&
                     !router.decided_before;
  if (c.bank != "full" || !alone) {
    throw UsageError(
        "--method=ladimo fits each layer alone and row by row, so it takes bank=full and a router "
        "that looks at its row and at nothing else, such as topk-softmax, not bank=",
        c.bank, " and router=", c.router);
  }
  c.hidden_dim = opts.expert_dim > 0
                     ? opts.expert_dim
                     : std::max(1, static_cast<int32_t>(std::lround(0.4 * dense.hidden_dim)));
  if (c.hidden_dim > dense.hidden_dim) {
    throw UsageError("--expert-dim=", opts.expert_dim, " is more than the ", dense.hidden_dim,
                     " neurons of the dense layer, of which experts begin as a part");
  }
  return c;
}

// Neurons of each expert, `size` of them: those of its own share (k-means on the rows of w_1, where
// shares are equal), then those that add most to the layer's output. With all neurons, in order.
std::vector<std::vector<int64_t>> ChooseNeurons(const Tensor &w_1, const Tensor &w_2,
                                                ConstView activity, int num_experts, int64_t size,
                                                uint64_t seed) {
  const int64_t n = w_1.Rows();
  std::vector<double> weight(static_cast<size_t>(n), 0);
  for (int64_t i = 0; i < n; ++i) {
    double mean = 0, square = 0;
    for (int64_t t = 0; t < activity.Rows(); ++t)
      mean += std::fabs(static_cast<double>(activity(t, i)));
    for (int64_t d = 0; d < w_2.Rows(); ++d) square += static_cast<double>(w_2(d, i)) * w_2(d, i);
    weight[static_cast<size_t>(i)] = mean * std::sqrt(square);
  }
  std::vector<int64_t> heaviest(static_cast<size_t>(n));
  std::iota(heaviest.begin(), heaviest.end(), 0);
  std::stable_sort(heaviest.begin(), heaviest.end(), [&](int64_t a, int64_t b) {
    return weight[static_cast<size_t>(a)] > weight[static_cast<size_t>(b)];
  });
  std::vector<int> share(static_cast<size_t>(n), -1);  // of what does not divide nobody owns a part
  if (n % num_experts == 0) share = SplitByKMeans(w_1, num_experts, seed);
  std::vector<std::vector<int64_t>> chosen;
  for (int e = 0; e < num_experts; ++e) {
    std::vector<int64_t> neurons;
    for (const bool own : {true, false}) {
      for (const int64_t i : heaviest) {
        if ((share[static_cast<size_t>(i)] == e) == own &&
            static_cast<int64_t>(neurons.size()) < size)
          neurons.push_back(i);
      }
    }
    std::sort(neurons.begin(), neurons.end());
    chosen.push_back(neurons);
  }
  return chosen;
}

}  // namespace

std::unique_ptr<AsrModel> FitMixtures(const Context &ctx, const ConvertOptions &opts,
                                      const ConvertInput &in) {
  ModelConfig config = in.model->Config();
  const std::vector<FeedForwardPlace> places = DenseAmong(opts, config);
  SpellOutLayers(&config);
  for (const FeedForwardPlace &p : places)
    *p.MutableConfig(&config) = LadimoMixture(p.Config(in.model->Config()), opts);
  const uint64_t seed = static_cast<uint64_t>(opts.seed);
  std::unique_ptr<AsrModel> model = Reshaped(in.model, config, seed);
  const auto inputs = FeedForwardInputs(ctx, in.model, places, *in.data, opts.max_rows, seed);
  const TensorsByName from(in.model), to(model.get());
  const int64_t dim = config.encoder.model_dim;
  for (const FeedForwardPlace &p : places) {
    const std::string name = p.Name();
    const FeedForwardConfig &c = p.Config(model->Config()), &d = p.Config(in.model->Config());
    const Tensor &x = inputs.at(name), &w_2 = from[name + ".w_2.weight"];
    const Tensor activity = HiddenActivity(ctx, from, name, d.activation, x);
    Tensor y(x.Rows(), dim);
    Gemm(ctx, 1, activity, Trans::kNo, w_2, Trans::kYes, 0, y);
    for (int64_t i = 0; d.bias && i < y.Size(); ++i)
      y.Data()[i] += from[name + ".w_2.bias"].Data()[i % dim];
    const auto neurons =
        ChooseNeurons(from[name + ".w_1.weight"], w_2, activity, c.num_experts, c.hidden_dim, seed);
    for (int e = 0; e < c.num_experts; ++e) {
      const std::string expert = Cat(name, ".experts.", e);
      CopyNeurons(from, name, to, e, neurons[static_cast<size_t>(e)]);
      if (d.bias) to[expert + ".w_2.bias"] = from[name + ".w_2.bias"];
    }
    // The layer alone, with the tensors that the model has for it.
    MixtureShared shared;
    const std::unique_ptr<FeedForward> layer = MakeFeedForward(dim, c, 0, &shared),
                                       grad = MakeFeedForward(dim, c, 0, &shared);
    const auto each = [&](bool back) {
      ForEachParam(layer.get(), [&](const std::string &part, Tensor *t, const ParamInit &, bool) {
        Tensor &whole = to[Cat(name, ".", part)];
        back ? whole = *t : *t = whole;
      });
    };
    each(false);
    FitOptions fit;
    fit.num_epochs = opts.layer_epochs;
    fit.learning_rate = opts.layer_rate;
    fit.seed = seed;
    const FitReport report = FitLayer(ctx, fit, x, y, layer.get(), grad.get());
    each(true);
    LOG_INFO << name << ": " << x.Rows() << " rows, experts of " << c.hidden_dim << " of "
             << d.hidden_dim << " neurons; squared error of the dense layer's output "
             << 100 * report.before << " % before and " << 100 * report.after << " % after";
  }
  return model;
}

}  // namespace u2moe
