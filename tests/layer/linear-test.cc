#include "layer/linear.h"

#include "support/layer-test.h"

namespace u2moe {
namespace {

TEST(Linear, IsTheReferenceWithItsGradients) {
  Context ctx;
  Rng rng(1);
  for (const bool pointwise : {false, true}) {
    for (const bool bias : {true, false}) {
      for (const OpCase &c : {OpCase{1, 7, 0}, {5, 1, 3}, {17, 6, 0}, {9, 5, 3}}) {
        SCOPED_TRACE(Cat(c.rows, "x", c.cols, " bias ", bias, " pointwise ", pointwise));
        const auto make = [&] {
          return pointwise ? Linear::Pointwise(c.cols, 4, bias) : Linear(c.cols, 4, bias);
        };
        Linear layer = make(), grad = make();
        EXPECT_EQ(layer.Weight().Shape().size(), pointwise ? 3u : 2u);
        RandomizeParams(&rng, &layer);
        FillParams(kGradStart, &grad);
        GuardedMatrix x(RandomTensor(&rng, c.rows, c.cols), c.padding), y(c.rows, 4, c.padding),
            dy(RandomTensor(&rng, c.rows, 4), c.padding), dx(c.rows, c.cols, c.padding);
        layer.Forward(ctx, x, y);
        layer.Backward(ctx, x, dy, &grad, dx);
        EXPECT_TRUE(WrittenInside(&y) && WrittenInside(&dx));

        RefParams params = ParamsOf(&layer);
        EXPECT_EQ(params.size(), bias ? 2u : 1u);
        RefMatrix ref_x(x.View());
        const RefMatrix upstream(dy.View());
        const auto forward = [&] { return ref::Linear(params, "", ref_x); };
        const auto loss = [&] { return ref::Dot(upstream, forward()); };
        EXPECT_LT(MaxAbsDiff(y, forward()), 1e-5);
        EXPECT_LT(GradientError(loss, &ref_x, dx), 1e-5);
        ExpectParamGradients(&grad, &params, loss, 1e-5);

        // Without dx the parameters get the same.
        Linear again = make();
        FillParams(kGradStart, &again);
        layer.Backward(ctx, x, dy, &again, View());
        EXPECT_EQ(MaxAbsDiff(again.Weight(), grad.Weight()), 0);
      }
    }
  }
}

TEST(Linear, PackedIsTheSameMapForInference) {
  Context ctx;
  Rng rng(2);
  for (const bool bias : {true, false}) {
    for (const WeightFormat format : {WeightFormat::kFloat32, WeightFormat::kBfloat16,
                                      WeightFormat::kInt8, WeightFormat::kInt4}) {
      Linear layer = Linear::Pointwise(19, 21, bias);
      RandomizeParams(&rng, &layer);
      const Tensor x = RandomTensor(&rng, 5, 19);
      Tensor expected(5, 21), y(5, 21);
      layer.Forward(ctx, x, expected);
      const int64_t num_params = layer.NumParams();
      layer.SetPacked(PackedMatrix::Pack(layer.Weight(), format));
      EXPECT_TRUE(layer.Weight().Empty());
      EXPECT_EQ(layer.InDim(), 19);
      EXPECT_EQ(layer.OutDim(), 21);
      EXPECT_EQ(layer.NumParams(), num_params);
      layer.Forward(ctx, x, y);
      const double bound = format == WeightFormat::kFloat32 ? 1e-5
                           : format == WeightFormat::kInt4  ? 1.5
                                                            : 0.1;
      EXPECT_LT(MaxAbsDiff(y, expected), bound) << ToString(format);
      // Visitors that know floats only are told.
      EXPECT_THROW(FillParams(0, &layer), Error);
    }
  }
}

}  // namespace
}  // namespace u2moe
