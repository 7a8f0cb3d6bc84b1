#include "moe/capacity.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "moe/aux-loss.h"
#include "moe/battery-random.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

constexpr int kExperts = 4;

// A router whose logits are the rows.
std::unique_ptr<Router> Unit(int num_choices) {
  RouterConfig c;
  c.dim = c.num_experts = kExperts;
  c.num_choices = num_choices;
  std::unique_ptr<Router> router = MakeRouter("topk-softmax", c, nullptr);
  ForEachParam(router.get(), [](const std::string &, Tensor *t, const ParamInit &, bool) {
    t->SetZero();
    for (int64_t i = 0; i < t->Rows(); ++i) (*t)(i, i) = 1;
  });
  return router;
}

struct Case {
  Tensor logits;
  std::vector<int64_t> lengths;
  int num_choices;
  uint64_t seed = 1;
  bool training = true;
  RouteSink *sink = nullptr;
  bool asked = false;
};

Routes Limited(const Case &c, const Capacity *capacity) {
  const RaggedShape shape = RaggedShape::FromLengths(c.lengths);
  std::vector<SequenceFacts> facts;
  for (size_t b = 0; b < c.lengths.size(); ++b) facts.push_back({c.seed + b, 0, c.training});
  RouteCall call(c.sink);
  call.shape = &shape;
  call.sequences = facts;
  call.capacity = c.asked;
  const std::unique_ptr<Router> router = Unit(c.num_choices);
  Routes routes;
  router->Route(Context(), {c.logits, call}, &routes, nullptr);
  if (capacity != nullptr) capacity->Apply(call, *router, &routes);
  return routes;
}

// The rows of an expert.
std::set<int64_t> RowsOf(const Routes &routes, int32_t expert) {
  std::set<int64_t> rows;
  for (size_t i = 0; i < routes.experts.size(); ++i) {
    if (routes.experts[i] == expert) rows.insert(static_cast<int64_t>(i) / routes.max_slots);
  }
  return rows;
}

TEST(Capacity, OfAnExpert) {
  EXPECT_EQ(Capacity(1, "first").RowsOf(10, 2, 4), 5);
  EXPECT_EQ(Capacity(1, "first").RowsOf(11, 2, 4), 6);
  EXPECT_EQ(Capacity(1.1f, "first").RowsOf(10, 1, 1), 11);  // not 12
  EXPECT_EQ(Capacity(1.25f, "first").RowsOf(8, 1, 4), 3);
  EXPECT_EQ(Capacity(0.1f, "first").RowsOf(3, 1, 4), 1);
}

TEST(Capacity, EnoughIsNone) {
  Rng rng(1);
  for (const char *order : {"first", "random", "priority"}) {
    const Capacity capacity(2, order);  // C = 2 * 30 * 2 / 4 >= T
    const Case c = {RandomTensor(&rng, 30, kExperts), {12, 18}, 2};
    const Routes limited = Limited(c, &capacity), all = Limited(c, nullptr);
    EXPECT_EQ(limited.experts, all.experts);
    EXPECT_EQ(limited.gates, all.gates);
  }
}

// Never in streams and inference, unless it is asked for; not in token trees.
TEST(Capacity, InTrainingOrWhereAsked) {
  Rng rng(2);
  const Capacity capacity(0.5f, "first");
  Case c = {RandomTensor(&rng, 30, kExperts), {30}, 2};
  EXPECT_NE(Limited(c, &capacity).experts, Limited(c, nullptr).experts);
  c.training = false;
  EXPECT_EQ(Limited(c, &capacity).experts, Limited(c, nullptr).experts);
  c.asked = true;
  const Routes asked = Limited(c, &capacity);
  EXPECT_NE(asked.experts, Limited(c, nullptr).experts);
  c.training = true;
  EXPECT_EQ(Limited(c, &capacity).experts, asked.experts);
  const std::vector<int32_t> depths(30, 1);
  RouteCall tree;
  tree.depths = depths;
  tree.capacity = true;
  const std::unique_ptr<Router> router = Unit(2);
  Routes routes;
  router->Route(Context(), {c.logits, tree}, &routes, nullptr);
  capacity.Apply(tree, *router, &routes);
  EXPECT_EQ(routes.experts, Limited(c, nullptr).experts);
}

// First choices in order, then second ones; what is left moves up with the router's own gates.
TEST(Capacity, ByHand) {
  Tensor logits = Tensor::Zeros(4, kExperts);
  const float rows[4][4] = {{3, 2, 0, 0}, {2, 3, 0, 0}, {3, 0, 2, 0}, {3, 0, 0, 2}};
  for (int64_t t = 0; t < 4; ++t) std::copy_n(rows[t], 4, logits.View().Row(t));
  const Capacity capacity(1, "first");  // C = 2
  const Routes r = Limited({logits, {4}, 2}, &capacity);
  // Expert 0: rows 0 and 2 as first choice; row 3 and the second choice of row 1 are too late.
  EXPECT_EQ(r.experts, (CachedVector<int32_t>{0, 1, 1, -1, 0, 2, 3, -1}));
  EXPECT_NEAR(r.gates[0], 1 / (1 + std::exp(-1.)), 1e-6);
  EXPECT_EQ(r.gates[2], 1);
  EXPECT_EQ(r.gates[3], 0);
  EXPECT_EQ(r.gates[6], 1);
  const Routes alone = Limited({logits, {4}, 1}, &capacity);  // C = 1
  EXPECT_EQ(alone.experts, (CachedVector<int32_t>{0, 1, -1, -1}));
  EXPECT_EQ(alone.gates, (CachedVector<float>{1, 1, 0, 0}));
}

// Random token selection: as many as fit, each as likely as the others, the same for a seed.
TEST(Capacity, RandomTokenSelection) {
  Tensor logits = Tensor::Zeros(12, kExperts);
  for (int64_t t = 0; t < 12; ++t) logits(t, t < 9 ? 2 : 1) = 1;
  const Capacity capacity(4.0f / 3, "random");  // C = 4
  std::vector<int64_t> kept(9, 0);
  const int64_t seeds = 3000;
  for (int64_t s = 0; s < seeds; ++s) {
    Case c = {logits, {12}, 1, static_cast<uint64_t>(s)};
    const Routes routes = Limited(c, &capacity);
    const std::set<int64_t> rows = RowsOf(routes, 2);
    EXPECT_EQ(rows.size(), 4u);
    EXPECT_EQ(RowsOf(routes, 1).size(), 3u);
    for (const int64_t t : rows) ++kept[static_cast<size_t>(t)];
    if (s < 5) {
      EXPECT_EQ(Limited(c, &capacity).experts, routes.experts);
    }
  }
  // Inclusions of one draw are dependent: their statistic is (n - 1) / (n - C) of a chi-square of
  // n - 1 degrees of freedom.
  const double even = static_cast<double>(seeds) * 4 / 9;
  double sum = 0;
  for (const int64_t n : kept)
    sum += (static_cast<double>(n) - even) * (static_cast<double>(n) - even) / even;
  EXPECT_LT(sum * 8 / 5, 26.1);  // 0.1 % of 8 degrees of freedom
}

// Batch priority routing: the rows whose best probability is largest.
TEST(Capacity, PriorityKeepsTheBest) {
  Rng rng(3);
  Case c = {RandomTensor(&rng, 40, kExperts), {16, 24}, 1};
  const Capacity capacity(0.5f, "priority");  // C = 2 and 3
  const Routes all = Limited(c, nullptr), limited = Limited(c, &capacity);
  const auto p = [&](int64_t t) {
    double best = 0, sum = 0;
    for (int e = 0; e < kExperts; ++e) {
      sum += std::exp(static_cast<double>(c.logits(t, e)));
      best = std::max(best, std::exp(static_cast<double>(c.logits(t, e))));
    }
    return best / sum;
  };
  for (int32_t e = 0; e < kExperts; ++e) {
    for (const int64_t begin : {int64_t{0}, int64_t{16}}) {
      std::vector<std::pair<double, int64_t>> wanted;
      std::set<int64_t> best, kept;
      for (const int64_t t : RowsOf(all, e)) {
        if ((t < 16) == (begin == 0)) wanted.emplace_back(-p(t), t);
      }
      std::sort(wanted.begin(), wanted.end());
      for (size_t i = 0; i < std::min<size_t>(wanted.size(), begin == 0 ? 2 : 3); ++i)
        best.insert(wanted[i].second);
      for (const int64_t t : RowsOf(limited, e)) {
        if ((t < 16) == (begin == 0)) kept.insert(t);
      }
      EXPECT_EQ(kept, best);
    }
  }
}

// First come drops the ends of utterances, random selection drops anywhere; utterances do not see
// one another.
TEST(Capacity, DropsByPosition) {
  class Sink : public RouteSink {
   public:
    void OnRoute(ConstView, Span<int32_t>, Span<float>) override {}
    void OnCapacity(const RaggedShape &shape, Span<int32_t> wanted, Span<int32_t> kept) override {
      drops.Add(shape, wanted, kept);
    }
    CapacityDrops drops;
  };
  Tensor logits = Tensor::Zeros(100, kExperts);
  for (int64_t t = 0; t < 100; ++t) logits(t, 0) = 1;
  Sink first, random;
  const Capacity by_order(2, "first"), by_chance(2, "random");
  Limited({logits, {50, 50}, 1, 1, true, &first}, &by_order);  // C = 25
  EXPECT_DOUBLE_EQ(first.drops.Share(), 0.5);
  for (int part = 0; part < 10; ++part) EXPECT_EQ(first.drops.Share(part), part < 5 ? 0 : 1);
  EXPECT_EQ(first.drops.ToString(),
            "50.0 % (by tenth of the utterance 0.0 0.0 0.0 0.0 0.0 100.0 100.0 100.0 100.0 100.0)");
  CapacityDrops sum;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Sink one;
    Limited({logits, {50, 50}, 1, 2 * seed, true, &one}, &by_chance);
    sum.Add(one.drops);
  }
  EXPECT_DOUBLE_EQ(sum.Share(), 0.5);
  for (int part = 0; part < 10; ++part) EXPECT_NEAR(sum.Share(part), 0.5, 0.08);
  EXPECT_FALSE(CapacityDrops().Any());
  EXPECT_TRUE(sum.Any());
}

// All rows of an utterance choose within its pool, so that this is what they are divided among.
TEST(Capacity, OfAPoolIsThatOfThePlainRouterWithin) {
  Rng rng(9);
  RouterConfig c;
  c.dim = c.num_experts = kExperts;
  c.num_choices = 1;
  c.num_pools = 2;
  const std::unique_ptr<Router> router = MakeRouter("tag-pools", c, nullptr);
  ForEachParam(router.get(), [](const std::string &, Tensor *t, const ParamInit &, bool) {
    t->SetZero();
    for (int64_t i = 0; i < t->Rows(); ++i) (*t)(i, i) = 1;
  });
  const Tensor logits = RandomTensor(&rng, 20, kExperts);
  const RaggedShape shape = RaggedShape::Single(20);
  SequenceFacts facts;
  facts.training = true;
  facts.tag = 1;
  RouteCall call;
  call.shape = &shape;
  call.sequences = Span<SequenceFacts>(&facts, 1);
  Routes all, limited;
  router->Route(Context(), {logits, call}, &all, nullptr);
  limited = all;
  Capacity(2, "first").Apply(call, *router, &limited);  // C = 20
  EXPECT_EQ(limited.experts, all.experts);
  Capacity(1, "first").Apply(call, *router, &limited);  // C = 10
  EXPECT_EQ(RowsOf(limited, 2).size(), std::min<size_t>(10, RowsOf(all, 2).size()));
  EXPECT_EQ(RowsOf(limited, 3).size(), std::min<size_t>(10, RowsOf(all, 3).size()));
}

// A loss on loads sees those that came in vain, too.
TEST(Capacity, LossesAreOfWhatRowsWant) {
  FeedForwardConfig free = Config("topk-softmax", "full"), limited = free;
  free.balance_weight = limited.balance_weight = 1;
  limited.capacity_factor = 0.5f;
  const RaggedShape shape = RaggedShape::Single(12);
  SequenceFacts facts;
  facts.training = true;
  Rng rng(3);
  const Tensor x = RandomTensor(&rng, 12, kDim);
  std::vector<int64_t> wanted, computed;
  std::vector<double> losses;
  for (const FeedForwardConfig &config : {free, limited}) {
    class Sink : public RouteSink {
     public:
      void OnRoute(ConstView, Span<int32_t> experts, Span<float>) override {
        kept = std::count_if(experts.begin(), experts.end(), [](int32_t e) { return e >= 0; });
      }
      int64_t kept = 0;
    } sink;
    Rng weights(4);
    const MixtureStack stack = RandomStack(&weights, config, 1);
    RouteCall call(&sink);
    call.shape = &shape;
    call.sequences = Span<SequenceFacts>(&facts, 1);
    RoutingState routing;
    Tensor y = x;
    stack.Forward(Context(), call, &y, nullptr, &routing);
    const std::vector<int64_t> counts = routing.layers.at(0).Counts();
    wanted.push_back(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
    computed.push_back(sink.kept);
    losses.push_back(ComputeAuxLosses(Context(), 0, &routing).at(0).sum);
  }
  EXPECT_EQ(wanted, (std::vector<int64_t>{24, 24}));
  EXPECT_EQ(computed.at(0), 24);
  EXPECT_LE(computed.at(1), 12);
  EXPECT_EQ(losses.at(0), losses.at(1));
}

TEST(CheckMixture, WhatSingleRoutersRead) {
  const auto check = [&](auto change, const std::string &prefix = "",
                         const std::string &where = "") {
    FeedForwardConfig c;
    c.num_experts = 4;
    change(&c);
    return ErrorOf([&] { CheckMixture(c, where, prefix); });
  };
  using C = FeedForwardConfig;
  EXPECT_HAS(check([](C *c) { c->router_threshold = 0.5f; }),
             "router-threshold=0.5 is not read by router=topk-softmax, only by top-p");
  EXPECT_HAS(check([](C *c) { c->router_bias_rate = 0.5f; }), "only by sigmoid-bias");
  EXPECT_HAS(check([](C *c) { c->router_pools = 2; }), "only by tag-pools");
  EXPECT_HAS(check([](C *c) { c->router = "top-p", c->router_threshold = 0; }),
             "router-threshold=0 is no probability");
  EXPECT_HAS(check([](C *c) { c->router = "sigmoid-bias", c->router_bias_rate = -1; }),
             "router-bias-rate=-1 is not 0 or more");
  EXPECT_HAS(check([](C *c) { c->router = "tag-pools"; }), "router-pools=0 does not divide");
  EXPECT_HAS(check([](C *c) { c->router = "tag-pools", c->router_pools = 3; }), "num-experts=4");
  EXPECT_HAS(check([](C *c) { c->router = "tag-pools", c->router_pools = 4; }),
             "experts-per-frame=2 is more than the 1 experts of a pool");
  EXPECT_EQ(check([](C *c) { c->router = "tag-pools", c->router_pools = 2; }), "(no error)");
  EXPECT_HAS(check([](C *c) { c->router = "tag-pools", c->router_pools = 2; }, "decoder-"),
             "decoder-router=tag-pools: tags");
  EXPECT_EQ(check([](C *c) { c->router = "expert-choice"; }), "(no error)");
  EXPECT_HAS(check([](C *c) { c->router = "expert-choice"; }, "decoder-"),
             "decoder-router=expert-choice: an expert chooses among all tokens");
  EXPECT_HAS(check([](C *c) { c->router = "expert-choice"; }, "", "decoder-layers: block 1: "),
             "block 1: router=expert-choice: an expert chooses");
  EXPECT_HAS(check([](C *c) { c->router_jitter = 1; }), "router-jitter=1 is not in [0, 1)");
  EXPECT_HAS(check([](C *c) { c->router = "position-hash", c->router_jitter = .1f; }),
             "router-jitter=0.1 has no effect");
  const auto read_me = [](C *c) {
    c->router = "read-me", c->experts_per_frame = 1, c->router_jitter = .1f;
  };
  EXPECT_HAS(check(read_me), "router-jitter=0.1 has no effect");
  EXPECT_HAS(check([](C *c) { c->core_gradient = .5f; }),
             "core-gradient=0.5 is not read by bank=full");
  EXPECT_HAS(check([](C *c) { c->core_gradient = 1.5f; }), "core-gradient=1.5 is no share");
  EXPECT_HAS(check([](C *c) { c->capacity_factor = -1; }), "capacity-factor=-1 is not 0");
  EXPECT_HAS(check([](C *c) { c->capacity_order = "last"; }), "there is first, random, priority");
  EXPECT_HAS(check([](C *c) { c->capacity_order = "random"; }), "without capacity-factor");
  EXPECT_HAS(check([](C *c) { c->router = "expert-choice", c->capacity_factor = 1; }),
             "capacity-factor=1 does not go with router=expert-choice");
  EXPECT_HAS(
      check([](C *c) { c->capacity_factor = 1, c->capacity_order = "priority"; }, "decoder-"),
      "decoders take first");
  EXPECT_HAS(check([](C *c) { c->router = "fixed-random", c->z_weight = 1; }),
             "z-weight=1 has no effect with router=fixed-random");
  for (const char *router : {"segment", "smear", "expert-choice"}) {
    const bool merges = std::string(router) != "expert-choice";
    const auto weigh = [&](float C::*weight) {
      return check([&](C *c) {
        c->router = router, c->*weight = 1;
        if (merges) c->experts_per_frame = 1;
      });
    };
    EXPECT_HAS(weigh(&C::balance_weight), Cat("has no effect with router=", router, ", whose"));
    EXPECT_EQ(weigh(&C::importance_weight), "(no error)");
    if (merges) {
      EXPECT_HAS(weigh(&C::load_weight), "load-weight=1 has no effect");
    }
  }
  C dense;
  dense.router_threshold = 0.7f;
  EXPECT_NO_THROW(CheckMixture(dense, "", ""));
}

}  // namespace
}  // namespace u2moe
