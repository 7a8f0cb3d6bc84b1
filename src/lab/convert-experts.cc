// Fewer experts: pruned, merged, or one that is a dense layer. And more: those of two models.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/log.h"
#include "lab/convert-model.h"
#include "lab/expert-mean.h"
#include "moe/bank-tied.h"
#include "moe/router-registry.h"
#include "util/text.h"

namespace u2moe {
namespace {

std::string Expert(const std::string &mixture, int64_t e) { return Cat(mixture, ".experts.", e); }

void CheckBank(const ConvertOptions &opts, const FeedForwardPlace &place,
               const FeedForwardConfig &c, const std::vector<std::string> &banks) {
  if (std::count(banks.begin(), banks.end(), c.bank) > 0) return;
  throw UsageError("--method=", opts.method, " is for experts of bank ", Join(banks, " or "),
                   ", but that of ", place.Name(), " is ", c.bank,
                   "; leave such layers out with --part");
}

// How much each expert of a mixture is used, as --by has it; empty without data.
std::map<std::string, std::vector<double>> UseOf(const Context &ctx, const ConvertOptions &opts,
                                                 const ConvertInput &in,
                                                 const std::vector<FeedForwardPlace> &places) {
  std::map<std::string, std::vector<double>> result;
  if (in.data == nullptr) return result;
  for (auto &[name, use] : MeasureExpertUse(ctx, in.model, places, *in.data))
    result[name] = opts.by == "gate" ? use.gate : use.count;
  return result;
}

double Sum(const std::vector<double> &v) { return std::accumulate(v.begin(), v.end(), 0.0); }

std::vector<int64_t> ParseExperts(const std::string &text) {
  std::vector<int64_t> experts;
  for (const std::string &part : Split(text, ',')) {
    int64_t e = 0;
    if (!ParseNumber(Trim(part), &e) || e < 0)
      throw UsageError("--keep=", text, ": '", Printable(part), "' is no number of an expert");
    experts.push_back(e);
  }
  std::sort(experts.begin(), experts.end());
  if (std::adjacent_find(experts.begin(), experts.end()) != experts.end())
    throw UsageError("--keep=", text, ": names an expert twice");
  return experts;
}

// How many experts of a mixture stay: at least as many as work on a frame.
int64_t NumKept(const ConvertOptions &opts, const FeedForwardPlace &place,
                const FeedForwardConfig &c, const std::vector<double> &use) {
  if (opts.num_experts > 0) {
    if (opts.num_experts < c.experts_per_frame || opts.num_experts > c.num_experts) {
      throw UsageError("--num-experts=", opts.num_experts, ": ", place.Name(), " has ",
                       c.num_experts, " experts, ", c.experts_per_frame,
                       " of which work on a frame; so many must stay");
    }
    return opts.num_experts;
  }
  const double least = opts.min_share * Sum(use);
  const int64_t used =
      std::count_if(use.begin(), use.end(), [least](double u) { return u > 0 && u >= least; });
  return std::max<int64_t>(used, c.experts_per_frame);
}

// The experts of each mixture that stay, rising.
std::vector<std::vector<int64_t>> ChooseKept(const Context &ctx, const ConvertOptions &opts,
                                             const ConvertInput &in,
                                             const std::vector<FeedForwardPlace> &places) {
  const ModelConfig &config = in.model->Config();
  std::vector<std::vector<int64_t>> kept;
  if (!opts.keep.empty()) {
    if (in.data != nullptr || opts.num_experts > 0 || opts.min_share > 0) {
      throw UsageError(
          "--keep says which experts stay; leave --feats, --num-experts and "
          "--min-share out");
    }
    const std::vector<int64_t> experts = ParseExperts(opts.keep);
    for (const FeedForwardPlace &p : places) {
      const FeedForwardConfig &c = p.Config(config);
      const auto size = static_cast<int64_t>(experts.size());
      if (size < c.experts_per_frame || experts.back() >= c.num_experts) {
        throw UsageError("--keep=", opts.keep, ": the experts of ", p.Name(), " are 0 to ",
                         c.num_experts - 1, ", and ", c.experts_per_frame,
                         " of them work on a frame");
      }
      kept.push_back(experts);
    }
    return kept;
  }
  if (in.data == nullptr) {
    throw UsageError(
        "--method=prune needs data on which use is counted (--feats, and --tokens for "
        "the decoders), or --keep");
  }
  if ((opts.num_experts > 0) == (opts.min_share > 0)) {
    throw UsageError(
        "--method=prune needs either --num-experts, how many stay in each mixture, or "
        "--min-share, how much use an expert must have");
  }
  const auto use = UseOf(ctx, opts, in, places);
  // The mixtures of one block of both decoders have one configuration, so one number of experts.
  std::map<int32_t, int64_t> most;  // by block
  std::vector<int64_t> counts;
  for (const FeedForwardPlace &p : places) {
    const int64_t n = NumKept(opts, p, p.Config(config), use.at(p.Name()));
    counts.push_back(n);
    if (p.part == FeedForwardPlace::Part::kEncoder) continue;
    int64_t &larger = most[p.block];
    larger = std::max(larger, n);
  }
  for (size_t i = 0; i < places.size(); ++i) {
    const FeedForwardPlace &p = places[i];
    const std::vector<double> &u = use.at(p.Name());
    const bool decoder = p.part != FeedForwardPlace::Part::kEncoder;
    const int64_t n = decoder ? most.at(p.block) : counts[i];
    std::vector<int64_t> order(u.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&u](int64_t a, int64_t b) {
      return u[static_cast<size_t>(a)] > u[static_cast<size_t>(b)];
    });
    order.resize(static_cast<size_t>(n));
    std::sort(order.begin(), order.end());
    double left = 0;
    for (const int64_t e : order) left += u[static_cast<size_t>(e)];
    LOG_INFO << p.Name() << ": " << n << " of " << u.size() << " experts stay, with "
             << 100 * left / Sum(u) << " % of the use";
    kept.push_back(order);
  }
  return kept;
}

}  // namespace

std::unique_ptr<AsrModel> PruneExperts(const Context &ctx, const ConvertOptions &opts,
                                       const ConvertInput &in) {
  ModelConfig config = in.model->Config();
  const std::vector<FeedForwardPlace> places = MixturesAmong(opts, config);
  for (const FeedForwardPlace &p : places) {
    CheckBank(opts, p, p.Config(config), {"full", "shared-plus-routed"});
    RouterRows(opts.method, p, p.Config(config));
  }
  const std::vector<std::vector<int64_t>> kept = ChooseKept(ctx, opts, in, places);
  SpellOutLayers(&config);
  for (size_t i = 0; i < places.size(); ++i)
    places[i].MutableConfig(&config)->num_experts = static_cast<int32_t>(kept[i].size());
  std::unique_ptr<AsrModel> model = Reshaped(in.model, config, 0);
  const TensorsByName from(in.model), to(model.get());
  for (size_t i = 0; i < places.size(); ++i) {
    const std::string name = places[i].Name();
    for (size_t e = 0; e < kept[i].size(); ++e)
      CopyFeedForward(from, Expert(name, kept[i][e]), to, Expert(name, static_cast<int64_t>(e)));
    for (const std::string &rows :
         RouterRows(opts.method, places[i], places[i].Config(in.model->Config())))
      to[name + rows] = TakeRows(from[name + rows], kept[i]);
  }
  return model;
}

std::unique_ptr<AsrModel> MergeExperts(const Context &ctx, const ConvertOptions &opts,
                                       const ConvertInput &in) {
  ModelConfig config = in.model->Config();
  const std::vector<FeedForwardPlace> places = MixturesAmong(opts, config);
  for (const FeedForwardPlace &p : places) {
    const FeedForwardConfig &c = p.Config(config);
    CheckBank(opts, p, c, {"full"});
    RouterRows(opts.method, p, c);
    if (opts.num_experts < 1 || opts.num_experts > c.num_experts) {
      throw UsageError("--num-experts=", opts.num_experts, ": ", p.Name(), " has ", c.num_experts,
                       " experts, of which 1 to ", c.num_experts, " can be left by --method=merge");
    }
  }
  const auto use = UseOf(ctx, opts, in, places);
  SpellOutLayers(&config);
  for (const FeedForwardPlace &p : places) {
    FeedForwardConfig *c = p.MutableConfig(&config);
    c->bank = "tied";
    c->num_shared_experts = opts.num_experts;
  }
  std::unique_ptr<AsrModel> model = Reshaped(in.model, config, 0);
  const TensorsByName from(in.model), to(model.get());
  for (const FeedForwardPlace &p : places) {
    const std::string name = p.Name();
    const FeedForwardConfig &c = p.Config(in.model->Config());
    const Tensor &rows = from[name + RouterRows(opts.method, p, c)[0]];
    const std::vector<int> group_of = GroupAlike(rows, opts.num_experts);
    std::string members;
    for (int g = 0; g < opts.num_experts; ++g) {
      std::vector<std::string> scopes;
      std::vector<double> weights;
      members += g == 0 ? "" : " |";
      for (int e = 0; e < c.num_experts; ++e) {
        if (group_of[static_cast<size_t>(e)] != g) continue;
        scopes.push_back(Expert(name, e));
        weights.push_back(use.empty() ? 1 : use.at(name)[static_cast<size_t>(e)]);
        members += Cat(" ", e);
        to[name + ".expert_map"].Data()[e] =
            TiedBank::MapEntry(c.num_experts, opts.num_experts, e, g);
      }
      WriteExpertMean(ctx, from, scopes, weights, opts.align, to, Expert(name, g));
    }
    LOG_INFO << name << ": experts merged as" << members;
  }
  return model;
}

std::unique_ptr<AsrModel> MixtureToDense(const Context &ctx, const ConvertOptions &opts,
                                         const ConvertInput &in) {
  ModelConfig config = in.model->Config();
  const std::vector<FeedForwardPlace> places = MixturesAmong(opts, config);
  const bool mean = opts.expert == "mean", best = opts.expert == "best";
  int64_t number = -1;
  if (!mean && !best && (!ParseNumber(opts.expert, &number) || number < 0)) {
    throw UsageError("--expert=", Printable(opts.expert),
                     ": expected mean, best or the number of an expert");
  }
  if (best && in.data == nullptr)
    throw UsageError("--expert=best is the one that data use most: give --feats");
  for (const FeedForwardPlace &p : places) {
    const FeedForwardConfig &c = p.Config(config);
    CheckBank(opts, p, c, {"full", "tied"});
    const int64_t n = c.bank == "tied" ? c.num_shared_experts : c.num_experts;
    if (number >= n) {
      throw UsageError("--expert=", number, ": the experts of ", p.Name(), " are 0 to ", n - 1);
    }
  }
  const auto use = UseOf(ctx, opts, in, places);
  SpellOutLayers(&config);
  for (const FeedForwardPlace &p : places) {
    const FeedForwardConfig &mixture = p.Config(in.model->Config());
    FeedForwardConfig dense;
    dense.hidden_dim = mixture.hidden_dim;
    dense.activation = mixture.activation;
    dense.bias = mixture.bias;
    *p.MutableConfig(&config) = dense;
  }
  std::unique_ptr<AsrModel> model = Reshaped(in.model, config, 0);
  const TensorsByName from(in.model), to(model.get());
  for (const FeedForwardPlace &p : places) {
    const FeedForwardConfig &c = p.Config(in.model->Config());
    const std::string name = p.Name();
    const bool tied = c.bank == "tied";
    const int n = tied ? c.num_shared_experts : c.num_experts;
    std::vector<double> weights(static_cast<size_t>(n), use.empty() ? 1 : 0);
    for (int e = 0; !use.empty() && e < c.num_experts; ++e) {
      const int64_t at =
          tied ? TiedBank::ExpertOf(c.num_experts, n, e, from[name + ".expert_map"].Data()[e]) : e;
      weights[static_cast<size_t>(at)] += use.at(name)[static_cast<size_t>(e)];
    }
    if (mean) {
      std::vector<std::string> scopes;
      for (int e = 0; e < n; ++e) scopes.push_back(Expert(name, e));
      WriteExpertMean(ctx, from, scopes, weights, opts.align, to, name);
    } else {
      const int64_t e =
          best ? std::max_element(weights.begin(), weights.end()) - weights.begin() : number;
      CopyFeedForward(from, Expert(name, e), to, name);
      if (best) LOG_INFO << name << ": expert " << e << " is the most used";
    }
  }
  return model;
}

std::unique_ptr<AsrModel> JoinTwoMixtures(const Context &, const ConvertOptions &opts,
                                          const ConvertInput &in) {
  if (opts.part != "all")
    throw UsageError("--method=aoe joins all mixtures of two models; leave --part out");
  ModelConfig config = in.model->Config();
  const std::vector<FeedForwardPlace> places = MixturesAmong(opts, config);
  CheckSameShape(*in.model, *in.other);
  SpellOutLayers(&config);
  for (const FeedForwardPlace &p : places) {
    const FeedForwardConfig &c = p.Config(in.model->Config());
    CheckBank(opts, p, c, {"full", "shared-plus-routed"});
    RouterRows(opts.method, p, c);
    if (RouterTraitsOf(c.router).max_choices < 2 * c.experts_per_frame) {
      throw UsageError("--method=aoe makes twice as many experts work on a frame, but router ",
                       c.router, " of ", p.Name(), " takes at most ",
                       RouterTraitsOf(c.router).max_choices);
    }
    FeedForwardConfig *joined = p.MutableConfig(&config);
    joined->num_experts = 2 * c.num_experts;
    joined->experts_per_frame = 2 * c.experts_per_frame;
  }
  std::unique_ptr<AsrModel> model = Reshaped(in.model, config, 0);
  const TensorsByName a(in.model), b(in.other), to(model.get());
  for (const auto &[name, mean] : to.All()) {
    if (!a.Has(name) || a[name].Shape() != mean->Shape()) continue;
    for (int64_t i = 0; i < mean->Size(); ++i) {
      const double sum = static_cast<double>(a[name].Data()[i]) + b[name].Data()[i];
      mean->Data()[i] = static_cast<float>(sum / 2);
    }
  }
  for (const FeedForwardPlace &p : places) {
    const std::string name = p.Name();
    const FeedForwardConfig &c = p.Config(in.model->Config());
    for (int e = 0; e < c.num_experts; ++e) {
      CopyFeedForward(a, Expert(name, e), to, Expert(name, e));
      CopyFeedForward(b, Expert(name, e), to, Expert(name, c.num_experts + e));
    }
    for (const std::string &rows : RouterRows(opts.method, p, c)) {
      const Tensor &first = a[name + rows], &second = b[name + rows];
      Tensor &both = to[name + rows];
      std::copy_n(first.Data(), first.Size(), both.Data());
      std::copy_n(second.Data(), second.Size(), both.Data() + first.Size());
    }
  }
  return model;
}

}  // namespace u2moe
