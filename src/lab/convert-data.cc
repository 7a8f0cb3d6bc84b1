#include "lab/convert-data.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/rng.h"
#include "lab/route-report.h"
#include "model/mixture-names.h"
#include "modelfile/model-file.h"
#include "ops/activation.h"
#include "ops/elementwise.h"
#include "tensor/gemm.h"

namespace u2moe {
namespace {

using Part = FeedForwardPlace::Part;

void CheckTokens(const std::vector<FeedForwardPlace> &places, const ConvertData &data) {
  if (data.has_tokens) return;
  for (const FeedForwardPlace &p : places) {
    if (p.part == Part::kEncoder) continue;
    throw UsageError(
        "decoders are to be converted by what they do on data: give --tokens, an rspecifier of "
        "token ids that they are fed with, or leave them as they are with --part=encoder");
  }
}

// Calls fn(mixture's name, decision) for what all mixtures of the model decide on the data.
template <class Fn>
void ForEachDecision(const Context &ctx, const AsrModel &model, const ConvertData &data, Fn fn) {
  const ModelConfig &c = model.Config();
  const std::vector<std::string> encoder = EncoderMixtureNames(c),
                                 left = DecoderMixtureNames(c, false),
                                 right = DecoderMixtureNames(c, true);
  int64_t num_utterances = 0;
  data.for_each([&](ConstView feats, const std::vector<int32_t> *tokens) {
    const UtteranceRoutes routes = RouteUtterance(ctx, model, feats, data.mask, tokens, false);
    for (size_t i = 0; i < routes.encoder.size(); ++i) fn(encoder[i], routes.encoder[i]);
    for (size_t i = 0; i < routes.left.size(); ++i) fn(left[i], routes.left[i]);
    for (size_t i = 0; i < routes.right.size(); ++i) fn(right[i], routes.right[i]);
    ++num_utterances;
  });
  if (num_utterances == 0) throw DataError("there are no utterances to convert by");
}

}  // namespace

double ExpertUse::Total() const { return std::accumulate(count.begin(), count.end(), 0.0); }

std::map<std::string, ExpertUse> MeasureExpertUse(const Context &ctx, AsrModel *model,
                                                  const std::vector<FeedForwardPlace> &places,
                                                  const ConvertData &data) {
  CheckTokens(places, data);
  model->SetPolicy(ExpertPolicy());  // the routers' own choices
  std::map<std::string, ExpertUse> use;
  for (const FeedForwardPlace &p : places) {
    const auto num_experts = static_cast<size_t>(p.Config(model->Config()).num_experts);
    use[p.Name()] = {std::vector<double>(num_experts), std::vector<double>(num_experts)};
  }
  ForEachDecision(ctx, *model, data, [&](const std::string &name, const auto &d) {
    const auto it = use.find(name);
    if (it == use.end()) return;
    for (size_t i = 0; i < d.experts.size(); ++i) {
      if (d.experts[i] < 0) continue;
      ++it->second.count[static_cast<size_t>(d.experts[i])];
      it->second.gate[static_cast<size_t>(d.experts[i])] += d.gates[i];
    }
  });
  return use;
}

std::map<std::string, Tensor> FeedForwardInputs(const Context &ctx, AsrModel *model,
                                                const std::vector<FeedForwardPlace> &places,
                                                const ConvertData &data, int64_t max_rows,
                                                uint64_t seed) {
  CheckTokens(places, data);
  // The same network with each layer as the only expert of a mixture whose router chooses among D
  // times this expert and is the identity: its logits are the layer's rows.
  const int64_t dim = model->Config().encoder.model_dim;
  ModelConfig config = model->Config();
  SpellOutLayers(&config);
  for (const FeedForwardPlace &p : places) {
    FeedForwardConfig *c = p.MutableConfig(&config);
    c->router = "topk-softmax";
    c->bank = "tied";
    c->num_shared_experts = c->experts_per_frame = 1;
    c->num_experts = static_cast<int32_t>(dim);
  }
  for (const FeedForwardPlace &p : places) {
    if (p.Config(model->Config()).num_experts == 0) continue;
    throw UsageError(p.Name(),
                     " is a mixture already; this method splits dense layers (choose "
                     "them with --part, or make them dense with --method=to-dense)");
  }
  const std::unique_ptr<AsrModel> probe = Reshaped(model, config, 0);
  const TensorsByName from(model), to(probe.get());
  std::map<std::string, Tensor> inputs;
  struct Seen {
    Rng rng;
    int64_t rows = 0;
  };
  std::map<std::string, Seen> seen;
  for (const FeedForwardPlace &p : places) {
    const std::string name = p.Name();
    CopyFeedForward(from, name, to, name + ".experts.0");
    Tensor &gate = to[name + ".gate.weight"];
    gate.SetZero();
    for (int64_t i = 0; i < dim; ++i) gate(i, i) = 1;
    // All to expert 0, which is where e / D falls.
    seen.emplace(name, Seen{Rng(SubSeed(seed, name))});
  }
  std::map<std::string, std::vector<float>> rows;
  ForEachDecision(ctx, *probe, data, [&](const std::string &name, const auto &d) {
    const auto it = seen.find(name);
    if (it == seen.end()) return;
    std::vector<float> *kept = &rows[name];
    for (int64_t t = 0; t < d.logits.Rows(); ++t) {
      const float *row = d.logits.View().Row(t);
      // A reservoir: each of the rows so far stays with the same probability.
      const int64_t n = it->second.rows++;
      if (n < max_rows) {
        kept->insert(kept->end(), row, row + dim);
      } else if (const int64_t at = it->second.rng.UniformInt(0, n); at < max_rows) {
        std::copy_n(row, dim, kept->begin() + static_cast<std::ptrdiff_t>(at * dim));
      }
    }
  });
  for (const FeedForwardPlace &p : places) {
    const std::vector<float> &kept = rows[p.Name()];
    Tensor x(static_cast<int64_t>(kept.size()) / dim, dim);
    std::copy(kept.begin(), kept.end(), x.Data());
    inputs.emplace(p.Name(), std::move(x));
  }
  return inputs;
}

Tensor HiddenActivity(const Context &ctx, const TensorsByName &tensors, const std::string &layer,
                      Activation f, ConstView x) {
  const Tensor &w = tensors[layer + ".w_1.weight"];
  Tensor activity(x.Rows(), w.Rows());
  Gemm(ctx, 1, x, Trans::kNo, w, Trans::kYes, 0, activity);
  if (tensors.Has(layer + ".w_1.bias")) AddRowVector(ctx, tensors[layer + ".w_1.bias"], activity);
  ActivationForward(ctx, f, activity, activity);
  return activity;
}

}  // namespace u2moe
