// What every router of the registry promises, then each router's own.
#include "moe/router.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "moe/router-registry.h"
#include "moe/router-topk-softmax.h"
#include "support/layer-test.h"

namespace u2moe {
namespace {

struct Case {
  int64_t rows, dim;
  int num_experts, num_choices;
};

const Case kCases[] = {{1, 4, 2, 2},  {1, 5, 8, 2},  {37, 6, 8, 2},
                       {16, 3, 4, 1}, {20, 7, 5, 5}, {0, 4, 4, 2}};

class RouterTest : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Router> Make(const Case &c) {
    std::unique_ptr<Router> router = MakeRouter(GetParam(), c.dim, c.num_experts, c.num_choices);
    RandomizeParams(&rng_, router.get());
    return router;
  }
  Context ctx_;
  Rng rng_{1};
};

TEST_P(RouterTest, DistinctExpertsAndGatesThatSumToOne) {
  for (const Case &c : kCases) {
    const std::unique_ptr<Router> router = Make(c);
    Routes routes;
    router->Forward(ctx_, RandomTensor(&rng_, c.rows, c.dim), &routes);
    const size_t k = static_cast<size_t>(c.num_choices);
    ASSERT_EQ(routes.num_choices, c.num_choices);
    CHECK_SHAPE(routes.logits, c.rows, c.num_experts);
    ASSERT_EQ(routes.experts.size(), static_cast<size_t>(c.rows) * k);
    ASSERT_EQ(routes.gates.size(), routes.experts.size());
    for (int64_t t = 0; t < c.rows; ++t) {
      std::set<int32_t> distinct;
      double sum = 0;
      for (size_t i = static_cast<size_t>(t) * k; i < (static_cast<size_t>(t) + 1) * k; ++i) {
        const int32_t e = routes.experts[i];
        ASSERT_TRUE(e >= 0 && e < c.num_experts) << e;
        distinct.insert(e);
        EXPECT_TRUE(routes.gates[i] >= 0 && routes.gates[i] <= 1) << routes.gates[i];
        sum += routes.gates[i];
        if (i > static_cast<size_t>(t) * k) {
          EXPECT_GE(routes.logits(t, routes.experts[i - 1]), routes.logits(t, e));
        }
      }
      EXPECT_EQ(distinct.size(), k);
      EXPECT_NEAR(sum, 1, 1e-6);
    }
  }
}

TEST_P(RouterTest, FramesDoNotSeeEachOther) {
  const Case c{23, 6, 8, 3};
  const std::unique_ptr<Router> router = Make(c);
  const Tensor x = RandomTensor(&rng_, c.rows, c.dim);
  Routes routes, permuted;
  router->Forward(ctx_, x, &routes);
  std::vector<int64_t> order;
  for (int64_t t = 0; t < c.rows; ++t) order.push_back(t);
  rng_.Shuffle(&order);
  Tensor y(c.rows, c.dim);
  for (int64_t t = 0; t < c.rows; ++t)
    std::copy_n(x.View().Row(order[static_cast<size_t>(t)]), c.dim, y.View().Row(t));
  router->Forward(ctx_, y, &permuted);
  for (int64_t t = 0; t < c.rows; ++t) {
    for (int64_t i = 0; i < c.num_choices; ++i) {
      const size_t to = static_cast<size_t>(t * c.num_choices + i),
                   from = static_cast<size_t>(order[static_cast<size_t>(t)] * c.num_choices + i);
      EXPECT_EQ(permuted.experts[to], routes.experts[from]);
      EXPECT_NEAR(permuted.gates[to], routes.gates[from], 1e-6);
    }
  }
}

// Along random directions, in float32, where the chosen experts stay.
TEST_P(RouterTest, GradientAlongDirections) {
  int compared = 0;
  for (const Case &c : kCases) {
    if (c.rows == 0) continue;
    const std::unique_ptr<Router> router = Make(c), grad = MakeRouter(GetParam(), c.dim,
                                                                      c.num_experts, c.num_choices);
    FillParams(kGradStart, grad.get());
    const Tensor x = RandomTensor(&rng_, c.rows, c.dim),
                 direction = RandomTensor(&rng_, c.rows, c.dim);
    Routes routes;
    router->Forward(ctx_, x, &routes);
    std::vector<float> dgates;
    for (size_t i = 0; i < routes.gates.size(); ++i)
      dgates.push_back(static_cast<float>(rng_.Normal()));
    Tensor dx(c.rows, c.dim);
    std::fill_n(dx.Data(), dx.Size(), kGradStart);
    router->Backward(ctx_, x, routes, dgates, grad.get(), dx);

    std::vector<Tensor> steps;
    std::vector<Tensor *> params;
    double want = 0;
    ForEachParam(router.get(), [&](const std::string &, Tensor *t, const ParamInit &, bool) {
      params.push_back(t);
      steps.push_back(RandomTensor(&rng_, t->Rows(), t->Cols()));
    });
    size_t n = 0;
    ForEachParam(grad.get(), [&](const std::string &, Tensor *t, const ParamInit &, bool) {
      for (int64_t i = 0; i < t->Size(); ++i)
        want += (t->Data()[i] - kGradStart) * static_cast<double>(steps[n].Data()[i]);
      ++n;
    });
    for (int64_t i = 0; i < dx.Size(); ++i)
      want += (dx.Data()[i] - kGradStart) * static_cast<double>(direction.Data()[i]);

    bool same = true;
    const auto loss = [&](float h) {
      Tensor moved = x;
      for (int64_t i = 0; i < x.Size(); ++i) moved.Data()[i] += h * direction.Data()[i];
      for (size_t p = 0; p < params.size(); ++p) {
        for (int64_t i = 0; i < steps[p].Size(); ++i)
          params[p]->Data()[i] += h * steps[p].Data()[i];
      }
      Routes there;
      router->Forward(ctx_, moved, &there);
      for (size_t p = 0; p < params.size(); ++p) {
        for (int64_t i = 0; i < steps[p].Size(); ++i)
          params[p]->Data()[i] -= h * steps[p].Data()[i];
      }
      same = same && there.experts == routes.experts;
      double sum = 0;
      for (size_t i = 0; i < dgates.size(); ++i)
        sum += static_cast<double>(dgates[i]) * there.gates[i];
      return sum;
    };
    const float h = 1e-3f;
    const double got = (loss(h) - loss(-h)) / (2 * h);
    if (!same) continue;
    ++compared;
    EXPECT_NEAR(got, want, 2e-3 * (1 + std::fabs(want))) << c.rows << " rows";
  }
  EXPECT_GE(compared, 3);
}

TEST_P(RouterTest, RefusesNan) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Case c{9, 5, 4, 2};
    const std::unique_ptr<Router> router = Make(c);
    Tensor x = RandomTensor(&rng_, c.rows, c.dim);
    x(6, 2) = bad;
    Routes routes;
    EXPECT_THROW(router->Forward(ctx_, x, &routes), DataError) << bad;
  }
}

INSTANTIATE_TEST_SUITE_P(All, RouterTest, testing::ValuesIn(RouterNames()), [](const auto &info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(RouterRegistry, UnknownNameListsTheKnown) {
  try {
    MakeRouter("round-robin", 4, 4, 2);
    FAIL();
  } catch (const DataError &e) {
    EXPECT_NE(std::string(e.what()).find("unknown router 'round-robin'; known: topk-softmax"),
              std::string::npos)
        << e.what();
  }
}

TEST(TopKSoftmax, FallingOrderAndTiesToTheLowerId) {
  const Tensor logits = [] {
    Tensor t(4, 4);
    const float rows[4][4] = {{1, 3, 3, 0}, {2, 2, 2, 2}, {-1, 5, 7, 5}, {0, -2, -2, -1}};
    for (int64_t i = 0; i < 4; ++i) std::copy_n(rows[i], 4, t.View().Row(i));
    return t;
  }();
  Routes routes;
  TopKSoftmax(logits, 1, &routes);
  EXPECT_EQ(routes.experts, (CachedVector<int32_t>{1, 0, 2, 0}));
  EXPECT_EQ(routes.gates, (CachedVector<float>{1, 1, 1, 1}));
  TopKSoftmax(logits, 2, &routes);
  EXPECT_EQ(routes.experts, (CachedVector<int32_t>{1, 2, 0, 1, 2, 1, 0, 3}));
  EXPECT_EQ(routes.gates[0], .5f);
  EXPECT_NEAR(routes.gates[4], 1 / (1 + std::exp(-2.)), 1e-7);
  TopKSoftmax(logits, 3, &routes);
  EXPECT_EQ(routes.experts, (CachedVector<int32_t>{1, 2, 0, 0, 1, 2, 2, 1, 3, 0, 3, 1}));
  TopKSoftmax(logits, 4, &routes);
  EXPECT_EQ(routes.experts,
            (CachedVector<int32_t>{1, 2, 0, 3, 0, 1, 2, 3, 2, 1, 3, 0, 0, 3, 1, 2}));
}

TEST(TopKSoftmax, LargeLogits) {
  Tensor logits(1, 3);
  logits(0, 0) = -3e38f;
  logits(0, 1) = 1e30f;
  logits(0, 2) = 3e38f;
  Routes routes;
  TopKSoftmax(logits, 3, &routes);
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
      Routes routes;
      try {
        TopKSoftmax(logits, k, &routes);
        ADD_FAILURE() << "column " << at << ", " << k << " choices";
      } catch (const DataError &e) {
        EXPECT_NE(std::string(e.what()).find("frame 1"), std::string::npos) << e.what();
      }
    }
  }
}

TEST(TopKSoftmax, NumberOfChoices) {
  EXPECT_THROW(TopKSoftmaxRouter(4, 3, 0), Error);
  EXPECT_THROW(TopKSoftmaxRouter(4, 3, 4), Error);
  EXPECT_EQ(TopKSoftmaxRouter(4, 3, 3).NumParams(), 12);
}

}  // namespace
}  // namespace u2moe
