#include "ops/group-max.h"

#include "ops/ref/group-max.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

TEST(GroupMax, EqualsTheReference) {
  Context ctx;
  Rng rng(1);
  ForOpCasesAndPacks(&rng, [&](const OpCase &c) {
    for (int64_t group : {1, 5, 8, 33, 64}) {
      GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols), c.padding),
          y(c.rows, (c.cols + group - 1) / group, c.padding);
      GroupMax(ctx, group, x, y);
      EXPECT_EQ(MaxAbsDiff(y, ref::GroupMax(group, RefMatrix(x.View()))), 0);
      EXPECT_TRUE(x.Intact() && y.Intact());
    }
  });
}

TEST(GroupMax, NoNanIsLost) {
  Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t) {
    for (int64_t j = 0; j < 75; ++j) {
      Tensor x = RandomTensor(&rng, 1, 75), y(1, 3);
      x(0, 0) = -std::numeric_limits<float>::infinity();
      x(0, j) = std::nanf("");
      GroupMax(ctx, 32, x, y);
      for (int64_t g = 0; g < 3; ++g) EXPECT_EQ(std::isnan(y(0, g)), g == j / 32) << j;
    }
  });
}

TEST(GroupMax, MinusInfinity) {
  constexpr float kMinusInf = -std::numeric_limits<float>::infinity();
  Context ctx;
  ForOpTargets([&](int64_t) {
    Tensor x(1, 40), y(1, 2);
    for (int64_t j = 0; j < 40; ++j) x(0, j) = kMinusInf;
    GroupMax(ctx, 32, x, y);
    EXPECT_EQ(y(0, 0), kMinusInf);
    EXPECT_EQ(y(0, 1), kMinusInf);
  });
}

}  // namespace
}  // namespace u2moe
