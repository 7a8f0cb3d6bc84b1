#include "ops/noise.h"

#include "support/op-test.h"

namespace u2moe {
namespace {

TEST(AddNormalNoise, MomentsOfARow) {
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
}

// Wherever a row lies and whatever lies beside it; another seed is another row.
TEST(AddNormalNoise, ARowIsItsSeeds) {
  GuardedMatrix y(Tensor::Zeros(3, 5), 3);
  const std::vector<uint64_t> seeds = {1, 2, 1};
  AddNormalNoise(Context(), seeds, 1, y);
  EXPECT_TRUE(y.Intact());
  EXPECT_EQ(MaxAbsDiff(y.View().RowRange(0, 1), y.View().RowRange(2, 1)), 0);
  EXPECT_GT(MaxAbsDiff(y.View().RowRange(0, 1), y.View().RowRange(1, 1)), 0.1);
  EXPECT_THROW(AddNormalNoise(Context(), {1, 2}, 1, y), Error);
}

}  // namespace
}  // namespace u2moe
