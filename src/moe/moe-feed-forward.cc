#include "moe/moe-feed-forward.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "moe/bank-registry.h"
#include "moe/expert-policy.h"
#include "moe/router-registry.h"
#include "moe/row-places.h"
#include "ops/elementwise.h"
#include "ops/noise.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

struct JitteredRows {
  int64_t begin;
  CachedVector<uint64_t> seeds;
};

// Of sequences in training. The seeds are no other noise's.
std::vector<JitteredRows> RowsToJitter(const RouteCall &call, int64_t rows) {
  constexpr uint64_t kJitter = 0x6a697474;
  std::vector<JitteredRows> found;
  ForEachSequence(call, rows, [&](int64_t begin, int64_t end, const SequenceFacts &facts) {
    if (!facts.training) return;
    const uint64_t seed = SubSeed(facts.seed, kJitter);
    found.push_back({begin, RowSeeds(call, seed, begin, end, facts)});
  });
  return found;
}

void Jitter(const Context &ctx, const std::vector<JitteredRows> &rows, float spread, View x) {
  for (const JitteredRows &part : rows) {
    MultiplyByUniform(ctx, ListOnDevice<uint64_t>(ctx, part.seeds), spread,
                      x.RowRange(part.begin, static_cast<int64_t>(part.seeds.size())));
  }
}

struct MoeTape : FeedForwardTape {
  Routes routes;
  DispatchPlan plan;
  MergePlan merge;  // instead, where the router merges
  std::unique_ptr<RouterTape> router;
  std::unique_ptr<BankTape> bank;
  size_t layer = 0;  // in RoutingState::layers, where the forward collected
  // What the router saw where that was not x, and the rows of it [begin, end) that have jitter.
  Tensor jittered;
  std::vector<JitteredRows> jitter;
};

RouterConfig RouterConfigOf(int64_t dim, const FeedForwardConfig &c) {
  RouterConfig r;
  r.dim = dim;
  r.num_experts = c.num_experts;
  r.num_choices = c.experts_per_frame;
  r.state_dim = c.router_dim > 0 ? c.router_dim : std::max<int64_t>(1, dim / 4);
  r.noise = c.router_noise;
  r.threshold = c.router_threshold;
  r.bias_rate = c.router_bias_rate;
  r.num_pools = c.router_pools;
  r.segment = c.router_segment;
  return r;
}

AuxWeights AuxWeightsOf(const FeedForwardConfig &c) {
  AuxWeights w;
  w.balance = c.balance_weight;
  w.z = c.z_weight;
  w.importance = c.importance_weight;
  w.load = c.load_weight;
  w.sparsity = c.sparsity_weight;
  w.mean_importance = c.mean_importance_weight;
  w.topology = c.topology_weight;
  w.entropy = c.entropy_weight;
  return w;
}

}  // namespace

MoeFeedForward::MoeFeedForward(int64_t dim, const FeedForwardConfig &c, float dropout,
                               MixtureShared *shared)
    : router_(MakeRouter(c.router, RouterConfigOf(dim, c), shared)),
      bank_(MakeBank(dim, c, c.expert_dropout > 0 ? c.expert_dropout : dropout)),
      share_(static_cast<double>(c.experts_per_frame) / c.num_experts),
      aux_weights_(AuxWeightsOf(c)),
      capacity_(c.capacity_factor, c.capacity_order),
      jitter_(c.router_jitter) {}

void MoeFeedForward::Forward(const Context &ctx, ConstView x, const LayerOutput &out,
                             std::unique_ptr<FeedForwardTape> *tape, DropoutSeeds *dropout,
                             const RouteCall &call) const {
#if HAVE_CUDA
  if (tape == nullptr && dropout == nullptr && ForwardOnCuda(ctx, x, out, call)) return;
#endif
  std::unique_ptr<MoeTape> own;
  if (tape != nullptr) own = std::make_unique<MoeTape>();
  MoeTape local;
  MoeTape &t = tape != nullptr ? *own : local;
  ConstView seen = x;
  if (jitter_ > 0) t.jitter = RowsToJitter(call, x.Rows());
  if (!t.jitter.empty()) {
    t.jittered = Tensor::Copy(ctx, x);
    Jitter(ctx, t.jitter, jitter_, t.jittered);
    seen = t.jittered;
  }
  router_->Route(ctx, {seen, call}, &t.routes, tape != nullptr ? &t.router : nullptr);
  ApplyExpertPolicy(policy_, call, *router_, &t.routes);
  if (call.state != nullptr && call.state->collect) {
    t.layer = call.state->layers.size();
    RoutedLayer layer;
    layer.mixture = call.mixture;
    layer.routes = t.routes;
    layer.weights = aux_weights_;
    call.state->layers.push_back(std::move(layer));
  }
  capacity_.Apply(call, *router_, &t.routes);
  RouteSink *sink = call.sink;
  if (sink != nullptr) sink->OnRoute(t.routes.logits, t.routes.experts, t.routes.gates);
  const bool wants_cost = sink != nullptr && sink->WantsSkipCost();
  if (router_->Traits().merges) {
    if (wants_cost) {
      throw UsageError("a mixture that merges its experts into one has no second expert to skip");
    }
    t.merge = MakeMergePlan(t.routes, NumExperts());
    bank_->ForwardMerged(ctx, x, t.merge, out, tape != nullptr ? &t.bank : nullptr, dropout);
    if (tape != nullptr) *tape = std::move(own);
    return;
  }
  t.plan = MakeDispatchPlan(t.routes, NumExperts());
  Tensor slot_out;
  bank_->Forward(ctx, x, t.plan, out, tape != nullptr ? &t.bank : nullptr, dropout,
                 wants_cost ? &slot_out : nullptr);
  if (wants_cost) sink->OnSkipCost(SkipCost(*router_, t.routes, t.plan, slot_out));
  if (tape != nullptr) *tape = std::move(own);
}

void MoeFeedForward::Backward(const Context &ctx, ConstView x, const FeedForwardTape &tape,
                              ConstView dy, FeedForward *grad, View dx,
                              RoutingGradients *routing) const {
  const auto &t = dynamic_cast<const MoeTape &>(tape);
  auto *g = &dynamic_cast<MoeFeedForward &>(*grad);
  std::vector<float> dslot_gate, dgates(t.routes.experts.size(), 0);
  if (router_->Traits().merges) {
    // The gradient of a run's weights stands in its first row.
    std::vector<float> dweights;
    bank_->BackwardMerged(ctx, x, t.merge, *t.bank, dy, g->bank_.get(), dx, &dweights);
    for (int64_t run = 0; run < t.merge.NumRuns(); ++run) {
      const int64_t row = t.merge.begin[static_cast<size_t>(run)];
      const size_t begin = t.routes.Begin(row), end = begin + t.routes.NumExperts(row);
      for (size_t i = begin; i < end; ++i) {
        dgates[i] = dweights[static_cast<size_t>(run) * static_cast<size_t>(NumExperts()) +
                             static_cast<size_t>(t.routes.experts[i])];
      }
    }
  } else {
    bank_->Backward(ctx, x, t.plan, *t.bank, dy, g->bank_.get(), dx, &dslot_gate);
    for (size_t s = 0; s < dslot_gate.size(); ++s)
      dgates[static_cast<size_t>(t.plan.slot_choice[s])] = dslot_gate[s];
  }
  ConstView dlogits;
  if (routing != nullptr && routing->state != nullptr)
    dlogits = routing->state->layers.at(t.layer).dlogits;
  if (t.jitter.empty()) {
    router_->Backward(ctx, x, t.routes, t.router.get(), dgates, dlogits, g->router_.get(), dx,
                      routing);
    return;
  }
  Tensor dseen = Tensor::Zeros(ctx, x.Rows(), x.Cols());
  router_->Backward(ctx, t.jittered, t.routes, t.router.get(), dgates, dlogits, g->router_.get(),
                    dseen, routing);
  Jitter(ctx, t.jitter, jitter_, dseen);
  AddTo(ctx, 1, dseen, dx);
}

void MoeFeedForward::VisitParams(ParamVisitor *v) {
  v->In(ParamRole::kRouter, [&] { router_->VisitParams(v); });
  v->In(ParamUse(ParamRole::kExpert, share_), [&] { bank_->VisitParams(v); });
}

}  // namespace u2moe
