#include "ops/packed/packed-gemm.h"

#include <cstring>
#include <numeric>

#include "base/thread-pool.h"
#include "ops/ref/packed-gemm.h"
#include "support/error-test.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

struct Weights {
  WeightFormat format;
  int64_t group_size;
};

constexpr Weights kWeights[] = {{WeightFormat::kFloat32, 0}, {WeightFormat::kBfloat16, 0},
                                {WeightFormat::kInt8, 0},    {WeightFormat::kInt8, 32},
                                {WeightFormat::kInt4, 0},    {WeightFormat::kInt4, 8},
                                {WeightFormat::kInt4, 64}};

// [N, K]: one output, panels that are not full, several panels; one input, odd ones, ones that fill
// no block or group, several k blocks.
constexpr int64_t kShapes[][2] = {{1, 1},   {1, 50},  {5, 7},   {16, 8},  {15, 33},   {17, 1},
                                  {33, 64}, {50, 70}, {64, 96}, {100, 9}, {131, 259}, {48, 1100}};

// Calls test(w) for weights of every format and shape.
template <class Test>
void ForWeights(Rng *rng, const Test &test) {
  for (const Weights &w : kWeights) {
    for (const auto &shape : kShapes) {
      SCOPED_TRACE(Cat(ToString(w.format), " in groups of ", w.group_size, ", N=", shape[0],
                       " K=", shape[1]));
      test(PackedMatrix::Pack(RandomTensor(rng, shape[0], shape[1]), w.format, w.group_size));
    }
  }
}

// Of row i: the sum over k of what is added up for each output, without signs.
std::vector<double> Magnitudes(const PackedRows &x, int64_t i, const Tensor &w, const float *bias) {
  std::vector<double> sums(static_cast<size_t>(w.Rows()));
  const bool codes = x.Format() == WeightFormat::kInt8 || x.Format() == WeightFormat::kInt4;
  for (int64_t n = 0; n < w.Rows(); ++n) {
    double sum = bias != nullptr ? std::fabs(bias[n]) : 0;
    for (int64_t k = 0; k < w.Cols(); ++k) {
      // Codes and zero point are summed apart.
      const double a = codes ? x.Scale(i)[0] * (std::fabs(static_cast<double>(x.CodeRow(i)[k])) +
                                                std::fabs(x.Scale(i)[1]))
                             : std::fabs(ref::ActivationValue(x, i, k));
      sum += a * std::fabs(w(n, k));
    }
    sums[static_cast<size_t>(n)] = sum;
  }
  return sums;
}

// The call on rows of x, against the reference: the error may be that of rounding.
void ExpectReference(const Context &ctx, ConstView x, const GemmRows &rows, const PackedMatrix &w,
                     const Epilogue &e, int64_t out_rows, int64_t padding, Rng *rng) {
  const Tensor before = RandomTensor(rng, out_rows, w.Rows());
  GuardedMatrix y(before, padding), expected(before, 0);
  const PackedRows packed(ctx, x, w.Format());
  PackedGemm(ctx, packed, rows, w, e, y);
  ref::PackedGemm(packed, rows, w, e, expected);
  EXPECT_TRUE(y.Intact());
  std::vector<bool> written(static_cast<size_t>(out_rows));
  const Tensor weights = w.Unpack();
  const int64_t count = rows.count < 0 ? x.Rows() : rows.count;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t out = rows.out != nullptr ? rows.out[i] : i;
    written[static_cast<size_t>(out)] = true;
    const std::vector<double> sums =
        Magnitudes(packed, rows.in != nullptr ? rows.in[i] : i, weights, e.bias);
    const double factor =
        std::fabs(e.scale * (rows.factor != nullptr ? static_cast<double>(rows.factor[i]) : 1.0));
    for (int64_t n = 0; n < w.Rows(); ++n) {
      const double bound = 2e-6 * (factor * sums[static_cast<size_t>(n)] +
                                   (e.add ? std::fabs(before(out, n)) : 0) + 1e-3);
      ASSERT_NEAR(y.View()(out, n), expected.View()(out, n), bound) << "row " << i << ", " << n;
    }
  }
  for (int64_t i = 0; i < out_rows; ++i) {
    if (written[static_cast<size_t>(i)]) continue;
    EXPECT_EQ(std::memcmp(y.View().Row(i), before.View().Row(i),
                          static_cast<size_t>(w.Rows()) * sizeof(float)),
              0)
        << "row " << i << " is no result, but was written";
  }
}

TEST(PackedGemm, IsTheReference) {
  const Context ctx;
  Rng rng(1);
  ForOpTargets(&rng, [&](int64_t) {
    ForWeights(&rng, [&](const PackedMatrix &w) {
      const Tensor bias = RandomTensor(&rng, 1, w.Rows());
      for (int64_t count : {0, 1, 2, 3, 4, 5, 7, 13, 16, 29}) {
        SCOPED_TRACE(count);
        GuardedMatrix x(RandomTensor(&rng, count, w.Cols()), count % 2 * 3);
        Epilogue e;
        ExpectReference(ctx, x, GemmRows(), w, e, count, 3, &rng);
        e.bias = bias.Data();
        e.activation = Activation::kRelu;
        e.scale = -0.5f;
        ExpectReference(ctx, x, GemmRows(), w, e, count + 1, 0, &rng);
        e.activation = Activation::kSwish;
        e.add = true;
        ExpectReference(ctx, x, GemmRows(), w, e, count, 1, &rng);
      }
    });
  });
}

// 1, 2, ... 40 rows: every row tile and every rest of one.
TEST(PackedGemm, AnyNumberOfRows) {
  const Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t) {
    for (const Weights &format : kWeights) {
      const PackedMatrix w =
          PackedMatrix::Pack(RandomTensor(&rng, 83, 75), format.format, format.group_size);
      for (int64_t count = 1; count <= 40; ++count) {
        SCOPED_TRACE(Cat(ToString(format.format), " ", count));
        ExpectReference(ctx, RandomTensor(&rng, count, w.Cols()), GemmRows(), w, Epilogue(), count,
                        5, &rng);
      }
    }
  });
}

// Rows gathered, some twice and some not at all, scattered, each with a factor, added.
TEST(PackedGemm, GathersAndScattersRows) {
  const Context ctx;
  Rng rng(3);
  ForOpTargets(&rng, [&](int64_t) {
    ForWeights(&rng, [&](const PackedMatrix &w) {
      const Tensor bias = RandomTensor(&rng, 1, w.Rows());
      for (int64_t count : {1, 6, 31}) {
        constexpr int64_t kIn = 11, kOut = 37;
        std::vector<int32_t> in, out(kOut);
        std::iota(out.begin(), out.end(), 0);
        for (size_t i = kOut; i-- > 1;)
          std::swap(out[i], out[static_cast<size_t>(rng.UniformInt(0, static_cast<int64_t>(i)))]);
        std::vector<float> factor;
        for (int64_t i = 0; i < count; ++i) {
          in.push_back(static_cast<int32_t>(rng.UniformInt(0, kIn - 1)));
          factor.push_back(static_cast<float>(rng.Normal()));
        }
        GemmRows rows{count, in.data(), out.data(), factor.data()};
        Epilogue e;
        e.bias = bias.Data();
        e.activation = Activation::kSwish;
        e.scale = 2;
        for (const bool add : {false, true}) {
          e.add = add;
          ExpectReference(ctx, RandomTensor(&rng, kIn, w.Cols()), rows, w, e, kOut, 2, &rng);
        }
      }
    });
  });
}

// The bits of a row are the same alone and in any company.
TEST(PackedGemm, RowsDoNotDependOnOthers) {
  const Context ctx;
  Rng rng(4);
  ForOpTargets(&rng, [&](int64_t target) {
    ForWeights(&rng, [&](const PackedMatrix &w) {
      constexpr int64_t kRows = 61;
      const Tensor x = RandomTensor(&rng, kRows, w.Cols()), bias = RandomTensor(&rng, 1, w.Rows());
      Epilogue e;
      e.bias = bias.Data();
      e.activation = Activation::kSwish;
      Tensor all(kRows, w.Rows()), part(kRows, w.Rows());
      PackedGemm(ctx, x, w, e, all);
      for (int64_t size = 1; size < 20; size += target == kCudaTarget ? 16 : size < 4 ? 1 : 3) {
        SCOPED_TRACE(size);
        for (int64_t i = 0; i < kRows; i += size) {
          const int64_t n = std::min(size, kRows - i);
          PackedGemm(ctx, x.View().RowRange(i, n), w, e, part.View().RowRange(i, n));
        }
        EXPECT_EQ(
            std::memcmp(all.Data(), part.Data(), static_cast<size_t>(all.Size()) * sizeof(float)),
            0);
      }
    });
  });
}

TEST(PackedGemm, ThreadsChangeNothing) {
  Rng rng(11);
  ThreadPool pool(3);
  Context alone, shared;
  shared.SetPool(&pool, 4);
  for (const Weights &format : kWeights) {
    // Enough work for four parts, the last panel not full; and too little for two.
    for (const int64_t outputs : {1031, 40}) {
      const PackedMatrix w =
          PackedMatrix::Pack(RandomTensor(&rng, outputs, 520), format.format, format.group_size);
      const Tensor x = RandomTensor(&rng, 37, 520), bias = RandomTensor(&rng, 1, outputs);
      Epilogue epilogue;
      epilogue.bias = bias.Data();
      epilogue.activation = Activation::kSwish;
      epilogue.add = true;
      Tensor want = RandomTensor(&rng, 37, outputs), got = want;
      PackedGemm(alone, x, w, epilogue, want);
      PackedGemm(shared, x, w, epilogue, got);
      EXPECT_EQ(MaxAbsDiff(got, want), 0) << ToString(format.format) << " " << outputs;
    }
  }
}

// float32: a row's bits are the same with AVX2 and AVX-512.
TEST(PackedGemm, InstructionSetsAgreeInFloat32) {
  const Context ctx;
  for (const auto &shape : kShapes) {
    for (int64_t rows : {1, 2, 3, 7, 16, 40}) {
      Tensor first;
      Rng rng(5);
      ForOpTargets(&rng, [&](int64_t target) {
        const PackedMatrix w =
            PackedMatrix::Pack(RandomTensor(&rng, shape[0], shape[1]), WeightFormat::kFloat32);
        const Tensor x = RandomTensor(&rng, rows, shape[1]), bias = RandomTensor(&rng, 1, shape[0]);
        Epilogue e;
        e.bias = bias.Data();
        e.activation = Activation::kSwish;
        e.scale = 0.7f;
        e.add = true;
        Tensor y = RandomTensor(&rng, rows, shape[0]);
        PackedGemm(ctx, x, w, e, y);
        if (target == kCudaTarget || (HWY_ARCH_X86 && target == HWY_SCALAR)) return;
        if (first.Empty()) first = y;
        EXPECT_EQ(
            std::memcmp(first.Data(), y.Data(), static_cast<size_t>(y.Size()) * sizeof(float)), 0)
            << rows << " rows, N=" << shape[0] << " K=" << shape[1];
      });
    }
  }
}

// Every activation is rounded as weights are: ties to even, infinity and NaN kept.
TEST(PackedGemm, Bfloat16ActivationsAreTheNearest) {
  const Context ctx;
  Rng rng(7);
  const uint32_t awkward[] = {0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff, 0x80000000,
                              0x00000001, 0x7f800000, 0xff800000, 0x7f7f7fff, 0xbf818000};
  ForOpTargets(&rng, [&](int64_t) {
    for (int64_t cols : {1, 2, 7, 8, 15, 16, 17, 33, 64}) {
      GuardedMatrix x(RandomTensor(&rng, 5, cols), 3);
      for (int64_t k = 0; k < cols; ++k)
        std::memcpy(&x.View()(1, k), &awkward[k % 10], sizeof(float));
      const uint32_t nan = 0x7fffffff;
      std::memcpy(&x.View()(2, cols - 1), &nan, sizeof(float));
      const PackedRows rows(ctx, x, WeightFormat::kBfloat16);
      for (int64_t i = 0; i < 5; ++i) {
        for (int64_t k = 0; k < rows.Stride(); ++k) {
          if (i == 2 && k == cols - 1) {
            EXPECT_TRUE(std::isnan(FromBfloat16(rows.Bfloat16Row(i)[k])));
          } else {
            EXPECT_EQ(rows.Bfloat16Row(i)[k], k < cols ? ToBfloat16(x.View()(i, k)) : 0)
                << i << " " << k << " of " << cols;
          }
        }
      }
    }
  });
}

// NaN and infinity among the activations: floats keep them to their row, codes refuse them where
// the host is near.
TEST(PackedGemm, RowsThatAreNotFinite) {
  const Context ctx;
  Rng rng(6);
  constexpr int64_t kRows = 9, kBad = 4;
  ForOpTargets(&rng, [&](int64_t target) {
    for (const Weights &format : kWeights) {
      SCOPED_TRACE(ToString(format.format));
      const PackedMatrix w =
          PackedMatrix::Pack(RandomTensor(&rng, 20, 40), format.format, format.group_size);
      Tensor x = RandomTensor(&rng, kRows, 40), y(kRows, 20);
      x(kBad, 17) = std::numeric_limits<float>::quiet_NaN();
      Epilogue e;
      e.activation = Activation::kRelu;
      if (target != kCudaTarget &&
          (format.format == WeightFormat::kInt8 || format.format == WeightFormat::kInt4)) {
        EXPECT_HAS(ErrorOf([&] { PackedGemm(ctx, x, w, e, y); }), "NaN");
        continue;
      }
      PackedGemm(ctx, x, w, e, y);
      for (int64_t i = 0; i < kRows; ++i) {
        for (int64_t n = 0; n < 20; ++n) EXPECT_EQ(std::isnan(y(i, n)), i == kBad) << i << " " << n;
      }
    }
  });
}

}  // namespace
}  // namespace u2moe
