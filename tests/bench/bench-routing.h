// How the mixtures of a model with random weights behave in a bench.
#ifndef U2MOE_TESTS_BENCH_BENCH_ROUTING_H_
#define U2MOE_TESTS_BENCH_BENCH_ROUTING_H_

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/random-rows.h"
#include "lab/calibrate-experts.h"
#include "layer/route-sink.h"
#include "model/expert-options.h"
#include "util/options.h"

namespace u2moe {

// The first gates of each router in the order of their calls.
class FirstGates : public RouteSink {
 public:
  void OnRoute(ConstView logits, Span<int32_t>, Span<float> gates) override {
    const size_t rows = static_cast<size_t>(logits.Rows()), k = gates.size() / rows;
    std::vector<SkipCandidate> candidates;
    for (size_t t = 0; t < rows; ++t) candidates.push_back({gates[t * k], 0});
    mixtures.push_back(std::move(candidates));
  }
  std::vector<std::vector<SkipCandidate>> mixtures;
};

// Thresholds that skip the second expert of that share of each mixture's rows, as moe-calibrate
// finds them.
inline std::vector<float> SkipThresholds(const Context &ctx, ConstView feats, const AsrModel &model,
                                         double share) {
  FirstGates sink;
  ForwardMode forward;
  forward.routes = &sink;
  Tensor out;
  RaggedShape shape;
  model.Encoder().Forward(ctx, forward, feats, RaggedShape::Single(feats.Rows()), &out, &shape,
                          nullptr, nullptr);
  std::vector<float> gates;
  for (const SkipThreshold &t :
       ChooseSkipThresholds(SkipCriterion::kQuantile, share, sink.mixtures))
    gates.push_back(t.gate);
  return gates;
}

// The mean logits of each router in the order of their calls.
class MeanLogits : public RouteSink {
 public:
  void OnRoute(ConstView logits, Span<int32_t>, Span<float>) override {
    std::vector<double> mean(static_cast<size_t>(logits.Cols()));
    for (int64_t i = 0; i < logits.Rows(); ++i) {
      for (int64_t e = 0; e < logits.Cols(); ++e)
        mean[static_cast<size_t>(e)] += logits(i, e) / static_cast<double>(logits.Rows());
    }
    means.push_back(std::move(mean));
  }
  std::vector<std::vector<double>> means;
};

// Solves a x = b for a symmetric positive a [n, n] by elimination; b becomes x.
inline void Solve(std::vector<std::vector<double>> a, std::vector<double> *b) {
  const size_t n = b->size();
  for (size_t k = 0; k < n; ++k) {
    for (size_t i = k + 1; i < n; ++i) {
      const double f = a[i][k] / a[k][k];
      for (size_t j = k; j < n; ++j) a[i][j] -= f * a[k][j];
      (*b)[i] -= f * (*b)[k];
    }
  }
  for (size_t k = n; k-- > 0;) {
    for (size_t j = k + 1; j < n; ++j) (*b)[k] -= a[k][j] * (*b)[j];
    (*b)[k] /= a[k][k];
  }
}

// Routers of random weights send nearly all frames to the few experts that the mean of their inputs
// prefers; trained ones do not. This takes the mean logits away through the offset of the norm
// before each router: b += W^T (W W^T)^-1 (-mean), for all blocks at once, some times over.
inline void EvenRouting(const Context &ctx, ConstView feats, AsrModel *model) {
  std::map<std::string, Tensor> gates;    // by the name of the feed-forward
  std::map<std::string, Tensor *> norms;  // offsets by the name of the norm
  ForEachParamOrPacked(
      model, [&](const ParamInfo &info, Tensor *t) { norms[info.name] = t; },
      [&](const ParamInfo &info, Tensor *weight, PackedMatrix *packed) {
        if (info.use.role == ParamRole::kRouter)
          gates[info.name] = packed->Empty() ? *weight : packed->Unpack();
      });
  for (int round = 0; round < 4; ++round) {
    MeanLogits sink;
    ForwardMode forward;
    forward.routes = &sink;
    Tensor out;
    RaggedShape shape;
    model->Encoder().Forward(ctx, forward, feats, RaggedShape::Single(feats.Rows()), &out, &shape,
                             nullptr, nullptr);
    for (size_t call = 0; call < sink.means.size(); ++call) {
      const std::string block = Cat("encoder.encoders.", call / 2, "."),
                        kind = call % 2 == 0 ? "_macaron" : "";
      const Tensor &w = gates.at(block + "feed_forward" + kind + ".gate.weight");
      Tensor *offset = norms.at(block + "norm_ff" + kind + ".bias");
      const size_t n = static_cast<size_t>(w.Rows());
      std::vector<std::vector<double>> gram(n, std::vector<double>(n));
      std::vector<double> x(n);
      for (size_t i = 0; i < n; ++i) {
        x[i] = -sink.means[call][i];
        for (size_t j = 0; j < n; ++j) {
          for (int64_t d = 0; d < w.Cols(); ++d)
            gram[i][j] +=
                static_cast<double>(w(static_cast<int64_t>(i), d)) * w(static_cast<int64_t>(j), d);
        }
      }
      Solve(gram, &x);
      for (size_t i = 0; i < n; ++i) {
        for (int64_t d = 0; d < w.Cols(); ++d)
          offset->Data()[d] += static_cast<float>(x[i]) * w(static_cast<int64_t>(i), d);
      }
    }
  }
}

struct BenchRouting {
  bool even = true;
  double skip = 0;
  ExpertOptions experts;

  void Register(OptionParser *po) {
    po->Register("even-routing", &even,
                 "first move the routers' mean logits to 0, so that all experts get frames");
    po->Register("skip", &skip,
                 "share of the encoder's frames whose second expert is skipped (moe-calibrate)");
    experts.RegisterEncoder(po);
  }
  // Changes routers and policy of a model that is ready for inference. Throws UsageError for what
  // it cannot do.
  void Apply(const Context &ctx, uint64_t seed, AsrModel *model) const {
    if (!(skip >= 0 && skip <= 1)) throw UsageError("--skip=", skip, ": must be from 0 to 1");
    ExpertPolicy policy = experts.Apply(model->Config(), model->Policy());
    if (model->Config().encoder.NumMixtures() == 0) {
      if (skip > 0) throw UsageError("--skip=", skip, ": the model has no experts");
      return;
    }
    Rng rng(seed);
    const Tensor feats = RandomRows(&rng, 1000, model->Encoder().FeatureDim());
    model->SetPolicy(ExpertPolicy());
    if (even) EvenRouting(ctx, feats, model);
    if (skip > 0) policy.encoder_skip = SkipThresholds(ctx, feats, *model, skip);
    model->SetPolicy(policy);
  }
};

}  // namespace u2moe

#endif  // U2MOE_TESTS_BENCH_BENCH_ROUTING_H_
