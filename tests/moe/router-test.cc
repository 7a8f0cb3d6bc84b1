// The registry, and what is topk-softmax's own; what all routers promise is in battery-test.cc.
#include "moe/router.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "moe/feed-forward-config.h"
#include "moe/router-registry.h"
#include "support/error-test.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

RouterConfig Config(int64_t dim, int num_experts, int num_choices) {
  RouterConfig c;
  c.dim = dim;
  c.num_experts = num_experts;
  c.num_choices = num_choices;
  c.state_dim = 3;
  return c;
}

// Routes of given logits: the router's weight is the unit matrix.
Routes RoutesOf(const std::string &name, const Tensor &logits, int num_choices) {
  const int n = static_cast<int>(logits.Cols());
  const std::unique_ptr<Router> router = MakeRouter(name, Config(n, n, num_choices), nullptr);
  ForEachParam(router.get(), [](const std::string &, Tensor *t, const ParamInit &, bool) {
    t->SetZero();
    for (int64_t i = 0; i < t->Rows(); ++i) (*t)(i, i) = 1;
  });
  Routes routes;
  router->Route(Context(), {logits, RouteCall()}, &routes, nullptr);
  return routes;
}

TEST(RouterRegistry, UnknownNameListsTheKnown) {
  std::string known;
  for (const std::string &name : RouterNames()) known += " " + name;
  EXPECT_EQ(ErrorOf([] { MakeRouter("round-robin", Config(4, 4, 2), nullptr); }),
            "unknown router 'round-robin'; known:" + known);
  EXPECT_EQ(known.find(" topk-softmax switch rmoe shared-topk noisy-topk"), 0u);
}

TEST(TopKSoftmax, FallingOrderAndTiesToTheLowerId) {
  const Tensor logits = [] {
    Tensor t(4, 4);
    const float rows[4][4] = {{1, 3, 3, 0}, {2, 2, 2, 2}, {-1, 5, 7, 5}, {0, -2, -2, -1}};
    for (int64_t i = 0; i < 4; ++i) std::copy_n(rows[i], 4, t.View().Row(i));
    return t;
  }();
  Routes routes = RoutesOf("topk-softmax", logits, 1);
  EXPECT_EQ(routes.experts, (CachedVector<int32_t>{1, 0, 2, 0}));
  EXPECT_EQ(routes.gates, (CachedVector<float>{1, 1, 1, 1}));
  routes = RoutesOf("topk-softmax", logits, 2);
  EXPECT_EQ(routes.experts, (CachedVector<int32_t>{1, 2, 0, 1, 2, 1, 0, 3}));
  EXPECT_EQ(routes.gates[0], .5f);
  EXPECT_NEAR(routes.gates[4], 1 / (1 + std::exp(-2.)), 1e-7);
  routes = RoutesOf("topk-softmax", logits, 3);
  EXPECT_EQ(routes.experts, (CachedVector<int32_t>{1, 2, 0, 0, 1, 2, 2, 1, 3, 0, 3, 1}));
  routes = RoutesOf("topk-softmax", logits, 4);
  EXPECT_EQ(routes.experts,
            (CachedVector<int32_t>{1, 2, 0, 3, 0, 1, 2, 3, 2, 1, 3, 0, 0, 3, 1, 2}));
}

TEST(TopKSoftmax, LargeLogits) {
  Tensor logits(1, 3);
  logits(0, 0) = -3e38f;
  logits(0, 1) = 1e30f;
  logits(0, 2) = 3e38f;
  Routes routes = RoutesOf("topk-softmax", logits, 3);
  EXPECT_EQ(routes.experts, (CachedVector<int32_t>{2, 1, 0}));
  EXPECT_EQ(routes.gates, (CachedVector<float>{1, 0, 0}));
}

// Wherever it stands, also where it would not be chosen.
TEST(TopKSoftmax, RefusesNanAnywhere) {
  for (int64_t at = 0; at < 4; ++at) {
    for (int k = 1; k <= 4; ++k) {
      Tensor logits(2, 4);
      for (int64_t i = 0; i < 8; ++i) logits.Data()[i] = static_cast<float>(i % 3);
      logits(1, at) = std::numeric_limits<float>::quiet_NaN();
      try {
        RoutesOf("topk-softmax", logits, k);
        ADD_FAILURE() << "column " << at << ", " << k << " choices";
      } catch (const DataError &e) {
        EXPECT_NE(std::string(e.what()).find("frame 1"), std::string::npos) << e.what();
      }
    }
  }
}

TEST(TopKSoftmax, NumberOfChoices) {
  const auto make = [](int n) { return MakeRouter("topk-softmax", Config(4, 3, n), nullptr); };
  EXPECT_THROW(make(0), Error);
  EXPECT_THROW(make(4), Error);
}

// By hand: p = softmax(0, log 3, 0) = (1/5, 3/5, 1/5).
TEST(Switch, TheGateIsTheProbability) {
  Tensor logits = Tensor::Zeros(2, 3);
  logits(0, 1) = std::log(3.0f);
  const Routes routes = RoutesOf("switch", logits, 1);
  EXPECT_EQ(routes.experts, (CachedVector<int32_t>{1, 0}));
  EXPECT_NEAR(routes.gates[0], .6, 1e-6);
  EXPECT_NEAR(routes.gates[1], 1 / 3.0, 1e-6);
  EXPECT_HAS(ErrorOf([] { MakeRouter("switch", Config(4, 4, 2), nullptr); }),
             "the router 'switch' chooses at most 1 of the experts for a frame, not 2");
}

TEST(MixtureShared, PartsThatDoNotFitAreRefused) {
  MixtureShared shared;
  MakeRouter("rmoe", Config(4, 5, 2), &shared);
  RouterConfig wide = Config(4, 5, 2);
  wide.state_dim = 7;
  EXPECT_HAS(ErrorOf([&] { MakeRouter("rmoe", wide, &shared); }), "states (rmoe) of 3 and of 7");
  MakeRouter("rmoe", Config(4, 6, 3), &shared);  // another number of experts is its own affair
  MakeRouter("shared-topk", Config(4, 5, 2), &shared);
  EXPECT_HAS(ErrorOf([&] { MakeRouter("shared-topk", Config(4, 6, 2), &shared); }),
             "mixtures of 5 and of 6 experts cannot share a router");
}

TEST(CheckMixture, NamesTheOption) {
  FeedForwardConfig good;
  good.num_experts = 4;
  const auto check = [&](auto change) {
    FeedForwardConfig c = good;
    change(&c);
    return ErrorOf([&] { CheckMixture(c, "layer 3: ", "decoder-"); });
  };
  using Config = FeedForwardConfig;
  EXPECT_EQ(check([](Config *) {}), "(no error)");
  EXPECT_HAS(check([](Config *c) { c->router = "x"; }),
             "layer 3: decoder-router=x is unknown; there is topk");
  EXPECT_HAS(check([](Config *c) { c->bank = "x"; }), "decoder-bank=x is unknown; there is full");
  EXPECT_HAS(check([](Config *c) { c->experts_per_frame = 5; }),
             "decoder-experts-per-frame=5 is outside 1 to decoder-num-experts=4");
  EXPECT_HAS(check([](Config *c) { c->router = "switch"; }),
             "decoder-experts-per-frame=2 is outside 1 to 1, what decoder-router=switch takes");
  EXPECT_HAS(check([](Config *c) { c->num_shared_experts = 1; }),
             "decoder-shared-experts=1 does not go with decoder-bank=full");
  EXPECT_HAS(check([](Config *c) { c->bank = "shared-plus-routed"; }),
             "decoder-shared-experts=0 does not go");
  EXPECT_HAS(check([](Config *c) { c->router_dim = -1; }), "decoder-router-dim=-1 is outside");
  EXPECT_HAS(check([](Config *c) { c->z_weight = -1; }), "decoder-z-weight=-1 is not");
}

TEST(RouterCanLearn, AsItsTraitsSay) {
  FeedForwardConfig c;
  EXPECT_TRUE(RouterCanLearn(c));
  c.num_experts = 4;
  EXPECT_TRUE(RouterCanLearn(c));
  c.experts_per_frame = 1;
  EXPECT_FALSE(RouterCanLearn(c));
  c.router = "switch";
  EXPECT_TRUE(RouterCanLearn(c));
  c.router = "tag-pools";
  c.router_pools = 2;
  EXPECT_FALSE(RouterCanLearn(c));
  c.router_pools = 4;  // one expert for each tag: there is nothing to choose
  EXPECT_TRUE(RouterCanLearn(c));
}

}  // namespace
}  // namespace u2moe
