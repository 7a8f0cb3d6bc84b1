// Dense ReLU layers as groups of their neurons (MoEfication, arXiv 2110.01786).
#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/log.h"
#include "lab/convert-model.h"
#include "lab/neuron-split.h"

namespace u2moe {
namespace {

// The neurons of group g, in their order, become expert g.
void CopyGroups(const TensorsByName &from, const TensorsByName &to, const std::string &layer,
                const std::vector<int> &group_of, int num_groups) {
  std::vector<std::vector<int64_t>> groups(static_cast<size_t>(num_groups));
  for (size_t i = 0; i < group_of.size(); ++i)
    groups[static_cast<size_t>(group_of[i])].push_back(static_cast<int64_t>(i));
  for (size_t g = 0; g < groups.size(); ++g)
    CopyNeurons(from, layer, to, static_cast<int64_t>(g), groups[g]);
  if (from.Has(layer + ".w_2.bias")) to[layer + ".output_bias"] = from[layer + ".w_2.bias"];
}

std::vector<int> Split(const Context &ctx, const ConvertOptions &opts, const Tensor &w_1,
                       const Tensor &activity, uint64_t seed) {
  if (opts.split == "k-means") return SplitByKMeans(w_1, opts.num_experts, seed);
  if (opts.split == "random") return SplitAtRandom(w_1.Rows(), opts.num_experts, seed);
  return SplitByCoActivation(ctx, activity, opts.num_experts, seed);
}

void CheckLayer(const ConvertOptions &opts, const FeedForwardPlace &place,
                const FeedForwardConfig &c) {
  if (c.activation != Activation::kRelu) {
    throw UsageError("--method=moefication is for ReLU, whose neurons are often silent, but ",
                     place.Name(), " has ", ToString(c.activation),
                     ": convert with --method=relu and train on for a while first, or choose other "
                     "layers with --part");
  }
  if (opts.num_experts < 1 || c.hidden_dim % opts.num_experts != 0) {
    std::string fit;
    for (int n = 1; n <= c.hidden_dim; ++n) {
      if (c.hidden_dim % n == 0) fit += Cat(fit.empty() ? "" : ", ", n);
    }
    throw UsageError("--num-experts=", opts.num_experts, " does not divide the ", c.hidden_dim,
                     " neurons of ", place.Name(), " into equal groups; these do: ", fit);
  }
}

}  // namespace

std::unique_ptr<AsrModel> SplitDenseLayers(const Context &ctx, const ConvertOptions &opts,
                                           const ConvertInput &in) {
  if (opts.split != "k-means" && opts.split != "co-activation" && opts.split != "random")
    throw UsageError("--split=", opts.split, ": expected k-means, co-activation or random");
  ModelConfig config = in.model->Config();
  const std::vector<FeedForwardPlace> places = DenseAmong(opts, config);
  for (const FeedForwardPlace &p : places) CheckLayer(opts, p, p.Config(config));
  SpellOutLayers(&config);
  for (const FeedForwardPlace &p : places) {
    FeedForwardConfig *c = p.MutableConfig(&config);
    c->num_experts = opts.num_experts;
    c->experts_per_frame = opts.experts_per_frame;
    c->hidden_dim = p.Config(in.model->Config()).hidden_dim / opts.num_experts;
    c->router = "group-mlp";
    c->bank = "neuron-groups";
  }
  const uint64_t seed = static_cast<uint64_t>(opts.seed);
  std::unique_ptr<AsrModel> model = Reshaped(in.model, config, seed);
  const std::map<std::string, Tensor> inputs =
      FeedForwardInputs(ctx, in.model, places, *in.data, opts.max_rows, seed);
  const TensorsByName from(in.model), to(model.get());
  for (const FeedForwardPlace &p : places) {
    const std::string name = p.Name();
    const Tensor &x = inputs.at(name), &w_1 = from[name + ".w_1.weight"];
    const Tensor activity = HiddenActivity(ctx, from, name, Activation::kRelu, x);
    const std::vector<int> group_of = Split(ctx, opts, w_1, activity, seed);
    CopyGroups(from, to, name, group_of, opts.num_experts);
    GroupRouterOptions training;
    training.num_epochs = opts.router_epochs;
    training.num_choices = opts.experts_per_frame;
    training.learning_rate = opts.router_rate;
    training.seed = seed;
    GroupRouterReport report;
    const GroupRouter router =
        TrainGroupRouter(ctx, x, GroupScores(activity, group_of, opts.num_experts),
                         CentreRouter(w_1, group_of, opts.num_experts), training, &report);
    to[name + ".gate.hidden.weight"] = router.v1;
    to[name + ".gate.out.weight"] = router.v2;
    int64_t active = 0;
    for (int64_t i = 0; i < activity.Size(); ++i) active += activity.Data()[i] > 0;
    LOG_INFO << name << ": " << x.Rows() << " rows, "
             << 100 * static_cast<double>(active) / static_cast<double>(activity.Size())
             << " % of the neurons active; " << opts.experts_per_frame << " of " << opts.num_experts
             << " groups capture of their sum: router " << 100 * report.router << " %, centres "
             << 100 * report.centres << " %, random " << 100 * report.random << " %, the best "
             << 100 * report.oracle << " %";
  }
  return model;
}

std::unique_ptr<AsrModel> SwapToRelu(const Context &, const ConvertOptions &opts,
                                     const ConvertInput &in) {
  ModelConfig config = in.model->Config();
  const std::vector<FeedForwardPlace> places = ChoosePlaces(config, opts.part);
  SpellOutLayers(&config);
  bool swapped = false;
  for (const FeedForwardPlace &p : places) {
    FeedForwardConfig *c = p.MutableConfig(&config);
    swapped |= c->activation != Activation::kRelu;
    c->activation = Activation::kRelu;
  }
  if (!swapped)
    throw UsageError("--method=relu: all layers of --part=", opts.part, " have ReLU already");
  return Reshaped(in.model, config, 0);
}

}  // namespace u2moe
