#include "ops/dropout.h"

#include "ops/dropout-hash.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

Tensor Ones(int64_t rows, int64_t cols) {
  Tensor t(rows, cols);
  std::fill_n(t.Data(), t.Size(), 1.f);
  return t;
}

TEST(Dropout, MaskIsTheHashOfPosition) {
  Context ctx;
  Rng rng(1);
  ForOpCasesAndPacks(&rng, [&](const OpCase &c) {
    const float rate = 0.3f;
    GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols), c.padding), y(c.rows, c.cols, c.padding);
    Dropout(ctx, 7, rate, x, y);
    RefMatrix want(c.rows, c.cols);
    for (int64_t i = 0; i < c.rows; ++i) {
      const DropoutRowKey key(7, i);
      for (int64_t j = 0; j < c.cols; ++j) {
        const bool keep = DropoutHash(key, static_cast<uint32_t>(j)) >= DropoutThreshold(rate);
        want(i, j) = keep ? x.View()(i, j) / 0.7 : 0;
      }
    }
    EXPECT_LT(MaxAbsDiff(y, want), 1e-6);
    EXPECT_TRUE(y.Intact());
    const Tensor y1 = Tensor::Copy(y.View());
    Dropout(ctx, 7, rate, x, x);  // in place, the same seed: the same mask
    EXPECT_EQ(MaxAbsDiff(x, y1), 0);
  });
}

// A row that has a number keeps its mask wherever it lies.
TEST(Dropout, NumberedRowsKeepTheirMasks) {
  Context ctx;
  Rng rng(8);
  ForOpTargets(&rng, [&](int64_t) {
    const Tensor x = RandomTensor(&rng, 5, 37);
    const std::vector<uint64_t> rows = {3, 0, uint64_t{1} << 63, 4, 3};
    Tensor y(5, 37), in_order(5, 37);
    Dropout(ctx, 9, rows, 0.4f, x, y);
    for (size_t i = 0; i < rows.size(); ++i) {
      const DropoutRowKey key(9, static_cast<int64_t>(rows[i]));
      for (int64_t j = 0; j < 37; ++j) {
        const bool keep = DropoutHash(key, static_cast<uint32_t>(j)) >= DropoutThreshold(0.4f);
        const int64_t row = static_cast<int64_t>(i);
        EXPECT_NEAR(y(row, j), keep ? x(row, j) / 0.6f : 0, 1e-6);
      }
    }
    Dropout(ctx, 9, std::vector<uint64_t>{0, 1, 2, 3, 4}, 0.4f, x, y);
    Dropout(ctx, 9, 0.4f, x, in_order);
    EXPECT_EQ(MaxAbsDiff(y, in_order), 0);
    EXPECT_THROW(Dropout(ctx, 9, std::vector<uint64_t>{0, 1}, 0.4f, x, y), Error);
  });
}

TEST(Dropout, BackwardIsTheGradient) {
  Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t) {
    Tensor x = RandomTensor(&rng, 6, 21), dy = RandomTensor(&rng, 6, 21), mask(6, 21), dx(6, 21);
    Dropout(ctx, 3, 0.4f, Ones(6, 21), mask);
    Dropout(ctx, 3, 0.4f, dy, dx);
    RefMatrix rx(x.View());
    const RefMatrix upstream(dy.View()), rmask(mask.View());
    const auto loss = [&] {
      RefMatrix y = rx;
      for (size_t i = 0; i < y.data.size(); ++i) y.data[i] *= rmask.data[i];
      return ref::Dot(upstream, y);
    };
    EXPECT_LT(GradientError(loss, &rx, dx), 1e-5);
  });
}

TEST(Dropout, RateIsKeptInAllRowsAndColumns) {
  Context ctx;
  const int64_t rows = 2000, cols = 300;
  for (float rate : {0.1f, 0.5f, 0.9f}) {
    Tensor y(rows, cols);
    Dropout(ctx, 11, rate, Ones(rows, cols), y);
    std::vector<double> by_row(rows), by_col(cols);
    double all = 0;
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) {
        const double dropped = y(i, j) == 0;
        by_row[i] += dropped, by_col[j] += dropped, all += dropped;
      }
    }
    const double sigma = std::sqrt(rate * (1 - rate));
    EXPECT_NEAR(all / (rows * cols), rate, 4 * sigma / std::sqrt(1.0 * rows * cols));
    for (double n : by_row) EXPECT_NEAR(n / cols, rate, 5 * sigma / std::sqrt(1.0 * cols));
    for (double n : by_col) EXPECT_NEAR(n / rows, rate, 5 * sigma / std::sqrt(1.0 * rows));
  }
}

TEST(Dropout, NeighboursAndSeedsAreIndependent) {
  Context ctx;
  const int64_t rows = 1000, cols = 256;
  Tensor a(rows, cols), b(rows, cols);
  Dropout(ctx, 1, 0.5f, Ones(rows, cols), a);
  Dropout(ctx, 2, 0.5f, Ones(rows, cols), b);
  // Correlation of kept/dropped, as +1/-1, at several distances and between the two seeds.
  const auto correlation = [&](const Tensor &u, const Tensor &v, int64_t di, int64_t dj) {
    double sum = 0, count = 0;
    for (int64_t i = 0; i + di < rows; ++i) {
      for (int64_t j = 0; j + dj < cols; ++j) {
        sum += (u(i, j) - 1) * (v(i + di, j + dj) - 1), ++count;
      }
    }
    return sum / std::sqrt(count);  // in standard deviations
  };
  EXPECT_LT(std::fabs(correlation(a, b, 0, 0)), 4.5);
  for (int64_t di : {0, 1, 2, 8}) {
    for (int64_t dj : {0, 1, 2, 8, 16, 64}) {
      if (di + dj > 0) {
        EXPECT_LT(std::fabs(correlation(a, a, di, dj)), 4.5) << di << " " << dj;
      }
    }
  }
}

TEST(Dropout, Rate0CopiesAndBadRatesThrow) {
  Context ctx;
  Rng rng(3);
  Tensor x = RandomTensor(&rng, 4, 9), y(4, 9), small(4, 8);
  Dropout(ctx, 5, 0, x, y);
  EXPECT_EQ(MaxAbsDiff(x, y), 0);
  EXPECT_THROW(Dropout(ctx, 5, 1, x, y), Error);
  EXPECT_THROW(Dropout(ctx, 5, -0.1f, x, y), Error);
  EXPECT_THROW(Dropout(ctx, 5, 0.1f, x, small), Error);
}

}  // namespace
}  // namespace u2moe
