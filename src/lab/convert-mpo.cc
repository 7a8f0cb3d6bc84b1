// Dense layers as experts that share their middle tensors (MPOE, arXiv 2203.01104), and such
// experts as whole ones.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "lab/convert-model.h"
#include "lab/mpo-decompose.h"

namespace u2moe {
namespace {

// The shape of one of the two matrices of a layer.
MpoShape ShapeOf(const FeedForwardConfig &c, int64_t dim, const std::string &matrix) {
  const MpoShapes shapes = ParseMpoShapes(c.mpo_shape, dim, c.hidden_dim, c.mpo_bond);
  return matrix == "w_1" ? shapes.w_1 : shapes.w_2;
}

std::string Outer(const std::string &layer, int expert, const std::string &matrix, size_t k) {
  return Cat(layer, ".experts.", expert, ".", matrix, ".mpo.", k);
}

std::string CoreOf(const std::string &layer, const std::string &matrix) {
  return Cat(layer, ".shared_experts.", matrix, ".core");
}

}  // namespace

std::unique_ptr<AsrModel> DecomposeDenseLayers(const Context &, const ConvertOptions &opts,
                                               const ConvertInput &in) {
  ModelConfig config = in.model->Config();
  const std::vector<FeedForwardPlace> places = DenseAmong(opts, config);
  const int64_t dim = config.encoder.model_dim;
  SpellOutLayers(&config);
  for (const FeedForwardPlace &p : places) {
    FeedForwardConfig *c = p.MutableConfig(&config);
    *c = NewMixture(p.Config(in.model->Config()), opts);
    c->bank = "mpo";
    if (c->mpo_shape.empty())
      c->mpo_shape = MpoShapesText(MpoFactors(dim, 5), MpoFactors(c->hidden_dim, 5));
    ShapeOf(*c, dim, "w_1");  // refuses a wrong one
  }
  std::unique_ptr<AsrModel> model = Reshaped(in.model, config, static_cast<uint64_t>(opts.seed));
  const TensorsByName from(in.model), to(model.get());
  for (const FeedForwardPlace &p : places) {
    const FeedForwardConfig &c = p.Config(model->Config());
    const std::string name = p.Name();
    for (const std::string matrix : {"w_1", "w_2"}) {
      const MpoShape shape = ShapeOf(c, dim, matrix);
      const Tensor &weight = from[Cat(name, ".", matrix, ".weight")];
      double cut = 0, square = 0;
      const std::vector<std::vector<double>> chain = DecomposeMpo(weight, shape, &cut);
      for (int64_t i = 0; i < weight.Size(); ++i)
        square += static_cast<double>(weight.Data()[i]) * weight.Data()[i];
      for (int e = 0; e < c.num_experts; ++e) {
        for (size_t k = 0; k < chain.size(); ++k) {
          Tensor &t = to[k == shape.Core() ? CoreOf(name, matrix) : Outer(name, e, matrix, k)];
          CHECK_EQ(t.Size(), static_cast<int64_t>(chain[k].size()));
          std::transform(chain[k].begin(), chain[k].end(), t.Data(),
                         [](double v) { return static_cast<float>(v); });
        }
        if (c.bias)
          to[Cat(name, ".experts.", e, ".", matrix, ".bias")] =
              from[Cat(name, ".", matrix, ".bias")];
      }
      LOG_INFO << name << "." << matrix << " as mpo-shape=" << c.mpo_shape
               << ": relative error at most " << std::sqrt(cut / std::max(square, 1e-300));
    }
  }
  return model;
}

std::unique_ptr<AsrModel> MaterialiseExperts(const Context &ctx, const ConvertOptions &opts,
                                             const ConvertInput &in) {
  ModelConfig config = in.model->Config();
  std::vector<FeedForwardPlace> places = MixturesAmong(opts, config);
  places.erase(std::remove_if(places.begin(), places.end(),
                              [&](const auto &p) { return p.Config(config).bank != "mpo"; }),
               places.end());
  if (places.empty()) {
    throw UsageError(
        "--method=materialise makes whole experts of those of bank mpo, but the model "
        "has none in --part=",
        opts.part);
  }
  SpellOutLayers(&config);
  for (const FeedForwardPlace &p : places) {
    FeedForwardConfig *c = p.MutableConfig(&config);
    c->bank = "full";
    c->mpo_shape.clear();
    c->mpo_bond = 0;
    c->core_gradient = FeedForwardConfig().core_gradient;
  }
  std::unique_ptr<AsrModel> model = Reshaped(in.model, config, 0);
  const TensorsByName from(in.model), to(model.get());
  for (const FeedForwardPlace &p : places) {
    const FeedForwardConfig &c = p.Config(in.model->Config());
    const std::string name = p.Name();
    for (const std::string matrix : {"w_1", "w_2"}) {
      const MpoShape shape = ShapeOf(c, config.encoder.model_dim, matrix);
      for (int e = 0; e < c.num_experts; ++e) {
        std::vector<const Tensor *> chain;
        for (size_t k = 0; k < shape.Length(); ++k) {
          chain.push_back(
              &from[k == shape.Core() ? CoreOf(name, matrix) : Outer(name, e, matrix, k)]);
        }
        to[Cat(name, ".experts.", e, ".", matrix, ".weight")] = ContractMpo(ctx, shape, chain);
      }
    }
  }
  return model;
}

}  // namespace u2moe
