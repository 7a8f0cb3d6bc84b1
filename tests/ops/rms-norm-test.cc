#include "ops/rms-norm.h"

#include "ops/ref/rms-norm.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

constexpr float kEps = 1e-5f;

TEST(RmsNorm, ForwardIsTheReference) {
  Context ctx;
  Rng rng(1);
  ForOpCasesAndPacks(&rng, [&](const OpCase &c) {
    GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols, 2), c.padding), y(c.rows, c.cols, c.padding);
    const Tensor gamma = RandomTensor(&rng, 1, c.cols);
    RmsNormForward(ctx, x, gamma, kEps, y);
    EXPECT_LT(MaxAbsDiff(y, ref::RmsNorm<double>(RefMatrix(x.View()), RefMatrix(gamma), kEps)),
              4e-6);
    EXPECT_TRUE(y.Intact() && x.Intact());
  });
}

TEST(RmsNorm, BackwardIsTheGradient) {
  Context ctx;
  Rng rng(2);
  ForOpCasesAndPacks(&rng, [&](const OpCase &c) {
    GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols, 2), c.padding),
        dy(RandomTensor(&rng, c.rows, c.cols), c.padding), dx(c.rows, c.cols, c.padding),
        dgamma(Tensor::Zeros(1, c.cols), 0);
    const Tensor gamma = RandomTensor(&rng, 1, c.cols);
    RmsNormBackward(ctx, x, gamma, kEps, dy, dx, dgamma);
    EXPECT_TRUE(dx.Intact() && dgamma.Intact());
    RefMatrix rx(x.View()), rg(gamma);
    const RefMatrix upstream(dy.View());
    const auto loss = [&] { return ref::Dot(upstream, ref::RmsNorm<double>(rx, rg, kEps)); };
    EXPECT_LT(GradientError(loss, &rx, dx), c.cols == 1 ? 5e-2 : 1e-3);
    EXPECT_LT(GradientError(loss, &rg, dgamma), 1e-4);
    // dx in the place of dy gives the same bits; parameter gradients add.
    Tensor in_place = Tensor::Copy(dy.View()), twice = Tensor::Copy(dgamma.View());
    RmsNormBackward(ctx, x, gamma, kEps, in_place, in_place, twice);
    EXPECT_EQ(MaxAbsDiff(in_place, dx), 0);
    for (int64_t j = 0; j < c.cols; ++j)
      EXPECT_NEAR(twice(0, j), 2 * dgamma.View()(0, j), 1e-5 + 1e-5 * std::fabs(twice(0, j)));
  });
}

}  // namespace
}  // namespace u2moe
