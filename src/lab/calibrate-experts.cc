#include "lab/calibrate-experts.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "base/error.h"
#include "lab/route-report.h"
#include "moe/router-registry.h"
#include "pipeline/encoder-stream.h"
#include "util/options.h"

namespace u2moe {
namespace {

// A mixture's rows in falling order of gate. Only between different gates there can be a threshold.
struct Curve {
  std::vector<float> gates;
  std::vector<double> costs;  // [N+1] sums of the first n rows
  std::vector<size_t> stops;  // numbers of rows that a threshold can skip, rising, 0 to N
  std::vector<size_t> hull;   // those of them on the lower convex hull of costs

  explicit Curve(std::vector<SkipCandidate> rows) : costs{0} {
    std::stable_sort(rows.begin(), rows.end(), [](const SkipCandidate &a, const SkipCandidate &b) {
      return a.gate > b.gate;
    });
    for (const SkipCandidate &row : rows) {
      if (!gates.empty() && row.gate != gates.back()) stops.push_back(gates.size());
      gates.push_back(row.gate);
      costs.push_back(costs.back() + row.cost);
    }
    stops.insert(stops.begin(), 0);
    if (!rows.empty()) stops.push_back(rows.size());
    for (const size_t n : stops) {
      while (hull.size() > 1 && Slope(hull[hull.size() - 2], hull.back()) >= Slope(hull.back(), n))
        hull.pop_back();
      hull.push_back(n);
    }
  }
  double Slope(size_t a, size_t b) const {
    return (costs[b] - costs[a]) / static_cast<double>(b - a);
  }
  // The stop nearest to n; of two, the lower.
  size_t Nearest(double n) const {
    size_t best = 0;
    for (const size_t stop : stops) {
      const auto distance = [n](size_t s) { return std::abs(static_cast<double>(s) - n); };
      if (distance(stop) < distance(best)) best = stop;
    }
    return best;
  }
  SkipThreshold At(size_t n) const {
    SkipThreshold t;
    if (n == 0) return t;
    t.gate = gates[n - 1];
    if (n < gates.size()) {  // halfway to the next, for data not seen
      const float middle = gates[n] + (gates[n - 1] - gates[n]) / 2;
      if (middle > gates[n]) t.gate = middle;
    }
    t.share = static_cast<double>(n) / static_cast<double>(gates.size());
    if (costs.back() > 0) t.cost = costs[n] / costs.back();
    return t;
  }
};

// How many rows of each curve to skip so that they are about `wanted` in all.
std::vector<size_t> LeastCost(const std::vector<Curve> &curves, double wanted) {
  struct Step {
    double slope;
    size_t curve, from, to;
  };
  std::vector<Step> steps;
  for (size_t c = 0; c < curves.size(); ++c) {
    const std::vector<size_t> &hull = curves[c].hull;
    for (size_t i = 1; i < hull.size(); ++i)
      steps.push_back({curves[c].Slope(hull[i - 1], hull[i]), c, hull[i - 1], hull[i]});
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step &a, const Step &b) { return a.slope < b.slope; });
  std::vector<size_t> skipped(curves.size(), 0);
  for (const Step &s : steps) {
    const double size = static_cast<double>(s.to - s.from);
    if (size <= wanted) {
      skipped[s.curve] = s.to;
      wanted -= size;
      continue;
    }
    skipped[s.curve] = curves[s.curve].Nearest(static_cast<double>(s.from) + wanted);
    break;
  }
  return skipped;
}

std::vector<SkipThreshold> Thresholds(const std::vector<Curve> &curves,
                                      const std::vector<size_t> &skipped) {
  std::vector<SkipThreshold> thresholds;
  for (size_t c = 0; c < curves.size(); ++c) thresholds.push_back(curves[c].At(skipped[c]));
  return thresholds;
}

void Append(const std::vector<RouteRecorder::Decision> &decisions,
            std::vector<std::vector<SkipCandidate>> *mixtures) {
  mixtures->resize(std::max(mixtures->size(), decisions.size()));
  for (size_t m = 0; m < decisions.size(); ++m) {
    const RouteRecorder::Decision &d = decisions[m];
    const size_t k = d.experts.size() / std::max<size_t>(1, d.skip_cost.size());
    if (k < 2) continue;  // no second expert: nothing can be skipped, and nothing be counted
    for (size_t t = 0; t < d.skip_cost.size(); ++t)
      (*mixtures)[m].push_back({d.gates[t * k], d.skip_cost[t]});
  }
}

}  // namespace

void CalibrateOptions::Register(OptionParser *po) {
  po->Register("skip", &skip,
               "share of all rows (frames of the encoder, tokens of a decoder) whose second expert "
               "shall be skipped");
  po->Register("criterion", &criterion,
               "how thresholds are chosen. change: the sum of squared changes of the mixtures' "
               "outputs is small; quantile: the same share in each mixture; gate: the same "
               "threshold for each");
}

void CalibrateOptions::Check() const {
  if (!(skip >= 0 && skip <= 1)) throw UsageError("--skip=", skip, ": must be from 0 to 1");
  Criterion();
}

SkipCriterion CalibrateOptions::Criterion() const {
  if (criterion == "change") return SkipCriterion::kChange;
  if (criterion == "quantile") return SkipCriterion::kQuantile;
  if (criterion == "gate") return SkipCriterion::kGate;
  throw UsageError("--criterion=", criterion, ": expected change, quantile or gate");
}

std::vector<SkipThreshold> ChooseSkipThresholds(
    SkipCriterion criterion, double skip, const std::vector<std::vector<SkipCandidate>> &mixtures) {
  std::vector<Curve> curves;
  std::vector<SkipCandidate> pooled;
  double num_rows = 0;
  for (const auto &rows : mixtures) {
    curves.emplace_back(rows);
    num_rows += static_cast<double>(rows.size());
    if (criterion == SkipCriterion::kGate) pooled.insert(pooled.end(), rows.begin(), rows.end());
  }
  if (criterion == SkipCriterion::kChange)
    return Thresholds(curves, LeastCost(curves, skip * num_rows));
  std::vector<size_t> skipped;
  const Curve all(std::move(pooled));
  const float gate = all.At(all.Nearest(skip * num_rows)).gate;
  for (const Curve &c : curves) {
    const auto first_below =
        std::find_if(c.gates.begin(), c.gates.end(), [gate](float g) { return g < gate; });
    skipped.push_back(criterion == SkipCriterion::kGate
                          ? static_cast<size_t>(first_below - c.gates.begin())
                          : c.Nearest(skip * static_cast<double>(c.gates.size())));
  }
  std::vector<SkipThreshold> thresholds = Thresholds(curves, skipped);
  for (SkipThreshold &t : thresholds) {
    if (criterion == SkipCriterion::kGate) t.gate = gate;
  }
  return thresholds;
}

ExpertCalibrator::ExpertCalibrator(const AsrModel &model) : model_(model) {
  CHECK(model.Policy().IsPlain());
  bool has_second = false;
  model.Config().ForEachMixture([&](const FeedForwardConfig &ffn) {
    has_second |= ffn.experts_per_frame > 1;
    const RouterTraits &traits = RouterTraitsOf(ffn.router);
    if (traits.merges) {
      throw UsageError("the model has mixtures of router ", ffn.router,
                       ", which averages its experts: there is no second one to skip");
    }
    if (!traits.learns && ffn.experts_per_frame > 1) {
      throw UsageError("the model has mixtures of router ", ffn.router,
                       ", whose gates are all alike, so that there are no thresholds to be found "
                       "for them");
    }
    // What is skipped is found by gates, and its cost by what they weigh.
    if (ffn.bank == "neuron-groups") {
      throw UsageError(
          "the model has mixtures of neuron-groups, whose gates weigh nothing, so there "
          "are no thresholds to be found for them");
    }
  });
  if (has_second) return;
  throw UsageError("the model has no mixture with a second expert per frame, so none to skip");
}

void ExpertCalibrator::AddUtterance(const Context &ctx, ConstView feats, const AttentionMask &mask,
                                    const std::vector<int32_t> *tokens) {
  const UtteranceRoutes routes = RouteUtterance(ctx, model_, feats, mask, tokens, true);
  for (const auto *part : {&routes.encoder, &routes.left, &routes.right}) {
    for (const RouteRecorder::Decision &d : *part) {
      // One such row would be more than all others of all utterances.
      if (!std::all_of(d.skip_cost.begin(), d.skip_cost.end(),
                       [](double cost) { return std::isfinite(cost); })) {
        throw DataError("the experts' outputs are not finite; look at the features and the model");
      }
    }
  }
  Append(routes.encoder, &encoder_);
  Append(routes.left, &left_);
  Append(routes.right, &right_);
}

void ExpertCalibrator::Calibrate(const CalibrateOptions &opts, ExpertPolicy *policy,
                                 std::ostream &table) const {
  const ModelConfig &c = model_.Config();
  const auto part = [&](const std::vector<std::vector<SkipCandidate>> &mixtures,
                        const std::vector<std::string> &names, std::vector<float> *gates) {
    if (mixtures.empty()) return;
    gates->clear();
    const std::vector<SkipThreshold> chosen =
        ChooseSkipThresholds(opts.Criterion(), opts.skip, mixtures);
    for (size_t m = 0; m < chosen.size(); ++m) {
      char line[96];
      std::snprintf(line, sizeof line, "threshold %.4f  skipped %5.1f %%  change %5.1f %%",
                    chosen[m].gate, 100 * chosen[m].share, 100 * chosen[m].cost);
      table << names[m] << "  " << line << "  rows " << mixtures[m].size() << "\n";
      gates->push_back(chosen[m].gate);
    }
  };
  part(encoder_, EncoderMixtureNames(c), &policy->encoder_skip);
  part(left_, DecoderMixtureNames(c, false), &policy->left_skip);
  part(right_, DecoderMixtureNames(c, true), &policy->right_skip);
}

}  // namespace u2moe
