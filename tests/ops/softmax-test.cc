#include "ops/softmax.h"

#include "ops/ref/softmax.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(LogSoftmax, ForwardAndBackward) {
  Context ctx;
  Rng rng(1);
  ForOpCases(&rng, [&](const OpCase &c) {
    GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols, 4), c.padding), y(c.rows, c.cols, c.padding),
        dy(RandomTensor(&rng, c.rows, c.cols), c.padding), dx(c.rows, c.cols, c.padding);
    LogSoftmaxForward(ctx, x, y);
    RefMatrix rx(x.View());
    EXPECT_LT(MaxAbsDiff(y, ref::LogSoftmax(rx)), 3e-6);
    LogSoftmaxBackward(ctx, y, dy, dx);
    const RefMatrix upstream(dy.View());
    const auto loss = [&] { return ref::Dot(upstream, ref::LogSoftmax(rx)); };
    EXPECT_LT(GradientError(loss, &rx, dx), c.cols == 1 ? 1e-3 : 1e-5);
    EXPECT_TRUE(y.Intact() && dx.Intact());

    const Tensor y1 = Tensor::Copy(y.View()), dx1 = Tensor::Copy(dx.View());
    LogSoftmaxBackward(ctx, y, dy, dy);  // in place: the same bits
    EXPECT_EQ(MaxAbsDiff(dy, dx1), 0);
    LogSoftmaxForward(ctx, x, x);
    EXPECT_EQ(MaxAbsDiff(x, y1), 0);
  });
}

TEST(LogSoftmax, ProbabilitiesSumTo1ForAnyOffset) {
  Context ctx;
  Rng rng(2);
  for (float offset : {0.f, 100.f, -1000.f, 1e6f}) {
    Tensor x = RandomTensor(&rng, 5, 1000, offset > 1e5f ? 0 : 2), y(5, 1000);
    for (int64_t i = 0; i < x.Size(); ++i) x.Data()[i] += offset;
    LogSoftmaxForward(ctx, x, y);
    for (int64_t i = 0; i < 5; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < 1000; ++j) sum += std::exp(static_cast<double>(y(i, j)));
      EXPECT_NEAR(sum, 1, 1e-6);
    }
  }
}

TEST(LogSoftmax, MinusInfinityHasNoMass) {
  Context ctx;
  Tensor x = Tensor::Zeros(1, 20), y(1, 20);
  for (int64_t j = 4; j < 20; ++j) x(0, j) = -kInf;
  LogSoftmaxForward(ctx, x, y);
  EXPECT_FLOAT_EQ(y(0, 0), -std::log(4.f));
  EXPECT_EQ(y(0, 19), -kInf);
}

TEST(LogSoftmax, NanInNanOut) {
  Context ctx;
  for (int64_t cols : {1, 3, 8, 19}) {
    for (int64_t at = 0; at < cols; ++at) {
      Tensor x = Tensor::Zeros(2, cols), y(2, cols);
      x(0, at) = kNan;
      LogSoftmaxForward(ctx, x, y);
      for (int64_t j = 0; j < cols; ++j) {
        EXPECT_TRUE(std::isnan(y(0, j)));
        EXPECT_FALSE(std::isnan(y(1, j)));
      }
    }
  }
}

TEST(LogSumExp, GivesTheEntriesOfLogSoftmaxToTheBit) {
  Context ctx;
  Rng rng(3);
  ForOpCases(&rng, [&](const OpCase &c) {
    GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols, 4), c.padding), y(c.rows, c.cols, c.padding),
        stats(c.rows, 2, c.padding);
    LogSoftmaxForward(ctx, x, y);
    LogSumExp(ctx, x, stats);
    for (int64_t i = 0; i < c.rows; ++i) {
      for (int64_t j = 0; j < c.cols; ++j) {
        EXPECT_EQ((x.View()(i, j) - stats.View()(i, 0)) - stats.View()(i, 1), y.View()(i, j));
      }
    }
    EXPECT_TRUE(stats.Intact());
    if (c.rows == 0) return;
    const std::vector<int32_t> rows = {0, static_cast<int32_t>(c.rows - 1), 0},
                               cols = {static_cast<int32_t>(c.cols - 1), 0, 0};
    Tensor entries(1, 3);
    LogSoftmaxEntries(ctx, x, stats, rows, cols, entries);
    for (int64_t i = 0; i < 3; ++i) {
      const auto k = static_cast<size_t>(i);
      EXPECT_EQ(entries(0, i), y.View()(rows[k], cols[k]));
    }
  });
}

TEST(LogSumExp, EntriesThatAreNotThereThrow) {
  Context ctx;
  Tensor x = Tensor::Zeros(2, 6), stats = Tensor::Zeros(2, 2), y(1, 1);
  LogSoftmaxEntries(ctx, x, stats, {1}, {5}, y);
  EXPECT_THROW(LogSoftmaxEntries(ctx, x, stats, {2}, {5}, y), Error);
  EXPECT_THROW(LogSoftmaxEntries(ctx, x, stats, {1}, {6}, y), Error);
  EXPECT_THROW(LogSoftmaxEntries(ctx, x, stats, {-1}, {5}, y), Error);
  EXPECT_THROW(LogSoftmaxEntries(ctx, x, stats, {1, 1}, {5}, y), Error);
  EXPECT_THROW(LogSoftmaxEntries(ctx, x, stats, {1, 1}, {5, 5}, y), Error);
  EXPECT_THROW(LogSoftmaxEntries(ctx, x, y, {1}, {5}, y), Error);
}

TEST(LogSoftmax, WrongShapesThrow) {
  Context ctx;
  Tensor x(2, 6), y(2, 5);
  EXPECT_THROW(LogSoftmaxForward(ctx, x, y), Error);
  EXPECT_THROW(LogSoftmaxBackward(ctx, x, y, x), Error);
}

}  // namespace
}  // namespace u2moe
