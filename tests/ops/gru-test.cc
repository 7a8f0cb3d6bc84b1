#include "ops/gru.h"

#include "ops/ref/gru.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

TEST(Gru, IsTheReferenceWithItsGradients) {
  const Context ctx;
  Rng rng(1);
  ForOpTargets(&rng, [&](int64_t) {
    for (const OpCase &c :
         {OpCase{1, 1, 0}, {1, 7, 3}, {5, 1, 0}, {0, 5, 0}, {7, 4, 3}, {3, 17, 0}, {5, 61, 2}}) {
      SCOPED_TRACE(Cat(c.rows, "x", c.cols));
      GuardedMatrix xi(RandomTensor(&rng, c.rows, 3 * c.cols), c.padding),
          hi(RandomTensor(&rng, c.rows, 3 * c.cols), c.padding),
          h(RandomTensor(&rng, c.rows, c.cols), c.padding),
          dy(RandomTensor(&rng, c.rows, c.cols), c.padding), y(c.rows, c.cols, c.padding),
          dxi(c.rows, 3 * c.cols, c.padding), dhi(c.rows, 3 * c.cols, c.padding),
          dh(c.rows, c.cols, c.padding);
      GruForward(ctx, xi, hi, h, y);
      GruBackward(ctx, xi, hi, h, dy, dxi, dhi, dh);
      RefMatrix rxi(xi.View()), rhi(hi.View()), rh(h.View());
      const RefMatrix upstream(dy.View());
      const auto loss = [&] { return ref::Dot(upstream, ref::Gru(rxi, rhi, rh)); };
      EXPECT_LT(MaxAbsDiff(y, ref::Gru(rxi, rhi, rh)), 1e-6);
      EXPECT_LT(GradientError(loss, &rxi, dxi), 1e-5);
      EXPECT_LT(GradientError(loss, &rhi, dhi), 1e-5);
      EXPECT_LT(GradientError(loss, &rh, dh), 1e-5);
      EXPECT_TRUE(y.Intact() && dxi.Intact() && dhi.Intact() && dh.Intact());

      const Tensor y1 = Tensor::Copy(y.View()), dh1 = Tensor::Copy(dh.View());
      GruBackward(ctx, xi, hi, h, dy, dxi, dhi, dy);  // in place: the same bits
      EXPECT_EQ(MaxAbsDiff(dy, dh1), 0);
      GruForward(ctx, xi, hi, h, h);
      EXPECT_EQ(MaxAbsDiff(h, y1), 0);
    }
  });
}

// By hand: r = z = 1/2 where their inputs are 0; gates that are forced open and shut.
TEST(Gru, KnownValues) {
  const Context ctx;
  Tensor xi = Tensor::Zeros(3, 3), hi = Tensor::Zeros(3, 3), h(3, 1), y(3, 1);
  h(0, 0) = h(1, 0) = h(2, 0) = 0.5f;
  xi(0, 2) = hi(0, 2) = 1;
  xi(1, 1) = 100;   // z = 1: the state stays
  xi(2, 1) = -100;  // z = 0 and r = 0: tanh of what comes in
  xi(2, 0) = -100;
  xi(2, 2) = hi(2, 2) = 1;
  ForOpTargets([&](int64_t) {
    GruForward(ctx, xi, hi, h, y);
    EXPECT_NEAR(y(0, 0), (std::tanh(1.5) + 0.5) / 2, 1e-6);
    EXPECT_EQ(y(1, 0), 0.5f);
    EXPECT_NEAR(y(2, 0), std::tanh(1.0), 1e-6);
  });
}

TEST(Gru, WrongShapes) {
  const Context ctx;
  Tensor xi(2, 6), h(2, 2), y(2, 3);
  EXPECT_THROW(GruForward(ctx, xi, xi, h, y), Error);
  EXPECT_THROW(GruForward(ctx, h, xi, h, h), Error);
}

}  // namespace
}  // namespace u2moe
