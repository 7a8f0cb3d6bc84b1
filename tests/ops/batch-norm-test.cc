#include "ops/batch-norm.h"

#include "ops/elementwise.h"
#include "ops/layer-norm.h"
#include "ops/ref/batch-norm.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

constexpr float kEps = 1e-5f;

TEST(BatchNorm, InferenceIsTheReference) {
  Context ctx;
  Rng rng(1);
  ForOpCasesAndPacks(&rng, [&](const OpCase &c) {
    GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols, 2), c.padding), y(c.rows, c.cols, c.padding);
    Tensor gamma = RandomTensor(&rng, 1, c.cols), beta = RandomTensor(&rng, 1, c.cols),
           mean = RandomTensor(&rng, 1, c.cols), var(1, c.cols);
    for (int64_t j = 0; j < c.cols; ++j) var(0, j) = static_cast<float>(rng.Uniform(0.1, 3));
    BatchNormInference(ctx, x, gamma, beta, mean, var, kEps, y);
    const RefMatrix want =
        ref::BatchNorm<double>(RefMatrix(x.View()), RefMatrix(gamma.View()), RefMatrix(beta.View()),
                               RefMatrix(mean.View()), RefMatrix(var.View()), kEps);
    EXPECT_LT(MaxAbsDiff(y, want), 1e-5);
    EXPECT_TRUE(y.Intact());
    const Tensor y1 = Tensor::Copy(y.View());
    BatchNormInference(ctx, x, gamma, beta, mean, var, kEps, x);  // in place
    EXPECT_EQ(MaxAbsDiff(x, y1), 0);
  });
}

TEST(BatchNorm, TrainingForwardAndBackward) {
  Context ctx;
  Rng rng(2);
  ForOpCasesAndPacks(&rng, [&](const OpCase &c) {
    GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols, 2), c.padding), y(c.rows, c.cols, c.padding),
        stats(2, c.cols, c.padding), dy(RandomTensor(&rng, c.rows, c.cols), c.padding),
        dx(c.rows, c.cols, c.padding), dgamma(Tensor::Zeros(1, c.cols), 0),
        dbeta(Tensor::Zeros(1, c.cols), 0);
    Tensor gamma = RandomTensor(&rng, 1, c.cols), beta = RandomTensor(&rng, 1, c.cols);
    BatchNormForward(ctx, x, gamma, beta, kEps, 0.1f, View(), View(), y, stats);
    RefMatrix rx(x.View()), rg(gamma.View()), rb(beta.View());
    // With 2 rows near each other, rstd multiplies the rounding of x - mean.
    EXPECT_LT(MaxAbsDiff(y, ref::BatchNorm<double>(rx, rg, rb, kEps)), c.rows == 2 ? 3e-4 : 4e-6);

    BatchNormBackward(ctx, x, gamma, stats, dy, dx, dgamma, dbeta);
    EXPECT_TRUE(y.Intact() && stats.Intact() && dx.Intact() && dgamma.Intact() && dbeta.Intact());
    const RefMatrix upstream(dy.View());
    const auto loss = [&] { return ref::Dot(upstream, ref::BatchNorm<double>(rx, rg, rb, kEps)); };
    EXPECT_LT(GradientError(loss, &rx, dx), c.rows == 1 ? 2e-2 : c.rows == 2 ? 1e-3 : 1e-4);
    EXPECT_LT(GradientError(loss, &rg, dgamma), 1e-4);
    EXPECT_LT(GradientError(loss, &rb, dbeta), 1e-5);

    // Parameter gradients add; dx in the place of dy gives the same bits.
    const Tensor dx1 = Tensor::Copy(dx.View());
    Tensor twice_gamma = Tensor::Copy(dgamma.View()), twice_beta = Tensor::Copy(dbeta.View());
    ScaleBy(ctx, 2, twice_gamma);
    ScaleBy(ctx, 2, twice_beta);
    BatchNormBackward(ctx, x, gamma, stats, dy, dy, dgamma, dbeta);
    EXPECT_EQ(MaxAbsDiff(dy, dx1), 0);
    EXPECT_EQ(MaxAbsDiff(dgamma, twice_gamma), 0);
    EXPECT_EQ(MaxAbsDiff(dbeta, twice_beta), 0);
  });
}

TEST(BatchNorm, IsLayerNormOfTheTransposed) {
  Context ctx;
  Rng rng(3);
  ForOpTargets(&rng, [&](int64_t) {
    const int64_t rows = 30, cols = 11;
    Tensor x = RandomTensor(&rng, rows, cols), y(rows, cols), stats(2, cols);
    Tensor gamma(1, cols), beta = Tensor::Zeros(1, cols), ones(1, rows),
                           zeros = Tensor::Zeros(1, rows);
    for (int64_t j = 0; j < cols; ++j) gamma(0, j) = 1;
    for (int64_t i = 0; i < rows; ++i) ones(0, i) = 1;
    BatchNormForward(ctx, x, gamma, beta, kEps, 0.1f, View(), View(), y, stats);
    Tensor xt(cols, rows), yt(cols, rows);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) xt(j, i) = x(i, j);
    }
    LayerNormForward(ctx, xt, ones, zeros, kEps, yt, View());
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) EXPECT_NEAR(y(i, j), yt(j, i), 2e-6);
    }
  });
}

TEST(BatchNorm, LargeMeanSmallSpread) {
  Context ctx;
  Rng rng(4);
  ForOpTargets(&rng, [&](int64_t) {
    Tensor x = RandomTensor(&rng, 1000, 12, 0.1f), y(1000, 12), stats(2, 12);
    for (int64_t i = 0; i < x.Size(); ++i) x.Data()[i] += 100;
    Tensor gamma = RandomTensor(&rng, 1, 12), beta = RandomTensor(&rng, 1, 12);
    BatchNormForward(ctx, x, gamma, beta, kEps, 0.1f, View(), View(), y, stats);
    const RefMatrix want = ref::BatchNorm<double>(RefMatrix(x.View()), RefMatrix(gamma.View()),
                                                  RefMatrix(beta.View()), kEps);
    EXPECT_LT(MaxAbsDiff(y, want),
              3e-4);  // the mean is rounded to 4e-6, times rstd 10, times gamma
  });
}

TEST(BatchNorm, RunningValuesMoveTowardsTheBatch) {
  Context ctx;
  Rng rng(5);
  ForOpTargets(&rng, [&](int64_t) {
    const int64_t rows = 13, cols = 9;
    const float momentum = 0.1f;
    Tensor x = RandomTensor(&rng, rows, cols), y(rows, cols), stats(2, cols);
    Tensor gamma = RandomTensor(&rng, 1, cols);
    const Tensor mean0 = RandomTensor(&rng, 1, cols), var0 = RandomTensor(&rng, 1, cols);
    Tensor mean = mean0, var = var0;
    BatchNormForward(ctx, x, gamma, gamma, kEps, momentum, mean, var, y, stats);
    RefMatrix batch_mean, batch_var;
    ref::ColumnStats(RefMatrix(x.View()), &batch_mean, &batch_var);
    for (int64_t j = 0; j < cols; ++j) {
      const double unbiased = batch_var(0, j) * rows / (rows - 1);
      EXPECT_NEAR(mean(0, j), 0.9 * mean0(0, j) + 0.1 * batch_mean(0, j), 1e-6);
      EXPECT_NEAR(var(0, j), 0.9 * var0(0, j) + 0.1 * unbiased, 1e-6);
    }
    // One row has no unbiased variance: only the mean moves. No rows: nothing moves.
    mean = mean0, var = var0;
    BatchNormForward(ctx, x.View().RowRange(0, 1), gamma, gamma, kEps, momentum, mean, var,
                     y.View().RowRange(0, 1), stats);
    EXPECT_EQ(MaxAbsDiff(var, var0), 0);
    for (int64_t j = 0; j < cols; ++j)
      EXPECT_NEAR(mean(0, j), 0.9 * mean0(0, j) + 0.1 * x(0, j), 1e-6);
    mean = mean0;
    BatchNormForward(ctx, x.View().RowRange(0, 0), gamma, gamma, kEps, momentum, mean, var,
                     y.View().RowRange(0, 0), stats);
    EXPECT_EQ(MaxAbsDiff(mean, mean0), 0);
    EXPECT_EQ(MaxAbsDiff(var, var0), 0);
  });
}

TEST(BatchNorm, NanStaysInItsColumn) {
  Context ctx;
  Rng rng(6);
  ForOpTargets(&rng, [&](int64_t) {
    Tensor x = RandomTensor(&rng, 10, 9), y(10, 9), stats(2, 9), gamma = RandomTensor(&rng, 1, 9);
    x(3, 8) = std::numeric_limits<float>::quiet_NaN();
    BatchNormForward(ctx, x, gamma, gamma, kEps, 0.1f, View(), View(), y, stats);
    EXPECT_TRUE(std::isnan(y(0, 8)));
    EXPECT_LT(MaxAbsDiff(y.View().ColRange(0, 8), y.View().ColRange(0, 8)), 1);
  });
}

// A column whose batch has an overflow keeps all running values where they are.
TEST(BatchNorm, OneOverflowMovesNothing) {
  Context ctx;
  Rng rng(7);
  ForOpTargets(&rng, [&](int64_t) {
    Tensor x = RandomTensor(&rng, 200, 40), y(200, 40), stats(2, 40);
    const Tensor gamma = RandomTensor(&rng, 1, 40), start = RandomTensor(&rng, 2, 40);
    x(150, 37) = std::numeric_limits<float>::infinity();
    Tensor running = start;
    const View mean = running.View().RowRange(0, 1), var = running.View().RowRange(1, 1);
    BatchNormForward(ctx, x, gamma, gamma, kEps, 0.1f, mean, var, y, stats);
    EXPECT_TRUE(SameBits(running, start));
    x(150, 37) = 1;
    BatchNormForward(ctx, x, gamma, gamma, kEps, 0.1f, mean, var, y, stats);
    for (int64_t j = 0; j < running.Size(); ++j) EXPECT_NE(running.Data()[j], start.Data()[j]);
  });
}

TEST(BatchNorm, WrongShapesThrow) {
  Context ctx;
  Tensor x(3, 4), y(3, 4), row(1, 4), stats(3, 2);
  EXPECT_THROW(BatchNormForward(ctx, x, row, row, kEps, 0.1f, row, row, y, stats), Error);
  EXPECT_THROW(BatchNormInference(ctx, x, row, row, row, stats, kEps, y), Error);
  EXPECT_THROW(BatchNormBackward(ctx, x, row, stats, y, x, row, row), Error);
}

}  // namespace
}  // namespace u2moe
