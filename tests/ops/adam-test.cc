#include "ops/adam.h"

#include "ops/ref/adam.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

TEST(Adam, TwentyStepsAgainstTheReference) {
  Context ctx;
  Rng rng(1);
  const AdamOptions opts;
  ForOpCasesAndPacks(&rng, [&](const OpCase &c) {
    const float rate = 0.01f, scale = 0.25f;
    GuardedMatrix param(RandomTensor(&rng, c.rows, c.cols), c.padding),
        m(Tensor::Zeros(c.rows, c.cols), c.padding), v(Tensor::Zeros(c.rows, c.cols), c.padding);
    RefMatrix rparam(param.View()), rm(c.rows, c.cols), rv(c.rows, c.cols);
    for (int64_t step = 1; step <= 20; ++step) {
      Tensor grad = RandomTensor(&rng, c.rows, c.cols, 5);
      AdamUpdate(ctx, opts, step, rate, scale, grad, param, m, v);
      for (size_t i = 0; i < rparam.data.size(); ++i) {
        ref::Adam<double>(opts.beta1, opts.beta2, opts.eps, step, rate, scale * grad.Data()[i],
                          &rparam.data[i], &rm.data[i], &rv.data[i]);
      }
    }
    EXPECT_LT(MaxAbsDiff(param, rparam), 1e-6);
    EXPECT_LT(MaxAbsDiff(m, rm), 2e-6);
    EXPECT_LT(MaxAbsDiff(v, rv), 1e-6);
    EXPECT_TRUE(param.Intact() && m.Intact() && v.Intact());
  });
}

TEST(Adam, FirstStepIsTheLearningRate) {
  Context ctx;
  ForOpTargets([&](int64_t) {
    for (float g : {1e-3f, 1.f, -1e4f}) {
      Tensor grad(1, 3), param = Tensor::Zeros(1, 3), m = Tensor::Zeros(1, 3),
                         v = Tensor::Zeros(1, 3);
      for (int64_t j = 0; j < 3; ++j) grad(0, j) = g;
      AdamUpdate(ctx, AdamOptions(), 1, 0.5f, 1, grad, param, m, v);
      for (int64_t j = 0; j < 3; ++j) EXPECT_NEAR(param(0, j), g > 0 ? -0.5 : 0.5, 1e-4);
    }
  });
}

TEST(Adam, ZeroGradientMovesNothing) {
  Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t) {
    const Tensor start = RandomTensor(&rng, 2, 9);
    Tensor param = start, m = Tensor::Zeros(2, 9), v = Tensor::Zeros(2, 9);
    AdamUpdate(ctx, AdamOptions(), 1, 0.5f, 1, Tensor::Zeros(2, 9), param, m, v);
    EXPECT_EQ(MaxAbsDiff(param, start), 0);
  });
}

TEST(Adam, BadArgumentsThrow) {
  Context ctx;
  Tensor a(2, 3), b(2, 4);
  EXPECT_THROW(AdamUpdate(ctx, AdamOptions(), 0, 0.1f, 1, a, a, a, a), Error);
  EXPECT_THROW(AdamUpdate(ctx, AdamOptions(), 1, 0.1f, 1, b, a, a, a), Error);
}

}  // namespace
}  // namespace u2moe
