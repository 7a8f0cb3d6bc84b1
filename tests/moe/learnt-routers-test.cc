// What is sigmoid-bias', top-p's, expert-choice's and tag-pools' own, and jitter; what all routers
// promise is in battery-test.cc.
#include <cmath>
#include <numeric>

#include "lab/route-stats.h"
#include "moe/battery-random.h"
#include "moe/row-places.h"
#include "ops/noise.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

// Routes of given logits: the router's weight is the unit matrix, its other parameters 0.
class Given {
 public:
  Given(const std::string &name, int num_experts, int num_choices, float threshold = 0.4f,
        float bias_rate = 1e-3f) {
    RouterConfig c;
    c.dim = c.num_experts = num_experts;
    c.num_choices = num_choices;
    c.threshold = threshold;
    c.bias_rate = bias_rate;
    router_ = MakeRouter(name, c, nullptr);
    ForEachParam(router_.get(), [](const std::string &, Tensor *t, const ParamInit &, bool train) {
      t->SetZero();
      for (int64_t i = 0; train && i < t->Rows(); ++i) (*t)(i, i) = 1;
    });
  }
  Routes Of(const Tensor &logits, const RouteCall &call = RouteCall()) const {
    Routes routes;
    router_->Route(Context(), {logits, call}, &routes, nullptr);
    return routes;
  }
  Tensor *Param(const std::string &name) { return FindParam(router_.get(), name); }
  Router *Get() { return router_.get(); }

 private:
  std::unique_ptr<Router> router_;
};

Tensor LogitsOf(const std::vector<std::vector<double>> &probabilities) {
  Tensor t(static_cast<int64_t>(probabilities.size()),
           static_cast<int64_t>(probabilities[0].size()));
  for (int64_t i = 0; i < t.Rows(); ++i) {
    for (int64_t j = 0; j < t.Cols(); ++j) {
      t(i, j) = static_cast<float>(
          std::log(probabilities[static_cast<size_t>(i)][static_cast<size_t>(j)]));
    }
  }
  return t;
}

TEST(SigmoidBias, WithoutBiasTheLargestLogits) {
  Rng rng(1);
  const Tensor logits = RandomTensor(&rng, 50, 6);
  const Routes routes = Given("sigmoid-bias", 6, 3).Of(logits);
  EXPECT_EQ(routes.experts, Given("topk-softmax", 6, 3).Of(logits).experts);
  for (int64_t t = 0; t < 50; ++t) {
    double sum = 0;
    for (size_t i = routes.Begin(t); i < routes.Begin(t + 1); ++i)
      sum += 1 / (1 + std::exp(-static_cast<double>(logits(t, routes.experts[i]))));
    for (size_t i = routes.Begin(t); i < routes.Begin(t + 1); ++i) {
      EXPECT_NEAR(routes.gates[i],
                  1 / (1 + std::exp(-static_cast<double>(logits(t, routes.experts[i])))) / sum,
                  1e-6);
    }
  }
}

// The bias chooses; given what is chosen, gates are the same to the bit.
TEST(SigmoidBias, GatesDoNotKnowTheBias) {
  Rng rng(2);
  const Tensor logits = RandomTensor(&rng, 40, 5);
  Given plain("sigmoid-bias", 5, 2), biased("sigmoid-bias", 5, 2);
  Tensor *b = biased.Param("gate.balance");
  (*b)(0, 3) = 2;  // more than a sigmoid can make up for
  (*b)(0, 1) = -2;
  const Routes routes = biased.Of(logits);
  for (int64_t t = 0; t < 40; ++t) {
    EXPECT_EQ(routes.experts[routes.Begin(t)], 3);
    EXPECT_NE(routes.experts[routes.Begin(t) + 1], 1);
  }
  Routes same = plain.Of(logits);
  same.experts = routes.experts;
  plain.Get()->Gate(0, 40, &same);
  EXPECT_EQ(same.gates, routes.gates);
  for (int e = 0; e < 5; ++e) (*b)(0, e) = 0.25f;  // for all: for none
  EXPECT_EQ(biased.Of(logits).experts, plain.Of(logits).experts);
}

TEST(SigmoidBias, ByHandAndVanishingScores) {
  Tensor logits = Tensor::Zeros(2, 3);
  logits(0, 1) = std::log(3.0f);  // sigmoids 1/2, 3/4, 1/2
  for (int e = 0; e < 3; ++e) logits(1, e) = -1000;
  const Routes routes = Given("sigmoid-bias", 3, 2).Of(logits);
  EXPECT_EQ(routes.experts, (CachedVector<int32_t>{1, 0, 0, 1}));
  EXPECT_NEAR(routes.gates[0], 0.6, 1e-6);
  EXPECT_EQ(routes.gates[2], 0.5f);
  EXPECT_EQ(routes.gates[3], 0.5f);
}

TEST(SigmoidBias, AStepMovesTheBiasTowardsTheMeanLoad) {
  Given given("sigmoid-bias", 4, 1, 0, 0.125f);
  const Tensor &b = *given.Param("gate.balance");
  given.Get()->AfterStep(Context(), std::vector<int64_t>{5, 1, 3, 3});
  given.Get()->AfterStep(Context(), std::vector<int64_t>{3, 1, 4, 5});  // mean 3.25
  const float want[] = {-0.125f + 0.125f, 0.25f, -0.125f, -0.125f};
  for (int e = 0; e < 4; ++e) EXPECT_EQ(b(0, e), want[e]) << e;
  given.Get()->AfterStep(Context(), std::vector<int64_t>{0, 0, 0, 0});  // nothing to even out
  for (int e = 0; e < 4; ++e) EXPECT_EQ(b(0, e), want[e]) << e;
}

// Logits that always prefer the first experts; steps even out what is chosen.
TEST(SigmoidBias, LoadsBecomeEven) {
  Rng rng(3);
  Tensor logits = RandomTensor(&rng, 400, 4);
  for (int64_t t = 0; t < 400; ++t) {
    for (int64_t e = 0; e < 4; ++e) logits(t, e) += static_cast<float>(3 - e);
  }
  Given given("sigmoid-bias", 4, 2, 0, 0.01f);
  const auto counts = [&] {
    RoutedLayer layer;
    layer.routes = given.Of(logits);
    return layer.Counts();
  };
  EXPECT_LT(counts()[3], 40);
  for (int step = 0; step < 200; ++step) given.Get()->AfterStep(Context(), counts());
  for (const int64_t n : counts()) EXPECT_NEAR(static_cast<double>(n), 200, 40);
}

TEST(TopP, ByHand) {
  const Tensor logits = LogitsOf({{.5, .3, .15, .05}, {.1, .1, .1, .7}, {.25, .25, .25, .25}});
  const auto experts = [&](float threshold, int most) {
    return Given("top-p", 4, most, threshold).Of(logits).experts;
  };
  EXPECT_EQ(experts(.45f, 2), (CachedVector<int32_t>{0, -1, 3, -1, 0, 1}));
  EXPECT_EQ(experts(.6f, 4), (CachedVector<int32_t>{0, 1, -1, -1, 3, -1, -1, -1, 0, 1, 2, -1}));
  EXPECT_EQ(experts(.9f, 3), (CachedVector<int32_t>{0, 1, 2, 3, 0, 1, 0, 1, 2}));
  const Routes routes = Given("top-p", 4, 4, .6f).Of(logits);
  EXPECT_NEAR(routes.gates[0], .5 / .8, 1e-6);
  EXPECT_EQ(routes.gates[2], 0);
  EXPECT_EQ(routes.gates[4], 1);
}

TEST(TopP, AllOfTheProbabilityIsTopK) {
  Rng rng(4);
  Tensor logits = RandomTensor(&rng, 60, 8);
  logits(7, 3) = 500;  // the others' probabilities vanish
  const Routes a = Given("top-p", 8, 3, 1).Of(logits), b = Given("topk-softmax", 8, 3).Of(logits);
  EXPECT_EQ(a.experts, b.experts);
  EXPECT_EQ(a.gates, b.gates);
}

// The smallest set, found by trying all; the average rises with the threshold, as statistics say.
TEST(TopP, SmallestSetOfAll) {
  Rng rng(5);
  const Tensor logits = RandomTensor(&rng, 80, 5);
  double before = 0;
  for (const float threshold : {.2f, .4f, .55f, .7f, .85f, .99f}) {
    const Routes routes = Given("top-p", 5, 5, threshold).Of(logits);
    for (int64_t t = 0; t < 80; ++t) {
      double all = 0;
      for (int e = 0; e < 5; ++e) all += std::exp(static_cast<double>(logits(t, e)));
      int smallest = 5;
      for (int set = 1; set < 32; ++set) {
        double sum = 0;
        int size = 0;
        for (int e = 0; e < 5; ++e) {
          if ((set >> e & 1) == 0) continue;
          sum += std::exp(static_cast<double>(logits(t, e))) / all;
          ++size;
        }
        if (sum >= threshold) smallest = std::min(smallest, size);
      }
      EXPECT_EQ(static_cast<int>(routes.NumExperts(t)), smallest) << threshold;
    }
    RouteStats stats(5, 5);
    stats.Add(routes.logits, routes.experts, routes.gates, 0);
    EXPECT_GE(stats.ExpertsPerRow(), before);
    before = stats.ExpertsPerRow();
  }
  EXPECT_GT(before, 4);
}

// Loads are equal, and what each expert has is the best of its sequence.
TEST(ExpertChoice, TheBestRowsOfEachSequence) {
  Rng rng(6);
  const Tensor logits = RandomTensor(&rng, 30, 4);
  const RaggedShape shape = RaggedShape::FromLengths({11, 19});
  RouteCall call;
  call.shape = &shape;
  const Routes routes = Given("expert-choice", 4, 2).Of(logits, call);
  EXPECT_EQ(routes.max_slots, 4);
  const auto p = [&](int64_t t, int e) {
    double all = 0;
    for (int j = 0; j < 4; ++j) all += std::exp(static_cast<double>(logits(t, j)));
    return std::exp(static_cast<double>(logits(t, e))) / all;
  };
  for (int b = 0; b < 2; ++b) {
    const int64_t capacity = b == 0 ? 6 : 10;  // ceil(11 * 2 / 4), ceil(19 * 2 / 4)
    for (int e = 0; e < 4; ++e) {
      double worst = 1, best_other = 0;
      int64_t load = 0;
      for (int64_t t = shape.Begin(b); t < shape.End(b); ++t) {
        bool has = false;
        for (size_t i = routes.Begin(t); i < routes.Begin(t) + routes.NumExperts(t); ++i) {
          if (routes.experts[i] != e) continue;
          has = true;
          EXPECT_NEAR(routes.gates[i], p(t, e), 1e-6);
        }
        load += has;
        if (has) worst = std::min(worst, p(t, e));
        if (!has) best_other = std::max(best_other, p(t, e));
      }
      EXPECT_EQ(load, capacity);
      EXPECT_GT(worst, best_other);
    }
  }
  // A sequence in company is the sequence alone.
  const Routes alone =
      Given("expert-choice", 4, 2).Of(Tensor::Copy(logits.View().RowRange(11, 19)));
  EXPECT_TRUE(std::equal(alone.experts.begin(), alone.experts.end(),
                         routes.experts.begin() + static_cast<std::ptrdiff_t>(routes.Begin(11))));
}

TEST(ExpertChoice, TiesGoToTheEarlierRowAndAllToAll) {
  const Tensor even = Tensor::Zeros(4, 2);
  EXPECT_EQ(Given("expert-choice", 2, 1).Of(even).experts,
            (CachedVector<int32_t>{0, 1, 0, 1, -1, -1, -1, -1}));
  const Routes all = Given("expert-choice", 2, 2).Of(even);
  EXPECT_EQ(all.experts, (CachedVector<int32_t>{0, 1, 0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(all.gates, CachedVector<float>(8, 0.5f));
  EXPECT_EQ(Given("expert-choice", 2, 1).Of(Tensor(0, 2)).experts.size(), 0u);
}

// With one tag the pool is the plain layer, and no other pool gets any gradient.
TEST(TagPools, APoolIsThePlainLayer) {
  const Context ctx;
  Rng rng(7);
  FeedForwardConfig config = Config("tag-pools", "full"), plain = Config("topk-softmax", "full");
  config.num_experts = 6;
  config.balance_weight = plain.balance_weight = 0.5f;
  plain.num_experts = 3;
  MixtureStack pools = RandomStack(&rng, config, 1), one(kDim, plain, 1);
  const std::string experts = "layers.0.experts.";
  ForEachParam(&one, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (name.compare(0, experts.size(), experts) == 0) {
      const int e = name[experts.size()] - '0' + 3;
      *t = *FindParam(&pools, Cat(experts, e, name.substr(experts.size() + 1)));
    } else {
      const Tensor &all = *FindParam(&pools, name);
      *t = Tensor::Copy(all.View().RowRange(3, 3));
    }
  });
  MixtureStack pools_grad(kDim, config, 1), one_grad(kDim, plain, 1);
  FillParams(0, &pools_grad);
  FillParams(0, &one_grad);
  const std::vector<SequenceFacts> facts = {{0, 0, true, 1}};
  RouteCall call;
  call.sequences = facts;
  Tensor y = RandomTensor(&rng, 9, kDim), dy = RandomTensor(&rng, 9, kDim), z = y, dz = dy;
  const auto run = [&](const MixtureStack &stack, Tensor *x, Tensor *dx, MixtureStack *grad) {
    RoutingState routing;
    MixtureStack::Tape tape;
    stack.Forward(ctx, call, x, &tape, &routing);
    const double loss = ComputeAuxLosses(ctx, 1, &routing)[0].sum;
    stack.Backward(ctx, tape, routing, dx, grad);
    return loss;
  };
  const double loss = run(pools, &y, &dy, &pools_grad), want = run(one, &z, &dz, &one_grad);
  EXPECT_EQ(MaxAbsDiff(y, z), 0);
  EXPECT_NEAR(loss, 2 * want, 1e-5);  // E is that of all pools
  ForEachParam(&pools_grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    const bool expert = name.compare(0, experts.size(), experts) == 0;
    if (expert && name[experts.size()] < '3') {
      for (int64_t i = 0; i < t->Size(); ++i) EXPECT_EQ(t->Data()[i], 0) << name;
    }
    for (int64_t i = 0; !expert && i < 3 * kDim; ++i) EXPECT_EQ(t->Data()[i], 0) << name;
    if (!expert) {
      EXPECT_GT(std::fabs((*t)(4, 1)), 0);
    }
  });
  ForEachParam(&one_grad, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    if (name.compare(0, experts.size(), experts) != 0) return;
    const int e = name[experts.size()] - '0' + 3;
    EXPECT_LT(
        MaxAbsDiff(*t, *FindParam(&pools_grad, Cat(experts, e, name.substr(experts.size() + 1)))),
        1e-6)
        << name;
  });
}

TEST(TagPools, WithoutATagNothingGoes) {
  RouterConfig c;
  c.dim = c.num_experts = 4;
  c.num_choices = c.num_pools = 2;
  const std::unique_ptr<Router> router = MakeRouter("tag-pools", c, nullptr);
  FillParams(1, router.get());
  Routes routes;
  const Tensor x = Tensor::Zeros(3, 4);
  const auto error = [&](int32_t tag) {
    return ErrorOf([&] {
      const std::vector<SequenceFacts> facts = {{0, 0, false, tag}};
      RouteCall call;
      call.sequences = facts;
      call.part = "encoder";
      call.mixture = 3;
      router->Route(Context(), {x, call}, &routes, nullptr);
    });
  };
  EXPECT_HAS(error(-1), "encoder.encoders.1.feed_forward has pools of experts by tag");
  EXPECT_HAS(error(-1), "no tag of the utterance is known; nnet-train, nnet-forward and");
  EXPECT_HAS(error(2), "none for tag number 2");
  EXPECT_EQ(error(1), "(no error)");
  EXPECT_EQ(routes.experts, (CachedVector<int32_t>{2, 3, 2, 3, 2, 3}));
  c.num_pools = 3;
  EXPECT_HAS(ErrorOf([&] { MakeRouter("tag-pools", c, nullptr); }), "cannot make 3 pools of 4");
}

// The router sees rows times the op's uniform numbers, in training only, by utterance and place.
TEST(Jitter, TheRouterSeesOtherRows) {
  const Context ctx;
  Rng rng(8);
  FeedForwardConfig config = Config("topk-softmax", "full"), still = config;
  config.router_jitter = 0.3f;
  MixtureStack stack = RandomStack(&rng, config, 1), same(kDim, still, 1);
  ForEachParam(&same, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    *t = *FindParam(&stack, name);
  });
  const Tensor start = RandomTensor(&rng, 8, kDim);
  const auto logits = [&](const MixtureStack &mixtures, const Tensor &rows,
                          const std::vector<int64_t> &lengths,
                          const std::vector<SequenceFacts> &facts) {
    const RaggedShape shape = RaggedShape::FromLengths(lengths);
    RouteCall call;
    call.shape = &shape;
    call.sequences = facts;
    Tensor x = rows;
    return u2moe::Run(mixtures, call, &x).layers[0].routes.logits;
  };
  const Tensor plain = logits(same, start, {8}, {{1, 0, true}});
  EXPECT_EQ(MaxAbsDiff(logits(stack, start, {8}, {{1, 0, false}}), plain), 0);
  const Tensor moved = logits(stack, start, {3, 5}, {{1, 0, true}, {2, 0, true}});
  EXPECT_GT(MaxAbsDiff(moved, plain), 0.01);
  // Each number of a row was multiplied by at most 1.3 and at least 0.7.
  const Tensor &w = *FindParam(&stack, "layers.0.gate.weight");
  for (int64_t t = 0; t < 8; ++t) {
    for (int64_t e = 0; e < 4; ++e) {
      double most = 0;
      for (int64_t d = 0; d < kDim; ++d) most += 0.3 * std::fabs(w(e, d) * start(t, d));
      EXPECT_LE(std::fabs(moved(t, e) - plain(t, e)), most + 1e-5);
    }
  }
  const Tensor half = logits(stack, Tensor::Copy(start.View().RowRange(5, 3)), {3}, {{2, 2, true}});
  EXPECT_LT(MaxAbsDiff(half, moved.View().RowRange(5, 3)), 1e-6);
  EXPECT_GT(MaxAbsDiff(logits(stack, start, {8}, {{9, 0, true}}),
                       logits(stack, start, {8}, {{1, 0, true}})),
            0.01);
}

// Gradients of all parameters and of the rows go through what the router saw.
TEST(Jitter, Gradients) {
  const Context ctx;
  Rng rng(9);
  FeedForwardConfig config = Config("topk-softmax", "full");
  config.router_jitter = 0.4f;
  MixtureStack stack = RandomStack(&rng, config, 1), grad(kDim, config, 1);
  FillParams(kGradStart, &grad);
  const RaggedShape shape = RaggedShape::FromLengths({2, 3});
  const std::vector<SequenceFacts> facts = {{5, 0, true}, {6, 0, true}};
  RouteCall call;
  call.shape = &shape;
  call.sequences = facts;
  const Tensor start = RandomTensor(&rng, 5, kDim), upstream = RandomTensor(&rng, 5, kDim);
  Tensor y = start, dx = upstream;
  RoutingState routing;
  MixtureStack::Tape tape;
  stack.Forward(ctx, call, &y, &tape, &routing);
  stack.Backward(ctx, tape, routing, &dx, &grad);
  // What a row of ones becomes is what each row is multiplied by.
  RefMatrix factors(5, kDim);
  for (int b = 0; b < 2; ++b) {
    const SequenceFacts &f = facts[static_cast<size_t>(b)];
    const CachedVector<uint64_t> seeds =
        RowSeeds(call, SubSeed(f.seed, 0x6a697474), shape.Begin(b), shape.End(b), f);
    Tensor ones(shape.Length(b), kDim);
    std::fill_n(ones.Data(), ones.Size(), 1.0f);
    MultiplyByUniform(ctx, seeds, 0.4f, ones);
    for (int64_t t = 0; t < ones.Rows(); ++t) {
      for (int64_t d = 0; d < kDim; ++d) factors(shape.Begin(b) + t, d) = ones(t, d);
    }
  }
  RefParams params = ParamsOf(&stack);
  RefMatrix x(start);
  const std::vector<int32_t> experts = ExpertsOf(routing.layers[0]);
  const auto forward = [&] {
    RefMatrix seen = x;
    for (size_t i = 0; i < seen.data.size(); ++i) seen.data[i] *= factors.data[i];
    const RefMatrix gates = ref::Gates(ref::Linear(params, "layers.0.gate.", seen), experts, true);
    RefMatrix out = x;
    for (int32_t e = 0; e < 4; ++e) {
      if (std::count(experts.begin(), experts.end(), e) == 0) continue;
      const RefMatrix made = ref::FeedForward(params, Cat("layers.0.experts.", e, "."),
                                              config.activation, x, RefMatrix());
      for (int64_t t = 0; t < 5; ++t) {
        for (int64_t d = 0; d < kDim; ++d) out(t, d) += gates(t, e) * made(t, d);
      }
    }
    return out;
  };
  EXPECT_LT(MaxAbsDiff(y, forward()), 1e-5);
  const auto loss = [&] { return ref::Dot(RefMatrix(upstream), forward()); };
  EXPECT_LT(GradientError(loss, &x, dx), 5e-4);
  ExpectParamGradients(&grad, &params, loss, 1e-3);
}

}  // namespace
}  // namespace u2moe
