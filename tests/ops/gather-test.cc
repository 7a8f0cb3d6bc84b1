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
  ForOpCases(&rng, [&](const OpCase &c) {
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

TEST(Gather, NoWeightsMeansOne) {
  Context ctx;
  Rng rng(2);
  Tensor x = RandomTensor(&rng, 6, 11), a = Tensor::Zeros(4, 11), b = Tensor::Zeros(4, 11);
  const std::vector<int32_t> index = {3, 0, 3, 1, 1, 3};
  ScatterAddRows(ctx, x, index, {}, a);
  ScatterAddRows(ctx, x, index, std::vector<float>(6, 1.f), b);
  EXPECT_EQ(MaxAbsDiff(a, b), 0);
  for (int64_t j = 0; j < 11; ++j) EXPECT_EQ(a(2, j), 0);
}

// <scatter(x), y> = <x, gather(y)>: one is the gradient of the other.
TEST(Gather, ScatterIsItsTranspose) {
  Context ctx;
  Rng rng(3);
  Tensor x = RandomTensor(&rng, 20, 17), y = RandomTensor(&rng, 7, 17);
  Tensor scattered = Tensor::Zeros(7, 17), gathered(20, 17);
  const std::vector<int32_t> index = RandomIndex(&rng, 20, 7);
  ScatterAddRows(ctx, x, index, {}, scattered);
  GatherRows(ctx, y, index, gathered);
  EXPECT_NEAR(ref::Dot(RefMatrix(scattered.View()), RefMatrix(y.View())),
              ref::Dot(RefMatrix(x.View()), RefMatrix(gathered.View())), 1e-4);
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

}  // namespace
}  // namespace u2moe
