// Mixtures one upon another, x + mixture(x) each, with what they share and what passes from one to
// the next: as encoder and decoders hold them, without the rest. And the same in double.
#ifndef U2MOE_TESTS_MOE_MIXTURE_STACK_H_
#define U2MOE_TESTS_MOE_MIXTURE_STACK_H_

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "layer/ref/feed-forward.h"
#include "moe/aux-loss.h"
#include "moe/feed-forward-factory.h"
#include "moe/mpo-chain.h"
#include "moe/ref/aux-loss.h"
#include "moe/ref/mpo.h"
#include "moe/ref/router.h"
#include "moe/router-registry.h"
#include "ops/elementwise.h"
#include "support/layer-test.h"

namespace u2moe {

class MixtureStack {
 public:
  struct Tape {
    std::vector<Tensor> x;  // what went into each
    std::vector<std::unique_ptr<FeedForwardTape>> layers;
  };

  MixtureStack(int64_t dim, const FeedForwardConfig &config, int num_layers, float dropout = 0)
      : needs_tags_(RouterTraitsOf(config.router).needs_tags),
        has_embedding_(RouterTraitsOf(config.router).needs_embedding),
        is_decided_(RouterTraitsOf(config.router).decided_before) {
    for (int l = 0; l < num_layers; ++l)
      layers_.push_back(MakeFeedForward(dim, config, dropout, &shared_));
  }
  // *x in place. routing: receives all decisions.
  void Forward(const Context &ctx, RouteCall call, Tensor *x, Tape *tape, RoutingState *routing,
               DropoutSeeds *dropout = nullptr) const {
    if (tape != nullptr) tape->layers.resize(layers_.size());
    *routing = RoutingState();
    routing->collect = true;
    // Something that depends on each row alone.
    if (has_embedding_) routing->embedding = std::make_shared<const Tensor>(*x);
    if (is_decided_) routing->decided = std::make_shared<const Tensor>(*x);  // E = D
    call.state = routing;
    // Who does not speak of tags means the first.
    std::vector<SequenceFacts> tagged(call.sequences.begin(), call.sequences.end());
    if (needs_tags_) {
      if (tagged.empty()) tagged.resize(call.shape == nullptr ? 1 : call.shape->NumSequences());
      for (SequenceFacts &facts : tagged) facts.tag = std::max(facts.tag, 0);
      call.sequences = tagged;
    }
    for (size_t l = 0; l < layers_.size(); ++l) {
      const Tensor in = *x;
      call.mixture = static_cast<int>(l);
      if (tape == nullptr) {
        layers_[l]->Forward(ctx, in, LayerOutput::Add(1, *x), nullptr, dropout, call);
      } else {
        Tensor y(ctx, x->Rows(), x->Cols());
        layers_[l]->Forward(ctx, in, y, &tape->layers[l], dropout, call);
        AddTo(ctx, 1, y, *x);
        tape->x.push_back(in);
      }
    }
  }
  // *dx in place.
  void Backward(const Context &ctx, const Tape &tape, const RoutingState &routing, Tensor *dx,
                MixtureStack *grad) const {
    RoutingGradients gradients;
    gradients.state = &routing;
    for (size_t l = layers_.size(); l-- > 0;) {
      Tensor dn(ctx, dx->Rows(), dx->Cols());
      layers_[l]->Backward(ctx, tape.x[l], *tape.layers[l], *dx, grad->layers_[l].get(), dn,
                           &gradients);
      AddTo(ctx, 1, dn, *dx);
    }
  }
  void SetPolicy(const MixturePolicy &policy) {
    for (auto &layer : layers_) layer->SetPolicy(policy);
  }
  void VisitParams(ParamVisitor *v) {
    for (size_t l = 0; l < layers_.size(); ++l) v->Scope(Cat("layers.", l), layers_[l].get());
    v->Scope("shared", &shared_);
  }
  FeedForward *Layer(size_t l) { return layers_[l].get(); }

 private:
  bool needs_tags_, has_embedding_, is_decided_;
  MixtureShared shared_;
  std::vector<std::unique_ptr<FeedForward>> layers_;
};

// How the tests know a router from outside. Every router has a row in kRefRouters.
struct RefRouter {
  const char *name;
  // scope: of the mixture ("layers.0."); *depth: RoutingState::depth, without rows before the
  // first, or RoutingState::embedding or decided. Null: none beside the offsets.
  RefMatrix (*logits)(const RefParams &params, const std::string &scope, const RefMatrix &x,
                      RefMatrix *depth);
  // The weight whose row e makes the logit of expert e, from "layers.0." on or from "shared." on;
  // null: the experts are not alike.
  const char *expert_rows;
  // Null: softmax gates, over the chosen or over all.
  RefMatrix (*gates)(const RefMatrix &logits, const std::vector<int32_t> &experts) = nullptr;
  // A vector with an entry for each expert, or null.
  const char *expert_entries = nullptr;
};

inline RefMatrix LinearLogits(const RefParams &params, const std::string &scope, const RefMatrix &x,
                              RefMatrix *) {
  return ref::Linear(params, scope + "gate.", x);
}

inline constexpr RefRouter kRefRouters[] = {
    {"topk-softmax", LinearLogits, "layers.0.gate.weight"},
    {"switch", LinearLogits, "layers.0.gate.weight"},
    {"rmoe",
     [](const RefParams &params, const std::string &scope, const RefMatrix &x, RefMatrix *depth) {
       return ref::RmoeLogits(params, scope, "shared.", x, depth);
     },
     "layers.0.gate.out.weight"},
    {"shared-topk",
     [](const RefParams &params, const std::string &, const RefMatrix &x, RefMatrix *) {
       return ref::Linear(params, "shared.gate.", x);
     },
     "shared.gate.weight"},
    {"noisy-topk", LinearLogits, "layers.0.gate.weight"},
    {"sigmoid-bias", LinearLogits, "layers.0.gate.weight", ref::SigmoidGates<double>,
     "layers.0.gate.balance"},
    {"top-p", LinearLogits, "layers.0.gate.weight"},
    {"fixed-random",
     [](const RefParams &params, const std::string &scope, const RefMatrix &x, RefMatrix *) {
       const RefMatrix &w = params.at(scope + "gate.projection");
       RefMatrix logits(x.rows, w.rows);
       for (int64_t t = 0; t < x.rows; ++t) {
         for (int64_t e = 0; e < w.rows; ++e) {
           for (int64_t d = 0; d < x.cols; ++d) logits(t, e) += w(e, d) * x(t, d);
         }
       }
       return logits;
     },
     "layers.0.gate.projection", ref::EqualGates<double>},
    {"uniform-random", nullptr, nullptr, ref::EqualGates<double>},
    {"position-hash", nullptr, nullptr, ref::EqualGates<double>},
    {"expert-choice", LinearLogits, "layers.0.gate.weight"},
    {"tag-pools", LinearLogits, nullptr},
    {"speech-moe",
     [](const RefParams &params, const std::string &scope, const RefMatrix &x,
        RefMatrix *embedding) {
       return ref::Linear(params, scope + "gate.", ref::Joined(*embedding, x));
     },
     "layers.0.gate.weight"},
    {"segment", nullptr, "layers.0.gate.weight"},  // segment-test has the reference
    {"smear", nullptr, "layers.0.gate.weight"},
    {"read-me",
     [](const RefParams &, const std::string &, const RefMatrix &, RefMatrix *decided) {
       return *decided;
     },
     ""},
    {"group-mlp",
     [](const RefParams &params, const std::string &scope, const RefMatrix &x, RefMatrix *) {
       return ref::GroupMlpLogits(params, scope, x);
     },
     "layers.0.gate.out.weight"},
};

inline const RefRouter &RefRouterOf(const std::string &name) {
  for (const RefRouter &r : kRefRouters) {
    if (name == r.name) return r;
  }
  throw Error("the router ", name, " has no row in kRefRouters");
}

inline RefMatrix RefGates(const std::string &name, const RefMatrix &logits,
                          const std::vector<int32_t> &experts) {
  const RefRouter &router = RefRouterOf(name);
  return router.gates != nullptr
             ? router.gates(logits, experts)
             : ref::Gates(logits, experts, RouterTraitsOf(name).gates_sum_to_one);
}

inline std::vector<int32_t> ExpertsOf(const RoutedLayer &layer) {
  return {layer.routes.experts.begin(), layer.routes.experts.end()};
}

// What each layer computes, which a capacity makes less than what RoutedLayer has.
struct ComputedRoutes : RouteSink {
  void OnRoute(ConstView, Span<int32_t> e, Span<float> g) override {
    experts.emplace_back(e.begin(), e.end());
    gates.emplace_back(g.begin(), g.end());
  }
  std::vector<std::vector<int32_t>> experts;
  std::vector<std::vector<float>> gates;
};

// The weights of an expert whose matrices are chains of tensors.
inline void AddMpoWeights(const FeedForwardConfig &config, int64_t dim, const std::string &scope,
                          const std::string &expert, RefParams *params) {
  const MpoShapes shapes =
      ParseMpoShapes(config.mpo_shape, dim, config.hidden_dim, config.mpo_bond);
  for (const std::string matrix : {"w_1", "w_2"}) {
    const MpoShape &shape = matrix == "w_1" ? shapes.w_1 : shapes.w_2;
    std::vector<int64_t> rows, cols;
    std::vector<const RefMatrix *> chain;
    for (size_t k = 0; k < shape.Length(); ++k) {
      rows.push_back(shape.Row(k));
      cols.push_back(shape.Col(k));
      chain.push_back(k == shape.Core()
                          ? &params->at(Cat(scope, "shared_experts.", matrix, ".core"))
                          : &params->at(Cat(scope, expert, ".", matrix, ".mpo.", k)));
    }
    (*params)[Cat(scope, expert, ".", matrix, ".weight")] = ref::ContractMpo(rows, cols, chain);
  }
}

// The stack in double, given which experts each layer took, which its rows wanted (routing), and
// numbers that its logits receive beside (the noise of training).
struct RefStack {
  RefMatrix y;
  std::vector<RefMatrix> logits, gates;
  double aux = 0;  // weighted sum of the losses
};
inline RefStack RefForward(RefParams params, const FeedForwardConfig &config,
                           const ComputedRoutes &computed, const RoutingState &routing,
                           const std::vector<RefMatrix> &offsets, RefMatrix x) {
  const RefRouter &router = RefRouterOf(config.router);
  RefStack result;
  RefMatrix depth;
  if (routing.embedding != nullptr) depth = RefMatrix(*routing.embedding);
  if (routing.decided != nullptr) depth = RefMatrix(*routing.decided);
  for (size_t l = 0; l < routing.layers.size(); ++l) {
    const std::string scope = Cat("layers.", l, ".");
    const std::vector<int32_t> &experts = computed.experts.at(l);
    const std::vector<int32_t> wanted = ExpertsOf(routing.layers[l]);
    RefMatrix logits = router.logits != nullptr ? router.logits(params, scope, x, &depth)
                                                : RefMatrix(x.rows, offsets[l].cols);
    for (size_t i = 0; i < logits.data.size(); ++i) logits.data[i] += offsets[l].data[i];
    RefMatrix gates = RefGates(config.router, logits, experts);
    result.gates.push_back(gates);
    RefMatrix y = x;
    if (config.bank == "neuron-groups") {  // who is chosen has weight 1, and one bias is for all
      for (double &gate : gates.data) gate = gate > 0 ? 1 : 0;
      const RefMatrix &bias = params.at(scope + "output_bias");
      for (size_t i = 0; i < y.data.size(); ++i)
        y.data[i] += bias.data[i % static_cast<size_t>(y.cols)];
    }
    const auto add = [&](const std::string &name, int64_t e) {
      if (config.bank == "mpo") AddMpoWeights(config, x.cols, scope, name, &params);
      const RefMatrix out =
          ref::FeedForward(params, Cat(scope, name, "."), config.activation, x, RefMatrix());
      for (int64_t t = 0; t < x.rows; ++t) {
        for (int64_t d = 0; d < x.cols; ++d) y(t, d) += (e < 0 ? 1 : gates(t, e)) * out(t, d);
      }
    };
    for (int32_t e = 0; e < gates.cols; ++e) {
      if (std::count(experts.begin(), experts.end(), e) > 0) add(Cat("experts.", e), e);
    }
    const int always = config.bank == "shared-plus-routed" ? config.num_shared_experts : 0;
    for (int i = 0; i < always; ++i) add(Cat("shared_experts.", i), -1);
    result.aux +=
        config.balance_weight * ref::BalanceLoss(logits, wanted) +
        config.z_weight * ref::ZLoss(logits, wanted) +
        config.importance_weight * ref::ImportanceLoss(logits, wanted) +
        config.load_weight * ref::LoadLoss(logits, wanted, 1 / static_cast<double>(logits.cols)) +
        config.sparsity_weight * ref::SparsityLoss(logits, wanted) +
        config.mean_importance_weight * ref::MeanImportanceLoss(logits, wanted) +
        config.topology_weight * ref::BalanceLoss(logits, wanted) +
        config.entropy_weight * ref::EntropyLoss(logits, wanted);
    result.logits.push_back(logits);
    x = y;
  }
  result.y = x;
  return result;
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_MOE_MIXTURE_STACK_H_
