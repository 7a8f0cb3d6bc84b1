#include "ops/rotary.h"

#include "ops/ref/rotary.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

TEST(Rotary, IsTheReference) {
  Context ctx;
  Rng rng(1);
  ForOpTargets(&rng, [&](int64_t) {
    for (const int heads : {1, 2, 3}) {
      for (const int64_t width : {2, 4, 10, 150}) {
        for (const int64_t first : {0, 7, 1000000}) {
          for (const int64_t rows : {0, 1, 9, 70}) {
            const Tensor start = RandomTensor(&rng, rows, heads * width);
            GuardedMatrix x(start, 3);
            Rotate(ctx, heads, first, false, x);
            EXPECT_LT(MaxAbsDiff(x, ref::Rotate<double>(heads, first, RefMatrix(start))), 2e-6);
            EXPECT_TRUE(x.Intact());
            Rotate(ctx, heads, first, true, x);
            EXPECT_LT(MaxAbsDiff(x, start), 2e-6);
          }
        }
      }
    }
  });
}

// Turning back is the gradient: the map is orthogonal, so its transpose is its inverse.
TEST(Rotary, BackIsTheTranspose) {
  Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t) {
    const Tensor x = RandomTensor(&rng, 5, 8), dy = RandomTensor(&rng, 5, 8);
    Tensor dx = dy;
    Rotate(ctx, 2, 3, true, dx);
    RefMatrix rx(x);
    const RefMatrix upstream(dy);
    const auto loss = [&] { return ref::Dot(upstream, ref::Rotate<double>(2, 3, rx)); };
    EXPECT_LT(GradientError(loss, &rx, dx), 1e-5);
  });
}

TEST(Rotary, ProductsDependOnDistancesOnly) {
  Context ctx;
  Rng rng(3);
  ForOpTargets(&rng, [&](int64_t) {
    const Tensor q = RandomTensor(&rng, 1, 8), k = RandomTensor(&rng, 1, 8);
    const auto product = [&](int64_t at_q, int64_t at_k) {
      Tensor a = q, b = k;
      Rotate(ctx, 2, at_q, false, a);
      Rotate(ctx, 2, at_k, false, b);
      return ref::Dot(RefMatrix(a), RefMatrix(b));
    };
    EXPECT_NEAR(product(9, 4), product(105, 100), 1e-5);
    EXPECT_GT(std::fabs(product(9, 4) - product(9, 5)), 1e-3);
  });
}

}  // namespace
}  // namespace u2moe
