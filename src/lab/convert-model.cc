#include "lab/convert-model.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "model/config-fields.h"
#include "util/options.h"
#include "util/text.h"

namespace u2moe {
namespace {

enum class Wants { kNothing, kMayHaveData, kData };

struct Row {
  const char *name;
  Conversion *convert;
  int num_models;
  Wants wants;
  const char *options;  // beside method and part
  const char *what;
};

// Adding a method is its own file and one row here.
constexpr Row kMethods[] = {
    {"upcycle", UpcycleModel, 1, Wants::kNothing,
     "num-experts experts-per-frame mixture router-gain expert-noise seed",
     "each dense layer becomes a mixture of copies of itself, with a fresh router"},
    {"to-dense", MixtureToDense, 1, Wants::kMayHaveData, "expert by align",
     "each mixture becomes a dense layer: the mean of its experts, weighted by their use on data "
     "if there are any, or one of them"},
    {"prune", PruneExperts, 1, Wants::kMayHaveData, "num-experts min-share by keep",
     "mixtures lose the experts that data use least, or that are not in a list"},
    {"merge", MergeExperts, 1, Wants::kMayHaveData, "num-experts by align",
     "experts that routers find alike become one, their mean (weighted by use on data if there are "
     "any) after their neurons are matched; the router goes on choosing as it did"},
    {"aoe", JoinTwoMixtures, 2, Wants::kNothing, "",
     "two models of one shape become one with the experts of both and twice as many per frame; all "
     "else is their mean (aggregation of experts, arXiv 2109.10465)"},
    {"moefication", SplitDenseLayers, 1, Wants::kData,
     "num-experts experts-per-frame split max-rows router-epochs router-rate seed",
     "dense ReLU layers become groups of their own neurons, with a router that learns on data "
     "which "
     "groups will fire (arXiv 2110.01786); with all groups at work nothing changes"},
    {"relu", SwapToRelu, 1, Wants::kNothing, "",
     "layers get ReLU in place of their activation; to be trained on before moefication"},
    {"mpoe", DecomposeDenseLayers, 1, Wants::kNothing, "num-experts experts-per-frame mixture seed",
     "each dense layer becomes a mixture of copies whose matrices are chains of tensors, the "
     "middle "
     "one shared by all (arXiv 2203.01104); --mixture=mpo-shape=4x4x8/4x8x4,mpo-bond=16 gives the "
     "factors of model and hidden dimension, and a bound of the bonds"},
    {"materialise", MaterialiseExperts, 1, Wants::kNothing, "",
     "experts that are chains of tensors become whole ones: the same, faster and larger"},
    {"ladimo", FitMixtures, 1, Wants::kData,
     "num-experts experts-per-frame mixture expert-dim max-rows layer-epochs layer-rate seed",
     "each dense layer becomes a mixture of narrower experts, which learns on data to give what "
     "the "
     "layer gave (arXiv 2408.04278); moe-calibrate then finds where one expert will do"},
    {"read-me", CutDomainExperts, 1, Wants::kData, "mixture keep-share max-rows seed",
     "each dense layer becomes one expert for each label of --labels, of the neurons that its data "
     "use most, one at work on a frame (arXiv 2410.19123); with --keep-share=1 nothing changes"},
};

const Row &Find(const std::string &method) {
  std::vector<std::string> names;
  for (const Row &row : kMethods) {
    if (method == row.name) return row;
    names.emplace_back(row.name);
  }
  throw UsageError("--method=", Printable(method), ": expected one of ", Join(names, ", "));
}

// Calls fn(name, pointer, help) for each option but method.
template <class Options, class Fn>
void VisitOptions(Options *o, Fn fn) {
  fn("part", &o->part,
     "which layers: all, or some of encoder, macaron, last (of the encoder's layers) and decoders, "
     "with commas");
  fn("num-experts", &o->num_experts, "experts of each mixture of the result");
  fn("experts-per-frame", &o->experts_per_frame, "experts that work on a frame");
  fn("mixture", &o->mixture,
     "other settings of the new mixtures, as nnet-init has them: "
     "router=rmoe,balance-weight=0.01");
  fn("router-gain", &o->router_gain,
     "gain of Xavier's uniform initialisation of new routers; 0: as nnet-init does it");
  fn("expert-noise", &o->expert_noise,
     "normal noise on the copies, so that they differ: its deviation, where that of a tensor is 1");
  fn("min-share", &o->min_share,
     "drops experts that get less than this share of a mixture's choices, where an even share is "
     "1 / experts; mixtures may end up with different numbers of them");
  fn("by", &o->by, "what use is: count, of choices, or gate, their weights");
  fn("keep", &o->keep,
     "numbers of the experts that stay in each mixture, with commas: no data then");
  fn("expert", &o->expert, "what stays: mean, best (the most used on data) or an expert's number");
  fn("align", &o->align,
     "matches the neurons of experts before their mean is taken (by assignment on the rows of "
     "w_1)");
  fn("split", &o->split,
     "how neurons are grouped: k-means (balanced, on the rows of w_1), co-activation (graph of "
     "neurons that fire together, METIS) or random");
  fn("max-rows", &o->max_rows, "rows of each layer that are kept of the data");
  fn("router-epochs", &o->router_epochs, "passes over these rows that train a layer's router");
  fn("router-rate", &o->router_rate, "learning rate of Adam for the routers");
  fn("keep-share", &o->keep_share, "share of a layer's neurons that an expert has");
  fn("expert-dim", &o->expert_dim, "neurons of an expert; 0: 0.4 times those of the dense layer");
  fn("layer-epochs", &o->layer_epochs, "passes over the rows that train a layer");
  fn("layer-rate", &o->layer_rate, "learning rate of Adam for the layers");
  fn("seed", &o->seed, "of all that is random");
}

bool Reads(const Row &row, const std::string &option) {
  const std::vector<std::string> options = SplitFields(row.options);
  return option == "part" || std::count(options.begin(), options.end(), option) > 0;
}

}  // namespace

void ConvertOptions::Register(OptionParser *po) {
  std::vector<std::string> names;
  for (const Row &row : kMethods) names.emplace_back(row.name);
  po->Register("method", &method, "what to do: " + Join(names, ", "));
  VisitOptions(this, [po](const char *name, auto *value, const char *help) {
    std::string readers;
    for (const Row &row : kMethods) {
      if (Reads(row, name)) readers += Cat(readers.empty() ? "" : ", ", row.name);
    }
    if (readers.empty()) return;
    po->Register(name, value, std::string(name) == "part" ? help : Cat(help, " [", readers, "]"));
  });
}

void ConvertOptions::Check(const OptionParser &po) const {
  if (method.empty()) throw UsageError("--method is missing; see --help for what there is");
  const Row &row = Find(method);
  VisitOptions(this, [&](const char *name, auto *, const char *) {
    if (po.WasGiven(name) && !Reads(row, name))
      throw UsageError("--", name, " is not read by --method=", method, "; leave it out");
  });
  const auto range = [](const char *name, double value, double low, double high) {
    if (!(value >= low && value <= high))
      throw UsageError("--", name, "=", value, " is outside ", low, " to ", high);
  };
  range("num-experts", num_experts, 0, 1 << 14);
  range("experts-per-frame", experts_per_frame, 1, 1 << 14);
  range("router-gain", router_gain, 0, 1e3);
  range("expert-noise", expert_noise, 0, 1e3);
  range("min-share", min_share, 0, 1);
  range("max-rows", max_rows, 1, 1 << 24);
  range("router-epochs", router_epochs, 0, 1 << 16);
  range("router-rate", router_rate, 0, 10);
  range("keep-share", keep_share, 0, 1);
  range("expert-dim", expert_dim, 0, 1 << 20);
  range("layer-epochs", layer_epochs, 0, 1 << 16);
  range("layer-rate", layer_rate, 0, 10);
  if (by != "count" && by != "gate") throw UsageError("--by=", by, ": expected count or gate");
}

std::string ConvertOptions::ToString() const {
  const Row &row = Find(method);
  std::vector<std::string> parts;
  VisitOptions(this, [&](const char *name, const auto *value, const char *) {
    if (Reads(row, name)) parts.push_back(Cat(name, "=", FieldText(*value)));
  });
  return Join(parts, " ");
}

std::string ConversionHelp() {
  std::string help;
  for (const Row &row : kMethods) {
    help += Cat("  ", row.name, ": ", row.what, row.wants == Wants::kData ? " (needs --feats)" : "",
                "\n");
  }
  return help;
}

int NumConvertedModels(const std::string &method) { return Find(method).num_models; }

std::unique_ptr<AsrModel> ConvertModel(const Context &ctx, const ConvertOptions &opts,
                                       const ConvertInput &in) {
  const Row &row = Find(opts.method);
  CHECK_EQ(in.other != nullptr, row.num_models == 2);
  if (in.data != nullptr && row.wants == Wants::kNothing)
    throw UsageError("--feats is not read by --method=", opts.method, "; leave it out");
  if (in.data == nullptr && row.wants == Wants::kData) {
    throw UsageError("--method=", opts.method,
                     " needs data: give --feats, and --tokens for the decoders");
  }
  if (!in.model->Policy().IsPlain()) {
    LOG_WARN << "the model's limits of experts (" << in.model->Policy().ToString()
             << ") are not kept; moe-calibrate finds those of the new model";
    in.model->SetPolicy(ExpertPolicy());
  }
  return row.convert(ctx, opts, in);
}

std::vector<FeedForwardPlace> MixturesAmong(const ConvertOptions &opts, const ModelConfig &config) {
  std::vector<FeedForwardPlace> places = ChoosePlaces(config, opts.part);
  places.erase(std::remove_if(places.begin(), places.end(),
                              [&](const auto &p) { return p.Config(config).num_experts == 0; }),
               places.end());
  if (!places.empty()) return places;
  throw UsageError("--method=", opts.method,
                   " is for mixtures, but the model has none in --part=", opts.part,
                   "; --method=upcycle makes some of dense layers");
}

std::vector<FeedForwardPlace> DenseAmong(const ConvertOptions &opts, const ModelConfig &config) {
  std::vector<FeedForwardPlace> places = ChoosePlaces(config, opts.part);
  places.erase(std::remove_if(places.begin(), places.end(),
                              [&](const auto &p) { return p.Config(config).num_experts > 0; }),
               places.end());
  if (!places.empty()) return places;
  throw UsageError("--method=", opts.method,
                   " is for dense layers, but the model has none in "
                   "--part=",
                   opts.part, "; --method=to-dense makes some of mixtures");
}

std::vector<std::string> RouterRows(const std::string &method, const FeedForwardPlace &place,
                                    const FeedForwardConfig &config) {
  struct Known {
    const char *router;
    std::vector<std::string> rows;
  };
  static const std::vector<Known> kKnown = {
      {"topk-softmax", {".gate.weight"}}, {"switch", {".gate.weight"}},
      {"noisy-topk", {".gate.weight"}},   {"rmoe", {".gate.out.weight"}},
      {"top-p", {".gate.weight"}},        {"sigmoid-bias", {".gate.weight", ".gate.balance"}},
      {"expert-choice", {".gate.weight"}}};
  // Of copies that share a probability it may take one without the other.
  if (method == "aoe" && config.router == "top-p") {
    throw UsageError("--method=aoe does not go with router top-p of ", place.Name(),
                     ": among twice as many experts probabilities are half as large, so that its "
                     "threshold means another thing");
  }
  std::string names;
  for (const Known &known : kKnown) {
    if (config.router == known.router) return known.rows;
    names += Cat(names.empty() ? "" : ", ", known.router);
  }
  throw UsageError("--method=", method, " does not know what of the router of ", place.Name(), ", ",
                   config.router, ", belongs to which expert; it knows ", names);
}

}  // namespace u2moe
