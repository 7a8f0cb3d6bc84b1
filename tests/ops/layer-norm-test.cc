#include "ops/layer-norm.h"

#include "ops/elementwise.h"
#include "ops/ref/layer-norm.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

constexpr float kEps = 1e-5f;

TEST(LayerNorm, ForwardIsTheReference) {
  Context ctx;
  Rng rng(1);
  ForOpCases(&rng, [&](const OpCase &c) {
    GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols, 2), c.padding), y(c.rows, c.cols, c.padding),
        stats(c.rows, 2, c.padding);
    Tensor gamma = RandomTensor(&rng, 1, c.cols), beta = RandomTensor(&rng, 1, c.cols);
    LayerNormForward(ctx, x, gamma, beta, kEps, y, stats);
    const RefMatrix want = ref::LayerNorm<double>(RefMatrix(x.View()), RefMatrix(gamma.View()),
                                                  RefMatrix(beta.View()), kEps);
    // With 2 columns near each other, rstd multiplies the rounding of x - mean.
    EXPECT_LT(MaxAbsDiff(y, want), c.cols == 2 ? 1e-4 : 4e-6);
    EXPECT_TRUE(y.Intact() && stats.Intact() && x.Intact());

    // Without stats, and in place: the same bits.
    Tensor y1 = Tensor::Copy(y.View());
    LayerNormForward(ctx, x, gamma, beta, kEps, x, View());
    EXPECT_EQ(MaxAbsDiff(x, y1), 0);
  });
}

TEST(LayerNorm, LargeMeanSmallSpread) {
  Context ctx;
  Rng rng(2);
  Tensor x = RandomTensor(&rng, 20, 192, 0.1f), y(20, 192), stats(20, 2);
  for (int64_t i = 0; i < x.Size(); ++i) x.Data()[i] += 100;
  Tensor gamma = RandomTensor(&rng, 1, 192), beta = RandomTensor(&rng, 1, 192);
  LayerNormForward(ctx, x, gamma, beta, kEps, y, stats);
  const RefMatrix want = ref::LayerNorm<double>(RefMatrix(x.View()), RefMatrix(gamma.View()),
                                                RefMatrix(beta.View()), kEps);
  EXPECT_LT(MaxAbsDiff(y, want), 3e-6);  // although the mean itself is rounded to 4e-6
}

TEST(LayerNorm, NormalisedRowsHaveMean0AndVariance1) {
  Context ctx;
  Rng rng(3);
  Tensor x = RandomTensor(&rng, 10, 50, 3), y(10, 50), gamma(1, 50);
  for (int64_t j = 0; j < 50; ++j) gamma(0, j) = 1;
  LayerNormForward(ctx, x, gamma, Tensor::Zeros(1, 50), 0, y, View());
  for (int64_t i = 0; i < 10; ++i) {
    double sum = 0, squares = 0;
    for (int64_t j = 0; j < 50; ++j) sum += y(i, j), squares += y(i, j) * y(i, j);
    EXPECT_NEAR(sum / 50, 0, 1e-6);
    EXPECT_NEAR(squares / 50, 1, 1e-6);
  }
}

TEST(LayerNorm, BackwardIsTheGradient) {
  Context ctx;
  Rng rng(4);
  ForOpCases(&rng, [&](const OpCase &c) {
    GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols, 2), c.padding), y(c.rows, c.cols, 0),
        stats(c.rows, 2, 0), dy(RandomTensor(&rng, c.rows, c.cols), c.padding),
        dx(c.rows, c.cols, c.padding), dgamma(Tensor::Zeros(1, c.cols), 0),
        dbeta(Tensor::Zeros(1, c.cols), 0);
    Tensor gamma = RandomTensor(&rng, 1, c.cols), beta = RandomTensor(&rng, 1, c.cols);
    LayerNormForward(ctx, x, gamma, beta, kEps, y, stats);
    LayerNormBackward(ctx, x, gamma, stats, dy, dx, dgamma, dbeta);
    EXPECT_TRUE(dx.Intact() && dgamma.Intact() && dbeta.Intact());

    RefMatrix rx(x.View()), rg(gamma.View()), rb(beta.View());
    const RefMatrix upstream(dy.View());
    const auto loss = [&] { return ref::Dot(upstream, ref::LayerNorm<double>(rx, rg, rb, kEps)); };
    // With one or two columns the gradient is a small difference of large numbers (rstd up to 316).
    EXPECT_LT(GradientError(loss, &rx, dx), c.cols == 1 ? 2e-2 : c.cols == 2 ? 1e-3 : 1e-4);
    EXPECT_LT(GradientError(loss, &rg, dgamma), 1e-4);
    EXPECT_LT(GradientError(loss, &rb, dbeta), 1e-5);

    // Parameter gradients add; dx in the place of dy gives the same bits.
    const Tensor dx1 = Tensor::Copy(dx.View());
    Tensor twice_gamma = Tensor::Copy(dgamma.View()), twice_beta = Tensor::Copy(dbeta.View());
    ScaleBy(ctx, 2, twice_gamma);
    ScaleBy(ctx, 2, twice_beta);
    LayerNormBackward(ctx, x, gamma, stats, dy, dy, dgamma, dbeta);
    EXPECT_EQ(MaxAbsDiff(dy, dx1), 0);
    EXPECT_EQ(MaxAbsDiff(dgamma, twice_gamma), 0);
    EXPECT_EQ(MaxAbsDiff(dbeta, twice_beta), 0);
  });
}

TEST(LayerNorm, RowsDoNotDependOnEachOther) {
  Context ctx;
  Rng rng(5);
  Tensor x = RandomTensor(&rng, 9, 37), y(9, 37), y1(1, 37);
  Tensor gamma = RandomTensor(&rng, 1, 37), beta = RandomTensor(&rng, 1, 37);
  LayerNormForward(ctx, x, gamma, beta, kEps, y, View());
  for (int64_t i = 0; i < 9; ++i) {
    LayerNormForward(ctx, x.View().RowRange(i, 1), gamma, beta, kEps, y1, View());
    EXPECT_EQ(MaxAbsDiff(y1, y.View().RowRange(i, 1)), 0);
  }
}

TEST(LayerNorm, NanInNanOut) {
  Context ctx;
  Rng rng(6);
  Tensor x = RandomTensor(&rng, 3, 20), y(3, 20), gamma = RandomTensor(&rng, 1, 20);
  x(1, 19) = std::numeric_limits<float>::quiet_NaN();
  LayerNormForward(ctx, x, gamma, gamma, kEps, y, View());
  for (int64_t j = 0; j < 20; ++j) {
    EXPECT_TRUE(std::isfinite(y(0, j)));
    EXPECT_TRUE(std::isnan(y(1, j)));
  }
}

TEST(LayerNorm, WrongShapesThrow) {
  Context ctx;
  Tensor x(3, 4), y(3, 4), row(1, 4), short_row(1, 3);
  EXPECT_THROW(LayerNormForward(ctx, x, short_row, row, kEps, y, View()), Error);
  Tensor two_rows(2, 4), two_stats(2, 2);
  EXPECT_THROW(LayerNormForward(ctx, x, row, row, kEps, two_rows, View()), Error);
  EXPECT_THROW(LayerNormForward(ctx, x, row, row, kEps, y, two_stats), Error);
}

}  // namespace
}  // namespace u2moe
