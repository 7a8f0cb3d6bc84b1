#include "layer/feed-forward.h"

#include "layer/ref/feed-forward.h"
#include "support/layer-test.h"

namespace u2moe {
namespace {

constexpr int64_t kDim = 5, kHidden = 7;

// What dropout multiplies a [rows, cols] matrix by.
RefMatrix Factors(const DropoutMask &mask, int64_t rows, int64_t cols) {
  Tensor ones(rows, cols);
  std::fill_n(ones.Data(), ones.Size(), 1.f);
  mask.Apply(Context(), ones);
  return RefMatrix(ones);
}

// Whether no hidden value is near the kink of ReLU.
bool FarFromKinks(const RefMatrix &hidden) {
  for (double v : hidden.data) {
    if (std::fabs(v) < 1e-3) return false;
  }
  return true;
}

TEST(DenseFeedForward, IsTheReferenceWithItsGradients) {
  Context ctx;
  Rng rng(2);
  for (const Activation f : {Activation::kSwish, Activation::kRelu}) {
    for (const bool bias : {true, false}) {
      for (const float rate : {0.f, 0.4f}) {
        for (const int64_t rows : {1, 6, 13}) {
          SCOPED_TRACE(Cat(ToString(f), " bias ", bias, " dropout ", rate, " rows ", rows));
          DenseFeedForward layer(kDim, kHidden, f, bias, rate), grad(kDim, kHidden, f, bias, rate);
          Tensor start;
          do {
            RandomizeParams(&rng, &layer);
            start = RandomTensor(&rng, rows, kDim);
          } while (!FarFromKinks(ref::Linear(ParamsOf(&layer), "w_1.", RefMatrix(start))));
          FillParams(kGradStart, &grad);
          GuardedMatrix x(start, 3), y(rows, kDim, 3), dx(rows, kDim, 3),
              dy(RandomTensor(&rng, rows, kDim), 3);
          DropoutSeeds seeds(77), same_seeds(77);
          std::unique_ptr<FeedForwardTape> tape;
          layer.Forward(ctx, x, y, &tape, &seeds, nullptr);
          layer.Backward(ctx, x, *tape, dy, &grad, dx, nullptr);
          EXPECT_TRUE(WrittenInside(&y) && WrittenInside(&dx));

          RefParams params = ParamsOf(&layer);
          RefMatrix ref_x(start);
          const RefMatrix upstream(dy.View()),
              factors = Factors(DropoutMask::Draw(&same_seeds, rate), rows, kHidden);
          const auto forward = [&] { return ref::FeedForward(params, "", f, ref_x, factors); };
          const auto loss = [&] { return ref::Dot(upstream, forward()); };
          EXPECT_LT(MaxAbsDiff(y, forward()), 1e-5);
          EXPECT_LT(GradientError(loss, &ref_x, dx), 1e-4);
          ExpectParamGradients(&grad, &params, loss, 1e-4);
        }
      }
    }
  }
}

TEST(DenseFeedForward, DropoutOnlyWithSeeds) {
  Context ctx;
  Rng rng(3);
  DenseFeedForward layer(kDim, kHidden, Activation::kSwish, true, 0.5f);
  RandomizeParams(&rng, &layer);
  const Tensor x = RandomTensor(&rng, 9, kDim);
  const auto run = [&](DropoutSeeds *seeds, bool with_tape) {
    Tensor y(9, kDim);
    std::unique_ptr<FeedForwardTape> tape;
    layer.Forward(ctx, x, y, with_tape ? &tape : nullptr, seeds, nullptr);
    return y;
  };
  DropoutSeeds a(5), b(5), c(6);
  const Tensor with_a = run(&a, true);
  EXPECT_EQ(MaxAbsDiff(with_a, run(&b, true)), 0);     // the same seed: the same mask
  EXPECT_GT(MaxAbsDiff(with_a, run(&a, true)), 1e-3);  // the next mask of a stream is another
  EXPECT_GT(MaxAbsDiff(with_a, run(&c, true)), 1e-3);  // another seed
  EXPECT_EQ(MaxAbsDiff(run(nullptr, true), run(nullptr, false)), 0);
  EXPECT_LT(
      MaxAbsDiff(run(nullptr, false), ref::FeedForward(ParamsOf(&layer), "", Activation::kSwish,
                                                       RefMatrix(x), RefMatrix())),
      1e-5);
}

TEST(DenseFeedForward, CountsItsParameters) {
  EXPECT_EQ(DenseFeedForward(4, 6, Activation::kSwish, true, 0).NumActiveParams(), 2 * 24 + 6 + 4);
  EXPECT_EQ(DenseFeedForward(4, 6, Activation::kSwish, false, 0).NumActiveParams(), 2 * 24);
}

}  // namespace
}  // namespace u2moe
