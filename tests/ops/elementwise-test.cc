#include "ops/elementwise.h"

#include "support/op-test.h"

namespace u2moe {
namespace {

TEST(Elementwise, AllAgainstPlainLoops) {
  Context ctx;
  Rng rng(1);
  ForOpCases(&rng, [&](const OpCase &c) {
    GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols), c.padding), y(c.rows, c.cols, c.padding),
        row(RandomTensor(&rng, 1, c.cols), 0), istd(RandomTensor(&rng, 1, c.cols), 0);
    const RefMatrix rx(x.View()), rrow(row.View()), ristd(istd.View());
    const auto expect = [&](const char *what, auto value) {
      RefMatrix want(c.rows, c.cols);
      for (int64_t i = 0; i < c.rows; ++i) {
        for (int64_t j = 0; j < c.cols; ++j) want(i, j) = value(i, j);
      }
      EXPECT_LT(MaxAbsDiff(y, want), 3e-6) << what;
      EXPECT_TRUE(y.Intact()) << what;
    };
    CopyTo(ctx, x, y);
    EXPECT_EQ(MaxAbsDiff(y.View(), x.View()), 0);
    EXPECT_TRUE(y.Intact());
    AddTo(ctx, -0.5f, x, y);
    expect("AddTo", [&](int64_t i, int64_t j) { return 0.5 * rx(i, j); });
    ScaleBy(ctx, 3, y);
    expect("ScaleBy", [&](int64_t i, int64_t j) { return 1.5 * rx(i, j); });
    AddRowVector(ctx, row, y);
    expect("AddRowVector", [&](int64_t i, int64_t j) { return 1.5 * rx(i, j) + rrow(0, j); });
    std::vector<float> factors;
    for (int64_t i = 0; i < c.rows; ++i) factors.push_back(static_cast<float>(rng.Normal()));
    CopyTo(ctx, x, y);
    ScaleRows(ctx, factors, y);
    expect("ScaleRows", [&](int64_t i, int64_t j) {
      return static_cast<double>(factors[static_cast<size_t>(i)]) * rx(i, j);
    });
    SetZero(ctx, y);
    expect("SetZero", [](int64_t, int64_t) { return 0.0; });
    Normalize(ctx, x, row, istd, y);
    const auto normalized = [&](int64_t i, int64_t j) {
      return (rx(i, j) - rrow(0, j)) * ristd(0, j);
    };
    expect("Normalize", normalized);
    CopyTo(ctx, x, y);
    Normalize(ctx, y, row, istd, y);
    expect("Normalize in place", normalized);

    RefMatrix sum(rrow);
    double squares = 0;
    for (int64_t i = 0; i < c.rows; ++i) {
      for (int64_t j = 0; j < c.cols; ++j) sum(0, j) += rx(i, j), squares += rx(i, j) * rx(i, j);
    }
    AddSumOfRows(ctx, x, row);  // adds to what was there
    EXPECT_LT(MaxAbsDiff(row, sum), 1e-5);
    EXPECT_TRUE(row.Intact());
    EXPECT_NEAR(SumOfSquares(ctx, x), squares, 1e-6 * squares);
  });
}

TEST(Elementwise, LongSumsStayAccurate) {
  Context ctx;
  Rng rng(2);
  Tensor x(20000, 3), sum = Tensor::Zeros(1, 3);
  double exact = 0, squares = 0;
  for (int64_t i = 0; i < x.Rows(); ++i) {
    for (int64_t j = 0; j < 3; ++j) x(i, j) = static_cast<float>(rng.Uniform());
    exact += x(i, 1);
    for (int64_t j = 0; j < 3; ++j) squares += static_cast<double>(x(i, j)) * x(i, j);
  }
  AddSumOfRows(ctx, x, sum);
  EXPECT_NEAR(sum(0, 1), exact, 2e-6 * exact);
  EXPECT_NEAR(SumOfSquares(ctx, x), squares, 1e-7 * squares);
}

TEST(Elementwise, NanIsSeen) {
  Context ctx;
  Tensor x = Tensor::Zeros(3, 13), sum = Tensor::Zeros(1, 13);
  x(2, 12) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(SumOfSquares(ctx, x)));
  AddSumOfRows(ctx, x, sum);
  EXPECT_TRUE(std::isnan(sum(0, 12)));
  EXPECT_EQ(sum(0, 11), 0);
}

TEST(Elementwise, WrongShapesThrow) {
  Context ctx;
  Tensor x(3, 4), y(3, 5), row(1, 4);
  EXPECT_THROW(CopyTo(ctx, x, y), Error);
  EXPECT_THROW(AddTo(ctx, 1, x, y), Error);
  EXPECT_THROW(AddRowVector(ctx, row, y), Error);
  EXPECT_THROW(AddSumOfRows(ctx, y, row), Error);
  EXPECT_THROW(ScaleRows(ctx, {1.f, 2.f}, x), Error);
  EXPECT_THROW(Normalize(ctx, y, row, row, y), Error);
}

}  // namespace
}  // namespace u2moe
