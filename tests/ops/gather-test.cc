#include "ops/gather.h"

#include "support/op-test.h"

namespace u2moe {
namespace {

std::vector<int32_t> RandomIndex(Rng *rng, int64_t size, int64_t range) {
  std::vector<int32_t> index;
  for (int64_t s = 0; s < size; ++s)
    index.push_back(static_cast<int32_t>(rng->UniformInt(0, range - 1)));
  return index;
}

TEST(Gather, AllAgainstPlainLoops) {
  Context ctx;
  Rng rng(1);
  ForOpCasesAndPacks(&rng, [&](const OpCase &c) {
    const int64_t slots = 2 * c.rows;
    GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols), c.padding), y(slots, c.cols, c.padding),
        back(RandomTensor(&rng, c.rows, c.cols), c.padding);
    const std::vector<int32_t> index = RandomIndex(&rng, slots, c.rows);  // with repeats and gaps
    std::vector<float> weight, dot;
    for (int64_t s = 0; s < slots; ++s) weight.push_back(static_cast<float>(rng.Normal()));

    GatherRows(ctx, x, index, y);
    EXPECT_TRUE(y.Intact());
    RefMatrix want(back.View());
    for (int64_t s = 0; s < slots; ++s) {
      for (int64_t j = 0; j < c.cols; ++j) {
        EXPECT_EQ(y.View()(s, j), x.View()(index[s], j));
        want(index[s], j) += static_cast<double>(weight[s]) * y.View()(s, j);
      }
    }
    ScatterAddRows(ctx, y, index, weight, back);
    EXPECT_LT(MaxAbsDiff(back, want), 5e-6);
    EXPECT_TRUE(back.Intact());

    GatherDotRows(ctx, y, back, index, &dot);
    ASSERT_EQ(dot.size(), index.size());
    for (int64_t s = 0; s < slots; ++s) {
      double sum = 0, sum_abs = 0;
      for (int64_t j = 0; j < c.cols; ++j) {
        const double product = static_cast<double>(y.View()(s, j)) * back.View()(index[s], j);
        sum += product;
        sum_abs += std::fabs(product);
      }
      EXPECT_NEAR(dot[s], sum, 2e-7 * sum_abs);
    }
  });
}

// Rows that many slots go to, and rows that none does: each sum is in the order of s, whatever the
// other rows have. Fused and plain multiplication differ, so slots have weights that are powers of
// two.
TEST(Gather, SumsAreInTheOrderOfSlots) {
  Context ctx;
  Rng rng(4);
  ForOpTargets(&rng, [&](int64_t) {
    const int64_t rows = 150, slots = 1000, cols = 36;
    const Tensor x = RandomTensor(&rng, slots, cols), start = RandomTensor(&rng, rows, cols);
    std::vector<int32_t> index = RandomIndex(&rng, slots, rows);
    std::vector<float> weight;
    for (int64_t s = 0; s < slots; ++s) {
      if (s % 3 == 0) index[s] = 31 + static_cast<int32_t>(s % 2);  // beside a warp's edge
      if (index[s] == 7) index[s] = 149;
      weight.push_back(s % 5 == 0 ? -0.5f : 2.f);
    }
    Tensor want = start, y = start;
    for (int64_t s = 0; s < slots; ++s) {
      for (int64_t j = 0; j < cols; ++j) want(index[s], j) += weight[s] * x(s, j);
    }
    ScatterAddRows(ctx, x, index, weight, y);
    EXPECT_TRUE(SameBits(y, want));
  });
}

TEST(Gather, NoWeightsMeansOne) {
  Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t) {
    Tensor x = RandomTensor(&rng, 6, 11), a = Tensor::Zeros(4, 11), b = Tensor::Zeros(4, 11);
    const std::vector<int32_t> index = {3, 0, 3, 1, 1, 3};
    ScatterAddRows(ctx, x, index, {}, a);
    ScatterAddRows(ctx, x, index, std::vector<float>(6, 1.f), b);
    EXPECT_EQ(MaxAbsDiff(a, b), 0);
    for (int64_t j = 0; j < 11; ++j) EXPECT_EQ(a(2, j), 0);
  });
}

// <scatter(x), y> = <x, gather(y)>: one is the gradient of the other.
TEST(Gather, ScatterIsItsTranspose) {
  Context ctx;
  Rng rng(3);
  ForOpTargets(&rng, [&](int64_t) {
    Tensor x = RandomTensor(&rng, 20, 17), y = RandomTensor(&rng, 7, 17);
    Tensor scattered = Tensor::Zeros(7, 17), gathered(20, 17);
    const std::vector<int32_t> index = RandomIndex(&rng, 20, 7);
    ScatterAddRows(ctx, x, index, {}, scattered);
    GatherRows(ctx, y, index, gathered);
    EXPECT_NEAR(ref::Dot(RefMatrix(scattered.View()), RefMatrix(y.View())),
                ref::Dot(RefMatrix(x.View()), RefMatrix(gathered.View())), 1e-4);
  });
}

TEST(Gather, BadIndexThrows) {
  Context ctx;
  Tensor x(3, 4), y(2, 4), z(2, 5);
  std::vector<float> dot;
  EXPECT_THROW(GatherRows(ctx, x, {0, 3}, y), Error);
  EXPECT_THROW(GatherRows(ctx, x, {0, -1}, y), Error);
  EXPECT_THROW(GatherRows(ctx, x, {0}, y), Error);
  EXPECT_THROW(GatherRows(ctx, x, {0, 1}, z), Error);
  EXPECT_THROW(ScatterAddRows(ctx, y, {0, 3}, {}, x), Error);
  EXPECT_THROW(ScatterAddRows(ctx, y, {0, 1}, {1.f}, x), Error);
  EXPECT_THROW(GatherDotRows(ctx, y, x, {0, 3}, &dot), Error);
}

// There the host does not wait to ask: what is wrong shows as NaN, or goes nowhere.
TEST(Gather, BadIndexOnCuda) {
  Context ctx;
  Rng rng(5);
  ForOpTargets(&rng, [&](int64_t target) {
    if (target != kCudaTarget) return;
    const Tensor x = RandomTensor(&rng, 3, 4);
    Tensor y(3, 4), sum = Tensor::Zeros(3, 4);
    std::vector<float> dot;
    GatherRows(ctx, x, {2, 3, -1}, y);
    GatherDotRows(ctx, x, x, {2, 3, -1}, &dot);
    ScatterAddRows(ctx, x, {2, 3, -1}, {}, sum);
    EXPECT_EQ(MaxAbsDiff(y.View().RowRange(0, 1), x.View().RowRange(2, 1)), 0);
    EXPECT_TRUE(std::isnan(y(1, 0)) && std::isnan(y(2, 3)));
    EXPECT_TRUE(std::isfinite(dot[0]) && std::isnan(dot[1]) && std::isnan(dot[2]));
    EXPECT_EQ(MaxAbsDiff(sum.View().RowRange(2, 1), x.View().RowRange(0, 1)), 0);
    EXPECT_EQ(MaxAbsDiff(sum.View().RowRange(0, 2), Tensor::Zeros(2, 4)), 0);
  });
}

}  // namespace
}  // namespace u2moe
