// What holds of the products of codes beyond packed-gemm-test.cc: exact sums at the ends of their
// range, equal bits on every instruction set, and how activations become codes.
#include <cmath>
#include <limits>
#include <vector>

#include "ops/packed/packed-gemm.h"
#include "ops/ref/packed-gemm.h"
#include "support/error-test.h"
#include "support/op-test.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

struct IntCase {
  WeightFormat format;
  int64_t group_size, rows, n, k;
};

// One row and one input, rests of panels, of blocks and of groups, groups of one block, few rows
// and many, more rows than are taken at a time.
const IntCase kCases[] = {
    {WeightFormat::kInt8, 0, 1, 1, 1},      {WeightFormat::kInt8, 0, 3, 16, 7},
    {WeightFormat::kInt8, 0, 5, 17, 64},    {WeightFormat::kInt8, 0, 14, 70, 33},
    {WeightFormat::kInt8, 0, 131, 37, 650}, {WeightFormat::kInt8, 8, 2, 33, 20},
    {WeightFormat::kInt8, 64, 29, 64, 100}, {WeightFormat::kInt8, 64, 4, 129, 129},
    {WeightFormat::kInt4, 0, 1, 1, 1},      {WeightFormat::kInt4, 0, 4, 40, 9},
    {WeightFormat::kInt4, 0, 15, 16, 70},   {WeightFormat::kInt4, 8, 3, 31, 37},
    {WeightFormat::kInt4, 64, 13, 48, 64},  {WeightFormat::kInt4, 64, 30, 65, 203},
    {WeightFormat::kInt4, 64, 2, 130, 640}, {WeightFormat::kInt4, 64, 135, 20, 650}};

std::string Name(const IntCase &c) {
  return Cat(ToString(c.format), " in groups of ", c.group_size, ", ", c.rows, " rows, N=", c.n,
             " K=", c.k);
}

// y of one call with everything that an epilogue has.
Tensor Product(const IntCase &c, Rng *rng) {
  const Context ctx;
  const PackedMatrix w = PackedMatrix::Pack(RandomTensor(rng, c.n, c.k), c.format, c.group_size);
  const Tensor x = RandomTensor(rng, c.rows, c.k), bias = RandomTensor(rng, 1, c.n);
  Tensor y = RandomTensor(rng, c.rows, c.n);
  Epilogue e;
  e.bias = bias.Data();
  e.activation = Activation::kSwish;
  e.scale = 0.7f;
  e.add = true;
  PackedGemm(ctx, x, w, e, y);
  return y;
}

TEST(PackedGemmInt, InstructionSetsAgreeBitForBit) {
  for (const IntCase &c : kCases) {
    SCOPED_TRACE(Name(c));
    Rng rng(1);
    Tensor first;
    ForOpTargets(&rng, [&](int64_t target) {
      const Tensor y = Product(c, &rng);
      // Fused multiply-adds are two operations in the baseline of x86, which nothing runs on.
      if (target == HWY_SCALAR && HWY_ARCH_X86) return;
      if (first.Empty()) first = y;
      if (target == kCudaTarget) {  // whose exp is another one
        EXPECT_LT(MaxAbsDiff(first, y), 1e-5);
      } else {
        EXPECT_TRUE(SameBits(first, y));
      }
    });
  }
}

TEST(PackedGemmInt, IsTheReference) {
  Context ctx;
  Rng rng(2);
  ForOpTargets(&rng, [&](int64_t) {
    for (const IntCase &c : kCases) {
      SCOPED_TRACE(Name(c));
      const PackedMatrix w =
          PackedMatrix::Pack(RandomTensor(&rng, c.n, c.k), c.format, c.group_size);
      const Tensor bias = RandomTensor(&rng, 1, c.n), x = RandomTensor(&rng, c.rows + 3, c.k);
      const PackedRows packed(ctx, x, c.format);
      std::vector<int32_t> in, out;
      std::vector<float> factor;
      for (int64_t i = 0; i < c.rows; ++i) {
        in.push_back(static_cast<int32_t>(rng.UniformInt(0, c.rows + 2)));
        out.push_back(static_cast<int32_t>((i * 7 + 3) % (c.rows % 7 != 0 ? c.rows : c.rows + 1)));
        factor.push_back(static_cast<float>(rng.Normal()));
      }
      for (const auto activation :
           {std::optional<Activation>(), std::make_optional(Activation::kRelu),
            std::make_optional(Activation::kSwish)}) {
        const Tensor before = RandomTensor(&rng, c.rows + 1, c.n);
        GuardedMatrix y(before, 3), expected(before, 3);
        Epilogue e;
        e.bias = activation ? bias.Data() : nullptr;
        e.activation = activation;
        e.scale = -0.3f;
        e.add = activation == Activation::kSwish;
        const GemmRows rows{c.rows, in.data(), out.data(), factor.data()};
        PackedGemm(ctx, packed, rows, w, e, y);
        ref::PackedGemm(packed, rows, w, e, expected);
        EXPECT_TRUE(y.Intact());
        double worst = 0;
        for (int64_t i = 0; i < before.Rows(); ++i) {
          for (int64_t n = 0; n < c.n; ++n)
            worst = std::max(worst, std::fabs(static_cast<double>(y.View()(i, n)) -
                                              static_cast<double>(expected.View()(i, n))));
        }
        EXPECT_LT(worst, 1e-6 * static_cast<double>(c.k + 16));
      }
    }
  });
}

// Codes at both ends: where a product of bytes saturates, the sum is far off. Scales are powers of
// two, so that all sums are exact.
TEST(PackedGemmInt, ExtremesDoNotSaturate) {
  const Context ctx;
  Rng unused(0);
  ForOpTargets(&unused, [&](int64_t) {
    for (const WeightFormat format : {WeightFormat::kInt8, WeightFormat::kInt4}) {
      const float largest = format == WeightFormat::kInt8 ? 127 : 7;
      for (const int64_t group_size : {0, 64}) {
        for (const int64_t k : {1, 64, 100, 2560}) {
          for (const float sign : {1.f, -1.f}) {
            for (const int64_t rows : {1, 5, 14}) {
              Tensor w(20, k), x(rows, k), y(rows, 20);
              std::fill_n(w.Data(), w.Size(), sign * largest);
              for (int64_t i = 0; i < rows; ++i) {
                // All at the upper end, all at the lower, and alternating: [-128, 127].
                for (int64_t j = 0; j < k; ++j)
                  x(i, j) = (i % 3 == 0 || (i % 3 == 2 && j % 2 == 0)) ? 127 : -128;
              }
              PackedGemm(ctx, x, PackedMatrix::Pack(w, format, group_size), Epilogue(), y);
              const PackedRows codes(ctx, x, format);
              EXPECT_EQ(codes.CodeRow(0)[0], 127);
              for (int64_t i = 0; i < rows; ++i) {
                double sum = 0;
                for (int64_t j = 0; j < k; ++j)
                  sum += ref::ActivationValue(codes, i, j) * static_cast<double>(w(0, j));
                for (int64_t n = 0; n < 20; ++n)
                  ASSERT_NEAR(y(i, n), sum, 1e-5 * std::fabs(sum) + 1e-3)
                      << ToString(format) << " K=" << k << " row " << i << " of " << rows;
              }
            }
          }
        }
      }
    }
  });
}

TEST(PackedGemmInt, ARowDoesNotDependOnOthers) {
  const Context ctx;
  Rng rng(3);
  ForOpTargets(&rng, [&](int64_t) {
    for (const IntCase &c : kCases) {
      SCOPED_TRACE(Name(c));
      const PackedMatrix w =
          PackedMatrix::Pack(RandomTensor(&rng, c.n, c.k), c.format, c.group_size);
      const Tensor x = RandomTensor(&rng, 45, c.k);
      Tensor all(45, c.n), parts(45, c.n);
      PackedGemm(ctx, x, w, Epilogue(), all);
      for (const int64_t size : {1, 2, 4, 5, 13, 14, 15, 31}) {
        for (int64_t i = 0; i < 45; i += size) {
          const int64_t n = std::min<int64_t>(size, 45 - i);
          PackedGemm(ctx, x.View().RowRange(i, n), w, Epilogue(), parts.View().RowRange(i, n));
        }
        EXPECT_TRUE(SameBits(all, parts)) << size;
      }
    }
  });
}

TEST(PackedGemmInt, CodesOfActivationsAreTheNearest) {
  const Context ctx;
  Rng rng(4);
  ForOpTargets(&rng, [&](int64_t target) {
    for (const int64_t k : {1, 7, 8, 15, 33, 130}) {
      for (const double shift : {0.0, 5.0, -5.0}) {
        Tensor x = RandomTensor(&rng, 6, k);
        for (int64_t i = 0; i < x.Size(); ++i) x.Data()[i] += static_cast<float>(shift);
        std::fill_n(x.Data() + 2 * k, k, 0.f);                     // a row of zeros
        std::fill_n(x.Data() + 3 * k, k, 1e-38f);                  // too small to divide by
        std::fill_n(x.Data() + 4 * k, k, k % 2 ? 3e38f : -3e38f);  // the ends of float32
        const PackedRows codes(ctx, x, WeightFormat::kInt8);
        for (int64_t i = 0; i < 6; ++i) {
          double low = 0, high = 0;
          for (int64_t j = 0; j < k; ++j) {
            low = std::min<double>(low, x(i, j));
            high = std::max<double>(high, x(i, j));
          }
          const double step = (high - low) / 255;
          EXPECT_NEAR(codes.Scale(i)[0], step, 1e-6 * step + 1e-44);
          for (int64_t j = 0; j < k; ++j) {
            EXPECT_NEAR(ref::ActivationValue(codes, i, j), x(i, j), 1.001 * step + 1e-37);
          }
          for (int64_t j = k; j < codes.Stride(); ++j) EXPECT_EQ(codes.CodeRow(i)[j], 0);
        }
        // Zero stays exactly zero: the silence of padding and of ReLU costs nothing.
        x(0, 0) = 0;
        EXPECT_EQ(ref::ActivationValue(PackedRows(ctx, x, WeightFormat::kInt4), 0, 0), 0);
      }
      for (const float bad :
           {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
            -std::numeric_limits<float>::infinity()}) {
        for (int64_t at = 0; at < k; ++at) {
          Tensor x = RandomTensor(&rng, 1, k);
          x(0, at) = bad;
          if (target == kCudaTarget) {
            EXPECT_TRUE(std::isnan(PackedRows(ctx, x, WeightFormat::kInt8).Scale(0)[0]));
            continue;
          }
          EXPECT_HAS(ErrorOf([&] { PackedRows(ctx, x, WeightFormat::kInt8); }), "NaN or infinity");
        }
      }
    }
  });
}

}  // namespace
}  // namespace u2moe
