#include "layer/subsampling.h"

#include "layer/ref/subsampling.h"
#include "support/layer-test.h"

namespace u2moe {
namespace {

constexpr int64_t kDim = 3;

// The fewest features of each rate, and some more.
int64_t FewestFeatures(int rate) { return rate == 4 ? 7 : rate == 6 ? 11 : 15; }

RefMatrix Reference(const RefParams &params, int rate, const RaggedShape &shape,
                    const RaggedShape &out_shape, const RefMatrix &x, std::vector<double> *inner) {
  RefMatrix y(out_shape.TotalRows(), kDim);
  for (int b = 0; b < shape.NumSequences(); ++b) {
    if (out_shape.Length(b) == 0) continue;
    ref::PutRows(ref::Subsampling(params, "", rate,
                                  ref::RowRange(x, shape.Begin(b), shape.Length(b)), inner),
                 out_shape.Begin(b), &y);
  }
  return y;
}

TEST(Subsampling, IsTheReferenceWithItsGradients) {
  Context ctx;
  Rng rng(12);
  for (const int rate : {4, 6, 8}) {
    const int64_t least = rate == 4 ? 7 : rate == 6 ? 11 : 15;  // frames of one output frame
    const std::vector<std::vector<int64_t>> batches = {
        {least}, {least + rate, least - 1, least, least + rate - 1}};
    for (const std::vector<int64_t> &lengths : batches) {
      for (const int64_t more : {0, 3}) {
        const int64_t features = FewestFeatures(rate) + more;
        SCOPED_TRACE(
            Cat("rate ", rate, ", ", lengths.size(), " sequences, ", features, " features"));
        Subsampling layer(features, kDim, rate), grad(features, kDim, rate);
        EXPECT_EQ(layer.RightContext() + 1, least);
        EXPECT_EQ(layer.Rate(), rate);
        const RaggedShape shape = RaggedShape::FromLengths(lengths),
                          out_shape = layer.OutShape(shape);
        EXPECT_EQ(out_shape.Length(0), lengths.size() == 1 ? 1 : 2);
        if (lengths.size() > 1) {
          EXPECT_EQ(out_shape.Length(1), 0);
          EXPECT_EQ(out_shape.Length(3), 1);
        }
        Tensor x;
        std::vector<double> inner;
        double nearest;
        do {  // away from the kinks of ReLU
          RandomizeParams(&rng, &layer);
          x = RandomTensor(&rng, shape.TotalRows(), features);
          inner.clear();
          Reference(ParamsOf(&layer), rate, shape, out_shape, RefMatrix(x), &inner);
          nearest = 1;
          for (double v : inner) nearest = std::min(nearest, std::fabs(v));
        } while (nearest < 2e-4);
        FillParams(kGradStart, &grad);
        GuardedMatrix y(out_shape.TotalRows(), kDim, 3);
        const Tensor dy = RandomTensor(&rng, out_shape.TotalRows(), kDim);
        Subsampling::Tape tape;
        tape.packed = layer.Pack(ctx);
        layer.Forward(ctx, tape.packed, x, shape, y, &tape);
        layer.Backward(ctx, tape, dy, &grad);
        EXPECT_TRUE(WrittenInside(&y));

        RefParams params = ParamsOf(&layer);
        const RefMatrix ref_x(x), upstream(dy);
        const auto forward = [&] {
          return Reference(params, rate, shape, out_shape, ref_x, nullptr);
        };
        const auto loss = [&] { return ref::Dot(upstream, forward()); };
        EXPECT_LT(MaxAbsDiff(y, forward()), 2e-5);
        ExpectParamGradients(&grad, &params, loss, 1e-4);

        Tensor y1(out_shape.TotalRows(), kDim);
        layer.Forward(ctx, layer.PackForInference(ctx, WeightFormat::kFloat32, 0), x, shape, y1,
                      nullptr);
        EXPECT_LT(MaxAbsDiff(y1, forward()), 2e-5);
      }
    }
  }
}

// Windows as a stream cuts them give the frames of the whole.
TEST(Subsampling, WindowsGiveTheWhole) {
  Context ctx;
  Rng rng(13);
  for (const int rate : {4, 6, 8}) {
    const int64_t features = FewestFeatures(rate) + 2, frames = 83;
    Subsampling layer(features, kDim, rate);
    RandomizeParams(&rng, &layer);
    const Tensor x = RandomTensor(&rng, frames, features);
    const Subsampling::Packed packed = layer.PackForInference(ctx, WeightFormat::kFloat32, 0);
    Tensor whole(layer.OutLength(frames), kDim);
    layer.Forward(ctx, packed, x, RaggedShape::Single(frames), whole, nullptr);
    for (const int64_t chunk : {1, 3}) {
      const int64_t window = (chunk - 1) * rate + layer.RightContext() + 1;
      for (int64_t done = 0; done + chunk <= whole.Rows(); done += chunk) {
        Tensor part(chunk, kDim);
        layer.Forward(ctx, packed, x.View().RowRange(done * rate, window),
                      RaggedShape::Single(window), part, nullptr);
        EXPECT_LT(MaxAbsDiff(part, whole.View().RowRange(done, chunk)), 1e-5)
            << "rate " << rate << " chunk " << chunk << " frame " << done;
      }
    }
  }
}

// So many channels that tiles take the convolutions (ops/packed/conv2d-tiles.h): the same as
// without, alone or not, and windows of whole tiles give the bits of the whole, others its numbers.
TEST(Subsampling, TilesGiveWhatPatchesGive) {
  Context ctx;
  Rng rng(14);
  constexpr int64_t kWide = 128;
  for (const int rate : {4, 8}) {
    const int64_t features = FewestFeatures(rate) + 9;
    Subsampling layer(features, kWide, rate);
    RandomizeParams(&rng, &layer);
    const Subsampling::Packed packed = layer.PackForInference(ctx, WeightFormat::kFloat32, 0);
    Subsampling::Packed patches = packed;
    patches.tiles.clear();
    const RaggedShape shape = RaggedShape::FromLengths({67, 331, 30, 150, 15});
    const Tensor x = RandomTensor(&rng, shape.TotalRows(), features);
    const RaggedShape out_shape = layer.OutShape(shape);
    Tensor y(out_shape.TotalRows(), kWide), want(out_shape.TotalRows(), kWide);
    layer.Forward(ctx, packed, x, shape, y, nullptr);
    layer.Forward(ctx, patches, x, shape, want, nullptr);
    double largest = 0;
    for (int64_t i = 0; i < want.Size(); ++i)
      largest = std::max(largest, std::fabs(static_cast<double>(want.Data()[i])));
    const double bound = 1e-5 * largest, difference = MaxAbsDiff(y, want);
    EXPECT_LT(difference, bound);
    EXPECT_GT(difference, 0) << "no tiles";
    for (int b = 0; b < shape.NumSequences(); ++b) {
      Tensor alone(out_shape.Length(b), kWide);
      const ConstView own = x.View().RowRange(shape.Begin(b), shape.Length(b));
      layer.Forward(ctx, packed, own, RaggedShape::Single(shape.Length(b)), alone, nullptr);
      const View together = y.View().RowRange(out_shape.Begin(b), out_shape.Length(b));
      EXPECT_EQ(MaxAbsDiff(alone, together), 0);
      for (const int64_t chunk : {1, 3, 4, 16}) {
        const int64_t window = (chunk - 1) * rate + layer.RightContext() + 1;
        for (int64_t done = 0; done + chunk <= alone.Rows(); done += chunk) {
          Tensor part(chunk, kWide);
          layer.Forward(ctx, packed, own.RowRange(done * rate, window), RaggedShape::Single(window),
                        part, nullptr);
          const double apart = MaxAbsDiff(part, alone.View().RowRange(done, chunk));
          EXPECT_LE(apart, chunk % kTileOutputs == 0 && rate == 4 ? 0 : bound);
        }
      }
    }
  }
}

TEST(Subsampling, RefusesWhatCannotBe) {
  EXPECT_THROW(Subsampling(80, 4, 5), DataError);
  for (const int rate : {4, 6, 8}) {
    EXPECT_NO_THROW(Subsampling(FewestFeatures(rate), 4, rate));
    EXPECT_THROW(Subsampling(FewestFeatures(rate) - 1, 4, rate), DataError);
  }
}

}  // namespace
}  // namespace u2moe
