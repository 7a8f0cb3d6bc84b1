#include "ops/depthwise-conv.h"

#include "ops/elementwise.h"
#include "ops/ref/depthwise-conv.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

struct Case {
  int64_t rows, dim, taps, padding;  // rows of the output
};

// Shorter than the kernel, one row, one channel, one tap, odd and whole vectors, several blocks of
// rows, more taps than CUDA takes at a time.
const Case kCases[] = {{1, 1, 1, 0},   {1, 5, 8, 3},  {3, 9, 15, 0},  {7, 8, 8, 3},  {8, 16, 7, 0},
                       {9, 17, 4, 2},  {20, 3, 5, 1}, {40, 2, 15, 0}, {9, 33, 1, 0}, {14, 6, 15, 2},
                       {15, 6, 15, 2}, {2, 40, 3, 5}, {6, 3, 67, 1}};
const Case kLargeCases[] = {{120, 96, 8, 0}, {130, 96, 15, 4}, {250, 131, 15, 0},
                            {64, 33, 32, 1}, {65, 31, 33, 0},  {129, 9, 34, 0}};

TEST(DepthwiseConv, ForwardIsTheReference) {
  Context ctx;
  Rng rng(1);
  std::vector<Case> cases(std::begin(kCases), std::end(kCases));
  cases.insert(cases.end(), std::begin(kLargeCases), std::end(kLargeCases));
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : cases) {
      SCOPED_TRACE(Cat(c.rows, "x", c.dim, " taps ", c.taps));
      GuardedMatrix x(RandomTensor(&rng, c.rows + c.taps - 1, c.dim), c.padding),
          y(c.rows, c.dim, c.padding), weight(RandomTensor(&rng, c.dim, c.taps), c.padding);
      Tensor bias = RandomTensor(&rng, 1, c.dim);
      DepthwiseConvForward(ctx, x, weight, bias, y);
      const RefMatrix want =
          ref::DepthwiseConv<double>(RefMatrix(x), RefMatrix(weight), RefMatrix(bias.View()));
      EXPECT_LT(MaxAbsDiff(y, want), 5e-6);
      EXPECT_TRUE(y.Intact() && x.Intact() && weight.Intact());
    }
  });
}

TEST(DepthwiseConv, BackwardIsTheGradient) {
  Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : kCases) {
      SCOPED_TRACE(Cat(c.rows, "x", c.dim, " taps ", c.taps));
      const int64_t in = c.rows + c.taps - 1;
      GuardedMatrix x(RandomTensor(&rng, in, c.dim), c.padding),
          dy(RandomTensor(&rng, c.rows, c.dim), c.padding), dx(in, c.dim, c.padding),
          dweight(Tensor::Zeros(c.dim, c.taps), c.padding), dbias(Tensor::Zeros(1, c.dim), 0);
      Tensor weight = RandomTensor(&rng, c.dim, c.taps), bias = RandomTensor(&rng, 1, c.dim);
      DepthwiseConvBackward(ctx, x, weight, dy, dx, dweight, dbias);
      EXPECT_TRUE(dx.Intact() && dweight.Intact() && dbias.Intact());
      RefMatrix rx(x), rw(weight.View()), rb(bias.View());
      const RefMatrix upstream(dy.View());
      const auto loss = [&] { return ref::Dot(upstream, ref::DepthwiseConv<double>(rx, rw, rb)); };
      EXPECT_LT(GradientError(loss, &rx, dx), 1e-5);
      EXPECT_LT(GradientError(loss, &rw, dweight), 1e-5);
      EXPECT_LT(GradientError(loss, &rb, dbias), 1e-5);

      // dx is overwritten, the gradients of the parameters add.
      const Tensor dx1 = Tensor::Copy(dx.View());
      Tensor twice_weight = Tensor::Copy(dweight.View()), twice_bias = Tensor::Copy(dbias.View());
      ScaleBy(ctx, 2, twice_weight);
      ScaleBy(ctx, 2, twice_bias);
      DepthwiseConvBackward(ctx, x, weight, dy, dx, dweight, dbias);
      EXPECT_EQ(MaxAbsDiff(dx, dx1), 0);
      EXPECT_LT(MaxAbsDiff(dweight, twice_weight), 1e-5);
      EXPECT_LT(MaxAbsDiff(dbias, twice_bias), 1e-5);
    }
  });
}

TEST(DepthwiseConv, BackwardOfLargeShapes) {
  Context ctx;
  Rng rng(3);
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : kLargeCases) {
      SCOPED_TRACE(Cat(c.rows, "x", c.dim, " taps ", c.taps));
      const int64_t in = c.rows + c.taps - 1;
      Tensor x = RandomTensor(&rng, in, c.dim), dy = RandomTensor(&rng, c.rows, c.dim),
             dx(in, c.dim);
      Tensor weight = RandomTensor(&rng, c.dim, c.taps);
      Tensor dweight = Tensor::Zeros(c.dim, c.taps), dbias = Tensor::Zeros(1, c.dim);
      DepthwiseConvBackward(ctx, x, weight, dy, dx, dweight, dbias);
      RefMatrix want_x(in, c.dim), want_w(c.dim, c.taps), want_b(1, c.dim);
      for (int64_t t = 0; t < c.rows; ++t) {
        for (int64_t d = 0; d < c.dim; ++d) {
          want_b(0, d) += dy(t, d);
          for (int64_t j = 0; j < c.taps; ++j) {
            want_x(t + j, d) += static_cast<double>(dy(t, d)) * weight(d, j);
            want_w(d, j) += static_cast<double>(dy(t, d)) * x(t + j, d);
          }
        }
      }
      EXPECT_LT(MaxAbsDiff(dx, want_x), 1e-5);
      EXPECT_LT(MaxAbsDiff(dweight, want_w), 5e-5);
      EXPECT_LT(MaxAbsDiff(dbias, want_b), 5e-5);
    }
  });
}

// Chunk by chunk with the last rows kept as history is the whole: streaming relies on it.
TEST(DepthwiseConv, RowsDoNotDependOnEachOther) {
  Context ctx;
  Rng rng(4);
  ForOpTargets(&rng, [&](int64_t) {
    Tensor x = RandomTensor(&rng, 77, 21), weight = RandomTensor(&rng, 21, 8),
           bias = RandomTensor(&rng, 1, 21);
    Tensor y(70, 21);
    DepthwiseConvForward(ctx, x, weight, bias, y);
    for (int64_t n : {1, 5, 16}) {
      for (int64_t t = 0; t + n <= 70; t += n) {
        Tensor part(n, 21);
        DepthwiseConvForward(ctx, x.View().RowRange(t, n + 7), weight, bias, part);
        EXPECT_EQ(MaxAbsDiff(part, y.View().RowRange(t, n)), 0);
      }
    }
  });
}

// What is no number stays with the rows that reach it.
TEST(DepthwiseConv, NotANumberStaysWhereItIs) {
  Context ctx;
  Rng rng(5);
  ForOpTargets(&rng, [&](int64_t) {
    Tensor x = RandomTensor(&rng, 75, 5), weight = RandomTensor(&rng, 5, 6),
           bias = RandomTensor(&rng, 1, 5), y(70, 5);
    x(40, 2) = std::numeric_limits<float>::quiet_NaN();
    DepthwiseConvForward(ctx, x, weight, bias, y);
    for (int64_t t = 0; t < 70; ++t) {
      for (int64_t d = 0; d < 5; ++d)
        EXPECT_EQ(std::isnan(y(t, d)), d == 2 && t > 34 && t <= 40) << t << " " << d;
    }
  });
}

TEST(DepthwiseConv, NoRows) {
  Context ctx;
  Tensor x = Tensor::Zeros(7, 3), weight = Tensor::Zeros(3, 8), bias(1, 3), dx(7, 3),
         dweight = Tensor::Zeros(3, 8), dbias = Tensor::Zeros(1, 3);
  ForOpTargets([&](int64_t) {
    dx(2, 1) = 5;
    DepthwiseConvForward(ctx, x, weight, bias, View(nullptr, 0, 3));
    DepthwiseConvBackward(ctx, x, weight, ConstView(nullptr, 0, 3), dx, dweight, dbias);
    EXPECT_EQ(MaxAbsDiff(dx, x), 0);
    EXPECT_EQ(MaxAbsDiff(dweight, Tensor::Zeros(3, 8)), 0);
  });
}

TEST(DepthwiseConv, WrongShapesThrow) {
  Context ctx;
  Tensor x(9, 4), weight(4, 3), bias(1, 4), y(7, 4), short_y(6, 4), wide(3, 3), dbias(1, 3);
  EXPECT_THROW(DepthwiseConvForward(ctx, x, weight, bias, short_y), Error);
  EXPECT_THROW(DepthwiseConvForward(ctx, x, wide, bias, y), Error);
  EXPECT_THROW(DepthwiseConvBackward(ctx, x, weight, y, x, weight, dbias), Error);
}

}  // namespace
}  // namespace u2moe
