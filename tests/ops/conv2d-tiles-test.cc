#include "ops/packed/conv2d-tiles.h"

#include <thread>
#include <vector>

#include "ops/ref/conv2d.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

struct Case {
  int64_t in_channels, out_channels, freq, time, padding;
};

// Fewer outputs than a tile has, tiles that are full and not, in time and frequency; more tiles
// than a block; inputs that no output needs; channels that are no multiple of a vector.
const std::vector<Case> kCases = {{1, 1, 3, 3, 0},      {16, 16, 9, 9, 0},    {5, 3, 4, 4, 2},
                                  {17, 33, 19, 18, 3},  {40, 31, 39, 8, 0},   {32, 16, 39, 83, 1},
                                  {24, 48, 20, 147, 0}, {130, 144, 19, 35, 0}};

struct Inputs {
  Inputs(Rng *rng, const Case &c) {
    shape.in_channels = c.in_channels, shape.out_channels = c.out_channels;
    shape.in_freq = c.freq;
    x = RandomTensor(rng, c.time * c.freq, c.in_channels);
    weight = RandomTensor(rng, c.out_channels, shape.PatchSize());
    bias = RandomTensor(rng, 1, c.out_channels);
    Tensor patches(c.out_channels, shape.PatchSize());
    PackChannelsLast(Context(), shape.in_channels, weight, patches);
    packed = PackedMatrix::Pack(patches, WeightFormat::kFloat32);
  }
  int64_t OutRows(int64_t time) const { return shape.OutTime(time) * shape.OutFreq(); }

  Conv2dShape shape;
  Tensor x, weight, bias;
  PackedMatrix packed;
};

std::string Describe(const Case &c) {
  return Cat(c.in_channels, " to ", c.out_channels, " of ", c.time, "x", c.freq);
}

TEST(Conv2dTiles, AreTheReferenceAndTheProductOfPatches) {
  Context ctx;
  Rng rng(1);
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : kCases) {
      SCOPED_TRACE(Describe(c));
      const Inputs in(&rng, c);
      RefMatrix want =
          ref::Conv2d<double>(in.shape, RefMatrix(in.x), RefMatrix(in.weight), RefMatrix(in.bias));
      double squares = 0;
      for (double &v : want.data) squares += v * v, v = std::max(v, 0.0);
      const double rms = std::sqrt(squares / static_cast<double>(want.data.size()));
      GuardedMatrix y(in.OutRows(c.time), c.out_channels, c.padding);
      const Conv2dTiles tiles(in.shape, in.packed);
      Conv2dReluTiles(ctx, tiles, in.x, in.bias, y);
      EXPECT_LT(MaxAbsDiff(y, want), 2e-5 * rms);
      EXPECT_TRUE(y.Intact());
      Tensor direct(in.OutRows(c.time), c.out_channels);
      Conv2dReluPacked(ctx, in.shape, in.x, in.packed, in.bias, direct);
      EXPECT_LT(MaxAbsDiff(y, direct), 2e-5 * rms);
    }
  });
}

// Bits do not change with what follows a tile, nor with how many tiles there are.
TEST(Conv2dTiles, DoNotDependOnEachOther) {
  Context ctx;
  Rng rng(2);
  const Case c{32, 48, 39, 2 * 53 + 1, 0};
  const Inputs in(&rng, c);
  const Conv2dTiles tiles(in.shape, in.packed);
  Tensor whole(in.OutRows(c.time), c.out_channels);
  Conv2dReluTiles(ctx, tiles, in.x, in.bias, whole);
  for (const int64_t begin : {0, 4, 36}) {
    for (const int64_t frames : {4, 16}) {
      SCOPED_TRACE(Cat("frames ", begin, " to ", begin + frames));
      const int64_t freq = in.shape.in_freq, out_freq = in.shape.OutFreq();
      Tensor part(frames * out_freq, c.out_channels);
      Conv2dReluTiles(ctx, tiles, in.x.View().RowRange(2 * begin * freq, (2 * frames + 1) * freq),
                      in.bias, part);
      EXPECT_EQ(MaxAbsDiff(part, whole.View().RowRange(begin * out_freq, frames * out_freq)), 0);
    }
  }
}

TEST(Conv2dTiles, ThreadsShareTheWeights) {
  Rng rng(3);
  const Case c{32, 16, 9, 21, 0};
  const Inputs in(&rng, c);
  const Conv2dTiles tiles(in.shape, in.packed);
  std::vector<Tensor> results(4);
  std::vector<std::thread> threads;
  for (Tensor &y : results) {
    y = Tensor(in.OutRows(c.time), c.out_channels);
    threads.emplace_back([&] { Conv2dReluTiles(Context(), tiles, in.x, in.bias, y); });
  }
  for (std::thread &thread : threads) thread.join();
  EXPECT_EQ(&tiles.Weights(Context()), &tiles.Weights(Context()));
  for (const Tensor &y : results) EXPECT_EQ(MaxAbsDiff(y, results[0]), 0);
}

TEST(Conv2dTiles, KeepWhatIsNotANumber) {
  Context ctx;
  Rng rng(4);
  const Case c{16, 16, 9, 9, 0};
  Inputs in(&rng, c);
  in.x(0, 3) = std::numeric_limits<float>::quiet_NaN();
  Tensor y(in.OutRows(c.time), c.out_channels);
  Conv2dReluTiles(ctx, Conv2dTiles(in.shape, in.packed), in.x, in.bias, y);
  EXPECT_TRUE(std::isnan(y(0, 0)));
}

TEST(Conv2dTiles, SuitWideConvolutionsOfFloats) {
  Conv2dShape s;
  s.in_channels = s.out_channels = 144, s.in_freq = 39;
  EXPECT_TRUE(Conv2dTiles::Suit(s, WeightFormat::kFloat32));
  EXPECT_FALSE(Conv2dTiles::Suit(s, WeightFormat::kInt8));
  EXPECT_FALSE(Conv2dTiles::Suit(s, WeightFormat::kBfloat16));
  s.in_channels = 1;
  EXPECT_FALSE(Conv2dTiles::Suit(s, WeightFormat::kFloat32));
  s.in_channels = 144, s.kernel = 5, s.stride = 3;
  EXPECT_FALSE(Conv2dTiles::Suit(s, WeightFormat::kFloat32));
}

TEST(Conv2dTiles, WrongShapesThrow) {
  Context ctx;
  Rng rng(5);
  const Inputs in(&rng, {4, 3, 5, 5, 0});
  const Conv2dTiles tiles(in.shape, in.packed);
  Tensor y(4, 3), short_y(3, 3), other(24, 4), narrow(25, 3);
  EXPECT_NO_THROW(Conv2dReluTiles(ctx, tiles, in.x, in.bias, y));
  EXPECT_THROW(Conv2dReluTiles(ctx, tiles, in.x, in.bias, short_y), Error);
  EXPECT_THROW(Conv2dReluTiles(ctx, tiles, other, in.bias, y), Error);
  EXPECT_THROW(Conv2dReluTiles(ctx, tiles, narrow, in.bias, y), Error);
  Conv2dReluTiles(ctx, tiles, Tensor::Zeros(10, 4), in.bias, View(nullptr, 0, 3));
  Conv2dShape strided = in.shape;
  strided.stride = 1;
  EXPECT_THROW(Conv2dTiles(strided, in.packed), Error);
  EXPECT_THROW(
      Conv2dTiles(in.shape, PackedMatrix::Pack(Tensor::Zeros(3, 35), WeightFormat::kFloat32)),
      Error);
}

}  // namespace
}  // namespace u2moe
