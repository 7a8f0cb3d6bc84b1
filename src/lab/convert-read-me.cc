// Experts of domains, cut out of dense layers by which neurons each domain uses (Read-ME, arXiv
// 2410.19123). The router is trained afterwards.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "lab/convert-model.h"
#include "lab/neuron-split.h"
#include "moe/router-registry.h"

namespace u2moe {
namespace {

// The utterances of one label.
ConvertData OfLabel(const ConvertData &data, const std::string &label) {
  ConvertData one = data;
  one.for_each = [&data, label](const ConvertData::Use &use) {
    data.for_each([&](ConstView feats, const std::vector<int32_t> *tokens) {
      if (data.label() == label) use(feats, tokens);
    });
  };
  return one;
}

std::vector<std::string> LabelsOf(const ConvertData &data) {
  if (!data.label) {
    throw UsageError(
        "--method=read-me needs the domain of each utterance: give --labels, such as "
        "ark:utt2lang");
  }
  std::set<std::string> labels;
  data.for_each([&](ConstView, const std::vector<int32_t> *) { labels.insert(data.label()); });
  return {labels.begin(), labels.end()};
}

}  // namespace

std::unique_ptr<AsrModel> CutDomainExperts(const Context &ctx, const ConvertOptions &opts,
                                           const ConvertInput &in) {
  ModelConfig config = in.model->Config();
  std::vector<FeedForwardPlace> places = DenseAmong(opts, config);
  const std::vector<std::string> labels = LabelsOf(*in.data);
  ConvertOptions settings = opts;
  settings.num_experts = static_cast<int32_t>(labels.size());
  settings.experts_per_frame = 1;
  if (settings.num_experts == 0) throw DataError("there are no utterances to convert by");
  const auto mixture_at = [&](const FeedForwardPlace &p) {
    FeedForwardConfig dense = p.Config(in.model->Config());
    dense.router = "read-me";
    return NewMixture(dense, settings);
  };
  // Frames have such a router, tokens do not: decoders stay dense.
  places.erase(std::remove_if(places.begin(), places.end(),
                              [&](const FeedForwardPlace &p) {
                                return p.part != FeedForwardPlace::Part::kEncoder &&
                                       RouterTraitsOf(mixture_at(p).router).encoder_only;
                              }),
               places.end());
  if (places.empty()) {
    throw UsageError("--part=", opts.part,
                     ": router=read-me is for encoders; give another, such as "
                     "--mixture=router=topk-softmax");
  }
  SpellOutLayers(&config);
  for (const FeedForwardPlace &p : places) {
    FeedForwardConfig c = mixture_at(p);
    if (c.num_experts != settings.num_experts || c.experts_per_frame != 1) {
      throw UsageError(
          "--method=read-me makes one expert of each label, one of which works on a "
          "frame; leave num-experts and experts-per-frame out of --mixture");
    }
    c.bank = "neuron-groups";
    c.hidden_dim = std::max(1, static_cast<int32_t>(std::lround(opts.keep_share * c.hidden_dim)));
    *p.MutableConfig(&config) = c;
  }
  const uint64_t seed = static_cast<uint64_t>(opts.seed);
  std::unique_ptr<AsrModel> model = Reshaped(in.model, config, seed);
  const TensorsByName from(in.model), to(model.get());
  std::map<std::string, std::vector<std::vector<int64_t>>> chosen;
  for (size_t q = 0; q < labels.size(); ++q) {
    const auto inputs =
        FeedForwardInputs(ctx, in.model, places, OfLabel(*in.data, labels[q]), opts.max_rows, seed);
    for (const FeedForwardPlace &p : places) {
      const std::string name = p.Name();
      const Tensor activity =
          HiddenActivity(ctx, from, name, p.Config(in.model->Config()).activation, inputs.at(name));
      const std::vector<int64_t> neurons =
          MostActive(activity, p.Config(model->Config()).hidden_dim);
      CopyNeurons(from, name, to, static_cast<int64_t>(q), neurons);
      chosen[name].push_back(neurons);
    }
    LOG_INFO << "expert " << q << " is of label '" << labels[q] << "'";
  }
  for (const FeedForwardPlace &p : places) {
    const std::string name = p.Name();
    if (from.Has(name + ".w_2.bias")) to[name + ".output_bias"] = from[name + ".w_2.bias"];
    std::vector<int64_t> shared = chosen[name][0];
    for (const std::vector<int64_t> &neurons : chosen[name]) {
      std::vector<int64_t> both;
      std::set_intersection(shared.begin(), shared.end(), neurons.begin(), neurons.end(),
                            std::back_inserter(both));
      shared = both;
    }
    LOG_INFO << name << ": experts of " << p.Config(model->Config()).hidden_dim << " neurons, "
             << shared.size() << " of them in all experts";
  }
  return model;
}

}  // namespace u2moe
