// Mixtures of copies of dense layers.
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "lab/convert-model.h"
#include "model/layer-list.h"
#include "moe/router-registry.h"

namespace u2moe {

FeedForwardConfig NewMixture(const FeedForwardConfig &dense, const ConvertOptions &opts) {
  FeedForwardConfig c = dense;
  c.num_experts = opts.num_experts;
  c.experts_per_frame = opts.experts_per_frame;
  if (!opts.mixture.empty()) {
    const std::vector<FeedForwardConfig> layers =
        ParseLayers("--mixture", "all:" + opts.mixture, c, {1, false});
    if (!layers.empty()) c = layers[0];
  }
  if (c.num_experts < 1) {
    throw UsageError("--method=", opts.method,
                     " needs --num-experts, how many copies of a dense layer a "
                     "mixture shall have");
  }
  if (c.hidden_dim != dense.hidden_dim || c.activation != dense.activation ||
      c.bias != dense.bias) {
    throw UsageError("--mixture=", opts.mixture,
                     ": copies have the hidden-dim, activation and ffn-bias of the dense layer; "
                     "leave these out");
  }
  return c;
}

namespace {

void AddNoise(double deviation, uint64_t seed, const std::string &name, Tensor *t) {
  double square = 0;
  for (int64_t i = 0; i < t->Size(); ++i)
    square += static_cast<double>(t->Data()[i]) * t->Data()[i];
  const double scale =
      deviation * std::sqrt(square / std::max<double>(1, static_cast<double>(t->Size())));
  Rng rng(SubSeed(seed, name));
  for (int64_t i = 0; i < t->Size(); ++i) t->Data()[i] += static_cast<float>(scale * rng.Normal());
}

// Fresh routers get the bound of Xavier's uniform initialisation times the gain.
void ScaleRouters(const TensorsByName &from, double gain, AsrModel *to) {
  const auto scale = [&](const ParamInfo &info, Tensor *t) {
    const bool fresh = !from.Has(info.name) || from[info.name].Shape() != t->Shape();
    if (info.use.role != ParamRole::kRouter || !fresh || t->Shape().size() != 2 ||
        info.init.kind != ParamInit::Kind::kUniform)
      return;
    const double bound = gain * std::sqrt(6.0 / static_cast<double>(t->Dim(0) + t->Dim(1)));
    for (int64_t i = 0; i < t->Size(); ++i)
      t->Data()[i] = static_cast<float>(t->Data()[i] * (bound / info.init.value));
  };
  ForEachParamOrPacked(to, scale,
                       [&](const ParamInfo &info, Tensor *t, PackedMatrix *) { scale(info, t); });
}

}  // namespace

std::unique_ptr<AsrModel> UpcycleModel(const Context &, const ConvertOptions &opts,
                                       const ConvertInput &in) {
  ModelConfig config = in.model->Config();
  const std::vector<FeedForwardPlace> places = DenseAmong(opts, config);
  SpellOutLayers(&config);
  for (const FeedForwardPlace &p : places) {
    const FeedForwardConfig c = NewMixture(p.Config(in.model->Config()), opts);
    if (c.bank != "full" && c.bank != "shared-plus-routed") {
      throw UsageError("--mixture=", opts.mixture,
                       ": copies of a dense layer make a bank full or "
                       "shared-plus-routed, not ",
                       c.bank);
    }
    *p.MutableConfig(&config) = c;
  }
  const uint64_t seed = static_cast<uint64_t>(opts.seed);
  std::unique_ptr<AsrModel> model = Reshaped(in.model, config, seed);
  const TensorsByName from(in.model), to(model.get());
  for (const FeedForwardPlace &p : places) {
    const FeedForwardConfig &c = p.Config(model->Config());
    const std::string name = p.Name();
    std::vector<std::string> copies;
    for (int e = 0; e < c.num_experts; ++e) copies.push_back(Cat(name, ".experts.", e));
    // With experts that are always on, a row gets their sum and the mean of the chosen.
    const int always = c.bank == "full" ? 0 : c.num_shared_experts;
    for (int i = 0; i < always; ++i) copies.push_back(Cat(name, ".shared_experts.", i));
    for (const std::string &copy : copies) {
      CopyFeedForward(from, name, to, copy);
      for (const char *out : {".w_2.weight", ".w_2.bias"}) {
        if (always == 0 || !to.Has(copy + out)) continue;
        Tensor &t = to[copy + out];
        for (int64_t i = 0; i < t.Size(); ++i) t.Data()[i] /= static_cast<float>(1 + always);
      }
      for (const char *weight : {".w_1.weight", ".w_2.weight"}) {
        if (opts.expert_noise > 0)
          AddNoise(opts.expert_noise, seed, copy + weight, &to[copy + weight]);
      }
    }
    if (!RouterTraitsOf(c.router).gates_sum_to_one) {
      LOG_WARN << name << ": the gates of router " << c.router
               << " do not sum to 1, so this mixture of copies is not the dense layer";
    }
  }
  if (opts.router_gain > 0) ScaleRouters(from, opts.router_gain, model.get());
  return model;
}

}  // namespace u2moe
