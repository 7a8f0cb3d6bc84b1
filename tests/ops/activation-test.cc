#include "ops/activation.h"

#include "ops/ref/activation.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Activation, Names) {
  EXPECT_EQ(ParseActivation("swish"), Activation::kSwish);
  EXPECT_EQ(ParseActivation(ToString(Activation::kRelu)), Activation::kRelu);
  EXPECT_EQ(ToString(Activation::kSwish), "swish");
  EXPECT_THROW(ParseActivation("gelu"), DataError);
}

TEST(Activation, ForwardAndBackward) {
  Context ctx;
  Rng rng(1);
  for (Activation f : {Activation::kSwish, Activation::kRelu}) {
    ForOpCases(&rng, [&](const OpCase &c) {
      GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols, 3), c.padding),
          y(c.rows, c.cols, c.padding), dy(RandomTensor(&rng, c.rows, c.cols), c.padding),
          dx(c.rows, c.cols, c.padding);
      for (int64_t i = 0; i < c.rows; ++i) {  // differences across the kink of relu mean nothing
        for (int64_t j = 0; j < c.cols; ++j) x.View()(i, j) += x.View()(i, j) < 0 ? -1e-3f : 1e-3f;
      }
      ActivationForward(ctx, f, x, y);
      RefMatrix rx(x.View());
      EXPECT_LT(MaxAbsDiff(y, ref::Activate(f, rx)), 1.5e-6);
      ActivationBackward(ctx, f, x, dy, dx);
      const RefMatrix upstream(dy.View());
      const auto loss = [&] { return ref::Dot(upstream, ref::Activate(f, rx)); };
      EXPECT_LT(GradientError(loss, &rx, dx), 1e-5);
      EXPECT_TRUE(y.Intact() && dx.Intact());

      const Tensor y1 = Tensor::Copy(y.View()), dx1 = Tensor::Copy(dx.View());
      ActivationBackward(ctx, f, x, dy, dy);  // in place: the same bits
      EXPECT_EQ(MaxAbsDiff(dy, dx1), 0);
      ActivationForward(ctx, f, x, x);
      EXPECT_EQ(MaxAbsDiff(x, y1), 0);
    });
  }
}

TEST(Activation, SwishIsGluOfTwins) {
  Context ctx;
  Rng rng(2);
  Tensor x = RandomTensor(&rng, 6, 20), twins(6, 40), y(6, 20), y1(6, 20);
  for (int64_t i = 0; i < 6; ++i) {
    for (int64_t j = 0; j < 20; ++j) twins(i, j) = twins(i, 20 + j) = x(i, j);
  }
  ActivationForward(ctx, Activation::kSwish, x, y);
  GluForward(ctx, twins, y1);
  EXPECT_EQ(MaxAbsDiff(y, y1), 0);
}

TEST(Activation, FarValues) {
  Context ctx;
  Tensor x(1, 8), y(1, 8), dx(1, 8), ones(1, 8);
  const float values[] = {-1e30f, -200, -90, 0, 90, 200, 1e30f, kInf};
  for (int64_t j = 0; j < 8; ++j) x(0, j) = values[j], ones(0, j) = 1;
  ActivationForward(ctx, Activation::kSwish, x, y);
  ActivationBackward(ctx, Activation::kSwish, x, ones, dx);
  EXPECT_EQ(y(0, 0), 0);
  for (int64_t j = 1; j < 3; ++j) EXPECT_NEAR(y(0, j), 0, 1e-30);
  for (int64_t j = 0; j < 3; ++j) EXPECT_NEAR(dx(0, j), 0, 1e-30);
  EXPECT_EQ(y(0, 3), 0);
  EXPECT_EQ(dx(0, 3), 0.5f);
  for (int64_t j = 4; j < 8; ++j) EXPECT_EQ(y(0, j), values[j]);
  for (int64_t j = 4; j < 7; ++j) EXPECT_EQ(dx(0, j), 1);
}

TEST(Activation, ReluHasDerivative0At0) {
  Context ctx;
  Tensor x = Tensor::Zeros(1, 9), dy = Tensor::Zeros(1, 9), dx(1, 9);
  for (int64_t j = 0; j < 9; ++j) dy(0, j) = 1;
  ActivationBackward(ctx, Activation::kRelu, x, dy, dx);
  EXPECT_EQ(MaxAbsDiff(dx, x), 0);
}

TEST(Activation, NanInNanOut) {
  Context ctx;
  Tensor x = Tensor::Zeros(1, 11), y(1, 11);
  x(0, 2) = x(0, 10) = kNan;  // in a full vector and in the tail
  for (Activation f : {Activation::kSwish, Activation::kRelu}) {
    ActivationForward(ctx, f, x, y);
    for (int64_t j = 0; j < 11; ++j) EXPECT_EQ(std::isnan(y(0, j)), j == 2 || j == 10);
  }
  Tensor gate = Tensor::Zeros(1, 22), z(1, 11);
  gate(0, 12) = kNan;  // 0 * sigmoid(NaN)
  GluForward(ctx, gate, z);
  EXPECT_TRUE(std::isnan(z(0, 1)));
}

TEST(Glu, ForwardAndBackward) {
  Context ctx;
  Rng rng(3);
  ForOpCases(&rng, [&](const OpCase &c) {
    GuardedMatrix x(RandomTensor(&rng, c.rows, 2 * c.cols, 2), c.padding),
        y(c.rows, c.cols, c.padding), dy(RandomTensor(&rng, c.rows, c.cols), c.padding),
        dx(c.rows, 2 * c.cols, c.padding);
    GluForward(ctx, x, y);
    RefMatrix rx(x.View());
    EXPECT_LT(MaxAbsDiff(y, ref::Glu(rx)), 1.5e-6);
    GluBackward(ctx, x, dy, dx);
    const RefMatrix upstream(dy.View());
    const auto loss = [&] { return ref::Dot(upstream, ref::Glu(rx)); };
    EXPECT_LT(GradientError(loss, &rx, dx), 1e-5);
    EXPECT_TRUE(y.Intact() && dx.Intact());
  });
}

TEST(Activation, WrongShapesThrow) {
  Context ctx;
  Tensor x(2, 6), y(2, 5), z(2, 3);
  EXPECT_THROW(ActivationForward(ctx, Activation::kSwish, x, y), Error);
  EXPECT_THROW(ActivationBackward(ctx, Activation::kSwish, x, x, y), Error);
  EXPECT_THROW(GluForward(ctx, x, y), Error);
  EXPECT_THROW(GluBackward(ctx, x, z, y), Error);
}

}  // namespace
}  // namespace u2moe
