#include "ops/conv2d.h"

#include "ops/elementwise.h"
#include "ops/ref/conv2d.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

struct Case {
  Conv2dShape shape;
  int64_t time, padding;
};

Conv2dShape Shape(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t stride,
                  int64_t in_freq) {
  Conv2dShape s;
  s.in_channels = in_channels, s.out_channels = out_channels;
  s.kernel = kernel, s.stride = stride, s.in_freq = in_freq;
  return s;
}

// One channel and several, one output only, frames and frequencies left over at the end, strides 1
// to 3 and larger than the kernel, patches larger than what the tile kernel takes.
std::vector<Case> SmallCases() {
  return {
      {Shape(1, 1, 1, 1, 1), 1, 0},  {Shape(1, 5, 3, 2, 3), 3, 2},  {Shape(1, 8, 3, 2, 8), 9, 0},
      {Shape(2, 3, 3, 2, 6), 6, 3},  {Shape(3, 4, 5, 3, 9), 12, 0}, {Shape(9, 5, 3, 2, 5), 7, 0},
      {Shape(10, 3, 3, 1, 4), 5, 1}, {Shape(2, 2, 2, 2, 5), 2, 0},  {Shape(3, 2, 2, 3, 9), 8, 1}};
}

std::vector<Case> LargeCases() {
  return {{Shape(1, 96, 3, 2, 40), 61, 0},
          {Shape(96, 96, 3, 2, 19), 30, 0},
          {Shape(24, 40, 3, 2, 39), 83, 3},
          {Shape(1, 33, 3, 2, 80), 120, 1}};
}

// So many outputs that CUDA takes its large tiles.
Case ManyOutputs() { return {Shape(1, 98, 3, 2, 83), 851, 0}; }

std::vector<Case> AllCases() {
  std::vector<Case> cases = SmallCases();
  for (const Case &c : LargeCases()) cases.push_back(c);
  cases.push_back(ManyOutputs());
  return cases;
}

std::string Describe(const Case &c) {
  return Cat(c.shape.in_channels, " to ", c.shape.out_channels, " kernel ", c.shape.kernel,
             " stride ", c.shape.stride, " of ", c.time, "x", c.shape.in_freq);
}

struct Inputs {
  Inputs(Rng *rng, const Case &c)
      : x(RandomTensor(rng, c.time * c.shape.in_freq, c.shape.in_channels), c.padding),
        y(c.shape.OutTime(c.time) * c.shape.OutFreq(), c.shape.out_channels, c.padding),
        packed(c.shape.out_channels, c.shape.PatchSize(), c.padding),
        weight(RandomTensor(rng, c.shape.out_channels, c.shape.PatchSize())),
        bias(RandomTensor(rng, 1, c.shape.out_channels)) {
    PackChannelsLast(Context(), c.shape.in_channels, weight, packed);
  }
  GuardedMatrix x, y, packed;
  Tensor weight, bias;
};

TEST(Conv2d, ForwardIsTheReference) {
  Context ctx;
  Rng rng(1);
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : AllCases()) {
      SCOPED_TRACE(Describe(c));
      Inputs in(&rng, c);
      Conv2dForward(ctx, c.shape, in.x, in.packed, in.bias, in.y);
      const RefMatrix want = ref::Conv2d<double>(
          c.shape, RefMatrix(in.x), RefMatrix(in.weight.View()), RefMatrix(in.bias.View()));
      EXPECT_LT(MaxAbsDiff(in.y, want), 1e-6 * static_cast<double>(c.shape.PatchSize() + 5));
      EXPECT_TRUE(in.y.Intact() && in.x.Intact() && in.packed.Intact());
    }
  });
}

TEST(Conv2d, PackedIsTheReferenceWithItsValues) {
  Context ctx;
  Rng rng(3);
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : AllCases()) {
      SCOPED_TRACE(Describe(c));
      Inputs in(&rng, c);
      const Tensor x = Tensor::Copy(in.x.View());
      RefMatrix want = ref::Conv2d<double>(c.shape, RefMatrix(in.x), RefMatrix(in.weight.View()),
                                           RefMatrix(in.bias.View()));
      double largest = 0;
      for (double &v : want.data) largest = std::max(largest, v = std::max(v, 0.0));
      Conv2dReluPacked(ctx, c.shape, x, PackedMatrix::Pack(in.packed, WeightFormat::kFloat32),
                       in.bias, in.y);
      EXPECT_LT(MaxAbsDiff(in.y, want), 1e-6 * static_cast<double>(c.shape.PatchSize() + 5));
      EXPECT_TRUE(in.y.Intact());
      // 8 bits of weights and activations.
      Conv2dReluPacked(ctx, c.shape, x, PackedMatrix::Pack(in.packed, WeightFormat::kInt8), in.bias,
                       in.y);
      EXPECT_LT(MaxAbsDiff(in.y, want), 0.05 * largest + 0.1);
    }
  });
}

TEST(Conv2d, BackwardIsTheGradient) {
  Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : SmallCases()) {
      SCOPED_TRACE(Describe(c));
      Inputs in(&rng, c);
      const Tensor upstream = RandomTensor(&rng, in.y.View().Rows(), in.y.View().Cols());
      GuardedMatrix dy(upstream, c.padding), dx(in.x.View().Rows(), in.x.View().Cols(), c.padding),
          dpacked(Tensor::Zeros(c.shape.out_channels, c.shape.PatchSize()), c.padding),
          dbias(Tensor::Zeros(1, c.shape.out_channels), 0);
      Conv2dBackward(ctx, c.shape, in.x, in.packed, dy, dx, dpacked, dbias);
      EXPECT_TRUE(dx.Intact() && dpacked.Intact() && dbias.Intact());
      Tensor dweight = Tensor::Zeros(c.shape.out_channels, c.shape.PatchSize());
      UnpackChannelsLastAdd(ctx, c.shape.in_channels, dpacked, dweight);

      RefMatrix x(in.x), weight(in.weight.View()), bias(in.bias.View());
      const RefMatrix g(upstream.View());
      const auto loss = [&] { return ref::Dot(g, ref::Conv2d<double>(c.shape, x, weight, bias)); };
      EXPECT_LT(GradientError(loss, &x, dx), 1e-5);
      EXPECT_LT(GradientError(loss, &weight, dweight), 1e-5);
      EXPECT_LT(GradientError(loss, &bias, dbias), 1e-5);

      // The gradients of the parameters add, with or without dx.
      Tensor twice = Tensor::Copy(dpacked.View()), twice_bias = Tensor::Copy(dbias.View());
      ScaleBy(ctx, 2, twice);
      ScaleBy(ctx, 2, twice_bias);
      Conv2dBackward(ctx, c.shape, in.x, in.packed, dy, View(), dpacked, dbias);
      EXPECT_LT(MaxAbsDiff(dpacked, twice), 1e-4);
      EXPECT_LT(MaxAbsDiff(dbias, twice_bias), 1e-4);
    }
  });
}

TEST(Conv2d, BackwardOfLargeShapes) {
  Context ctx;
  Rng rng(3);
  std::vector<Case> cases = LargeCases();
  cases.push_back({Shape(100, 2, 3, 2, 83), 205, 0});  // large tiles of inputs
  ForOpTargets(&rng, [&](int64_t) {
    for (const Case &c : cases) {
      SCOPED_TRACE(Describe(c));
      const Conv2dShape &s = c.shape;
      Inputs in(&rng, c);
      const Tensor dy = RandomTensor(&rng, in.y.View().Rows(), in.y.View().Cols());
      GuardedMatrix dx(in.x.View().Rows(), in.x.View().Cols(), c.padding);
      Tensor dpacked = Tensor::Zeros(s.out_channels, s.PatchSize()),
             dbias = Tensor::Zeros(1, s.out_channels);
      Conv2dBackward(ctx, s, in.x, in.packed, dy, dx, dpacked, dbias);

      RefMatrix want_x(in.x.View().Rows(), s.in_channels), want_w(s.out_channels, s.PatchSize()),
          want_b(1, s.out_channels);
      const View x = in.x, packed = in.packed;
      for (int64_t i = 0; i < dy.Rows(); ++i) {
        const int64_t t = i / s.OutFreq() * s.stride, f = i % s.OutFreq() * s.stride;
        for (int64_t o = 0; o < s.out_channels; ++o) {
          const double g = dy(i, o);
          want_b(0, o) += g;
          for (int64_t k = 0; k < s.kernel * s.kernel; ++k) {
            const int64_t row = (t + k / s.kernel) * s.in_freq + f + k % s.kernel;
            for (int64_t ch = 0; ch < s.in_channels; ++ch) {
              want_x(row, ch) += g * packed(o, k * s.in_channels + ch);
              want_w(o, k * s.in_channels + ch) += g * x(row, ch);
            }
          }
        }
      }
      EXPECT_LT(MaxAbsDiff(dx, want_x), 2e-4);
      EXPECT_LT(MaxAbsDiff(dpacked, want_w), 2e-4);
      EXPECT_LT(MaxAbsDiff(dbias, want_b), 2e-4);
      EXPECT_TRUE(dx.Intact());
    }
  });
}

// A later start gives the same rows: streaming relies on it. On CUDA to the bit, whatever the
// tiles.
TEST(Conv2d, FramesDoNotDependOnEachOther) {
  Context ctx;
  Rng rng(4);
  std::vector<Case> cases = LargeCases();
  cases.push_back(ManyOutputs());
  ForOpTargets(&rng, [&](int64_t target) {
    for (const Case &c : cases) {
      SCOPED_TRACE(Describe(c));
      Inputs in(&rng, c);
      Conv2dForward(ctx, c.shape, in.x, in.packed, in.bias, in.y);
      const int64_t freq = c.shape.in_freq, out_freq = c.shape.OutFreq();
      Tensor part(2 * out_freq, c.shape.out_channels);
      Conv2dForward(ctx, c.shape, in.x.View().RowRange(6 * freq, 5 * freq), in.packed, in.bias,
                    part);
      EXPECT_LE(MaxAbsDiff(part, RefMatrix(in.y.View().RowRange(3 * out_freq, 2 * out_freq))),
                target == 0 ? 0 : 1e-6 * static_cast<double>(c.shape.PatchSize() + 5));
    }
  });
}

// More patches than are copied at a time.
TEST(Conv2d, PackedFramesDoNotDependOnEachOther) {
  Context ctx;
  Rng rng(6);
  const Conv2dShape s = Shape(32, 3, 5, 1, 24);
  const int64_t time = 1060, out_freq = s.OutFreq(), tail = 3;
  const Tensor x = RandomTensor(&rng, time * s.in_freq, s.in_channels),
               bias = RandomTensor(&rng, 1, s.out_channels);
  const PackedMatrix w =
      PackedMatrix::Pack(RandomTensor(&rng, s.out_channels, s.PatchSize()), WeightFormat::kInt8);
  ForOpTargets([&](int64_t) {
    Tensor y(s.OutTime(time) * out_freq, s.out_channels), last(tail * out_freq, s.out_channels);
    Conv2dReluPacked(ctx, s, x, w, bias, y);
    const int64_t rows = (tail + s.kernel - 1) * s.in_freq;
    Conv2dReluPacked(ctx, s, x.View().RowRange(x.Rows() - rows, rows), w, bias, last);
    EXPECT_EQ(MaxAbsDiff(last, y.View().RowRange(y.Rows() - last.Rows(), last.Rows())), 0);
  });
}

TEST(Conv2d, TooShortGivesNothing) {
  Context ctx;
  const Conv2dShape s = Shape(2, 3, 3, 2, 5);
  Tensor x = Tensor::Zeros(10, 2), packed = Tensor::Zeros(3, 18), bias = Tensor::Zeros(1, 3),
         dx(10, 2);
  EXPECT_EQ(s.OutTime(2), 0);
  ForOpTargets([&](int64_t) {
    dx(3, 1) = 7;
    Conv2dForward(ctx, s, x, packed, bias, View(nullptr, 0, 3));
    Conv2dReluPacked(ctx, s, x, PackedMatrix::Pack(packed, WeightFormat::kFloat32), bias,
                     View(nullptr, 0, 3));
    Conv2dBackward(ctx, s, x, packed, ConstView(nullptr, 0, 3), dx, packed, bias);
    EXPECT_EQ(MaxAbsDiff(dx, x), 0);
    EXPECT_EQ(MaxAbsDiff(packed, Tensor::Zeros(3, 18)), 0);
  });
}

TEST(Conv2d, PackAndUnpackAreTranspose) {
  Context ctx;
  Rng rng(5);
  ForOpTargets(&rng, [&](int64_t) {
    for (const int64_t channels : {3, 41}) {  // 41: a row is longer than a block of threads
      const Conv2dShape s = Shape(channels, 2, 3, 2, 5);
      GuardedMatrix weight(RandomTensor(&rng, 2, s.PatchSize()), 1), packed(2, s.PatchSize(), 3);
      const View w = weight, p = packed;
      GuardedMatrix back(w, 5);
      PackChannelsLast(ctx, channels, weight, packed);
      EXPECT_EQ(p(1, (1 * 3 + 2) * channels + 0), w(1, 0 * 9 + 1 * 3 + 2));
      EXPECT_EQ(p(0, (2 * 3 + 0) * channels + 2), w(0, 2 * 9 + 2 * 3 + 0));
      UnpackChannelsLastAdd(ctx, channels, packed, back);
      ScaleBy(ctx, 2, weight);
      EXPECT_EQ(MaxAbsDiff(back, RefMatrix(weight)), 0);
      EXPECT_TRUE(packed.Intact() && back.Intact());
    }
  });
}

TEST(Conv2d, WrongShapesThrow) {
  Context ctx;
  const Conv2dShape s = Shape(2, 3, 3, 2, 5);
  Tensor x(25, 2), packed(3, 18), bias(1, 3), y(4, 3), other(24, 2), short_y(3, 3), dx(5, 2);
  Conv2dForward(ctx, s, Tensor::Zeros(25, 2), Tensor::Zeros(3, 18), Tensor::Zeros(1, 3), y);
  EXPECT_THROW(Conv2dForward(ctx, s, other, packed, bias, y), Error);
  EXPECT_THROW(Conv2dForward(ctx, s, x, packed, bias, short_y), Error);
  EXPECT_THROW(Conv2dForward(ctx, s, x, y, bias, y), Error);
  EXPECT_THROW(Conv2dReluPacked(ctx, s, x, PackedMatrix::Pack(y, WeightFormat::kInt8), bias, y),
               Error);
  EXPECT_THROW(Conv2dBackward(ctx, s, x, packed, y, dx, packed, bias), Error);
}

}  // namespace
}  // namespace u2moe
