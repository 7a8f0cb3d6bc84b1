#include "ops/noise.h"

#include "support/op-test.h"

namespace u2moe {
namespace {

TEST(AddNormalNoise, MomentsOfARow) {
  ForOpTargets([&](int64_t) {
    Tensor y(1, 100000);
    std::fill_n(y.Data(), y.Size(), 3.0f);
    const std::vector<uint64_t> seeds = {7};
    AddNormalNoise(Context(), seeds, 0.5, y);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < y.Size(); ++i) {
      sum += y.Data()[i] - 3;
      squares += (y.Data()[i] - 3) * (y.Data()[i] - 3);
    }
    EXPECT_NEAR(sum / 1e5, 0, 0.01);
    EXPECT_NEAR(std::sqrt(squares / 1e5), 0.5, 0.01);
  });
}

// Wherever a row lies and whatever lies beside it; another seed is another row.
TEST(AddNormalNoise, ARowIsItsSeeds) {
  ForOpTargets([&](int64_t) {
    GuardedMatrix y(Tensor::Zeros(3, 5), 3);
    const std::vector<uint64_t> seeds = {1, 2, 1};
    AddNormalNoise(Context(), seeds, 1, y);
    EXPECT_TRUE(y.Intact());
    EXPECT_EQ(MaxAbsDiff(y.View().RowRange(0, 1), y.View().RowRange(2, 1)), 0);
    EXPECT_GT(MaxAbsDiff(y.View().RowRange(0, 1), y.View().RowRange(1, 1)), 0.1);
    EXPECT_THROW(AddNormalNoise(Context(), {1, 2}, 1, y), Error);
  });
}

TEST(MultiplyByUniform, WithinItsBounds) {
  ForOpTargets([&](int64_t) {
    Tensor y(1, 100000);
    std::fill_n(y.Data(), y.Size(), 2.0f);
    MultiplyByUniform(Context(), std::vector<uint64_t>{7}, 0.25, y);
    double sum = 0, lowest = 9, highest = 0;
    for (int64_t i = 0; i < y.Size(); ++i) {
      sum += y.Data()[i];
      lowest = std::min<double>(lowest, y.Data()[i]);
      highest = std::max<double>(highest, y.Data()[i]);
    }
    EXPECT_NEAR(sum / 1e5, 2, 0.005);
    EXPECT_TRUE(lowest >= 1.5 && lowest < 1.501) << lowest;
    EXPECT_TRUE(highest <= 2.5 && highest > 2.499) << highest;
  });
}

TEST(MultiplyByUniform, ARowIsItsSeeds) {
  ForOpTargets([&](int64_t) {
    Tensor ones(3, 5);
    std::fill_n(ones.Data(), ones.Size(), 1.0f);
    GuardedMatrix y(ones, 3);
    MultiplyByUniform(Context(), std::vector<uint64_t>{1, 2, 1}, 0.5, y);
    EXPECT_TRUE(y.Intact());
    EXPECT_EQ(MaxAbsDiff(y.View().RowRange(0, 1), y.View().RowRange(2, 1)), 0);
    EXPECT_GT(MaxAbsDiff(y.View().RowRange(0, 1), y.View().RowRange(1, 1)), 0.05);
    EXPECT_THROW(MultiplyByUniform(Context(), std::vector<uint64_t>{1, 2}, 1, y), Error);
  });
}

// The numbers are those of Rng, on every device; more rows and columns than a tile.
TEST(Noise, IsThatOfRng) {
  const Context ctx;
  Rng rng(3);
  ForOpTargets(&rng, [&](int64_t) {
    const int64_t rows = 50, cols = 71;
    const Tensor start = RandomTensor(&rng, rows, cols);
    GuardedMatrix added(start, 3), multiplied(start, 3);
    std::vector<uint64_t> seeds;
    for (int64_t r = 0; r < rows; ++r) seeds.push_back(rng.Next());
    AddNormalNoise(ctx, seeds, 0.3, added);
    MultiplyByUniform(ctx, seeds, 0.2, multiplied);
    EXPECT_TRUE(added.Intact() && multiplied.Intact());
    for (int64_t r = 0; r < rows; ++r) {
      Rng normal(seeds[static_cast<size_t>(r)]), uniform = normal;
      for (int64_t d = 0; d < cols; ++d) {
        ASSERT_NEAR(added.View()(r, d), start(r, d) + 0.3 * normal.Normal(), 5e-7);
        ASSERT_NEAR(multiplied.View()(r, d), start(r, d) * uniform.Uniform(0.8, 1.2), 5e-7);
      }
    }
  });
}

}  // namespace
}  // namespace u2moe
