#include "tensor/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "base/error.h"
#include "support/op-test.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

double At(ConstView x, Trans trans, int64_t i, int64_t j) {
  return trans == Trans::kNo ? x(i, j) : x(j, i);
}

struct Case {
  int64_t m, k, n;
  float alpha, beta;
};

// Operands and result are windows of wider tensors, and what lies around the result must not
// change.
void CheckGemm(const Case &c, Trans trans_a, Trans trans_b) {
  SCOPED_TRACE(Cat(c.m, "x", c.k, "x", c.n, " alpha ", c.alpha, " beta ", c.beta, " trans ",
                   trans_a == Trans::kYes, trans_b == Trans::kYes));
  Rng rng(SubSeed(1, static_cast<uint64_t>(c.m * 10007 + c.k * 101 + c.n)));
  const int64_t a_rows = trans_a == Trans::kNo ? c.m : c.k, a_cols = c.m + c.k - a_rows;
  const int64_t b_rows = trans_b == Trans::kNo ? c.k : c.n, b_cols = c.k + c.n - b_rows;
  Tensor a_wide = RandomTensor(&rng, a_rows, a_cols + 3),
         b_wide = RandomTensor(&rng, b_rows, b_cols + 1);
  ConstView a = a_wide.View().ColRange(2, a_cols), b = b_wide.View().ColRange(0, b_cols);
  Tensor c_wide = RandomTensor(&rng, c.m + 2, c.n + 2);
  View result = c_wide.View().RowRange(1, c.m).ColRange(1, c.n);
  if (c.beta == 0) {
    for (int64_t i = 0; i < c.m; ++i) {
      for (int64_t j = 0; j < c.n; ++j) result(i, j) = kNaN;
    }
  }
  const Tensor before = c_wide;
  Gemm(Context(), c.alpha, a, trans_a, b, trans_b, c.beta, result);
  for (int64_t i = 0; i < c.m + 2; ++i) {
    for (int64_t j = 0; j < c.n + 2; ++j) {
      const bool inside = i >= 1 && i <= c.m && j >= 1 && j <= c.n;
      if (!inside) {
        ASSERT_EQ(c_wide(i, j), before(i, j)) << "outside the result, at " << i << ", " << j;
        continue;
      }
      double sum = 0, size = 0;
      for (int64_t l = 0; l < c.k; ++l) {
        const double term = At(a, trans_a, i - 1, l) * At(b, trans_b, l, j - 1);
        sum += term;
        size += std::fabs(term);
      }
      const double want = c.alpha * sum + (c.beta == 0 ? 0 : c.beta * before(i, j));
      const double bound = 1e-6 * (std::fabs(c.alpha) * size + std::fabs(want)) + 1e-7;
      ASSERT_NEAR(c_wide(i, j), want, bound) << "at " << i - 1 << ", " << j - 1;
    }
  }
}

TEST(Gemm, AgreesWithDoubleLoops) {
  ForOpTargets([](int64_t) {
    for (const Case &c : {Case{1, 1, 1, 1, 0},
                          {1, 7, 33, 1, 0},
                          {5, 1, 3, 2, 1},
                          {4, 0, 3, 1, 0},
                          {4, 0, 3, 1, 0.5f},
                          {0, 3, 2, 1, 0},
                          {3, 2, 0, 1, 1},
                          {17, 31, 13, -0.5f, 0.25f},
                          {64, 200, 65, 1, 1},
                          {130, 96, 257, 1, 0},
                          {9, 5, 4, 0, 2}}) {
      for (Trans trans_a : {Trans::kNo, Trans::kYes}) {
        for (Trans trans_b : {Trans::kNo, Trans::kYes}) CheckGemm(c, trans_a, trans_b);
      }
    }
  });
}

// OpenBLAS picks kernels by the number of rows, so a row of C differs in its last bits with the
// company it is computed in. Whoever compares batch sizes has to allow for this much, and no more.
TEST(Gemm, ARowDependsOnItsCompanyOnlyByRounding) {
  Rng rng(2);
  const int64_t k = 384, n = 96;
  Tensor a = RandomTensor(&rng, 67, k), b = RandomTensor(&rng, n, k), all(67, n);
  Gemm(Context(), 1, a, Trans::kNo, b, Trans::kYes, 0, all);
  for (int64_t m : {1, 2, 5, 16, 33, 66}) {
    Tensor part(m, n), again(m, n);
    Gemm(Context(), 1, a.View().RowRange(0, m), Trans::kNo, b, Trans::kYes, 0, part);
    EXPECT_LT(MaxAbsDiff(part, all.View().RowRange(0, m)), 1e-6 * k) << m << " rows";
    Gemm(Context(), 1, a.View().RowRange(0, m), Trans::kNo, b, Trans::kYes, 0, again);
    EXPECT_EQ(MaxAbsDiff(part, again), 0) << "the same call gives the same bits";
  }
}

TEST(Gemm, WrongShapesThrow) {
  Tensor a = Tensor::Zeros(2, 3), b = Tensor::Zeros(3, 4), c = Tensor::Zeros(2, 4);
  const Context ctx;
  EXPECT_NO_THROW(Gemm(ctx, 1, a, Trans::kNo, b, Trans::kNo, 0, c));
  EXPECT_THROW(Gemm(ctx, 1, a, Trans::kYes, b, Trans::kNo, 0, c), Error);
  EXPECT_THROW(Gemm(ctx, 1, a, Trans::kNo, b, Trans::kYes, 0, c), Error);
  EXPECT_THROW(Gemm(ctx, 1, a, Trans::kNo, b, Trans::kNo, 0, a), Error);
}

TEST(Gemm, NanInInputReachesTheOutput) {
  Tensor a = Tensor::Zeros(2, 3), b = Tensor::Zeros(3, 4), c = Tensor::Zeros(2, 4);
  a(1, 1) = kNaN;
  ForOpTargets([&](int64_t) {
    Gemm(Context(), 1, a, Trans::kNo, b, Trans::kNo, 0, c);
    EXPECT_EQ(c(0, 0), 0);
    EXPECT_TRUE(std::isnan(c(1, 0)));
  });
}

TEST(Context, DevicesAndMachine) {
  EXPECT_EQ(ParseDevice("cpu"), std::make_pair(Device::kCpu, 0));
  EXPECT_EQ(ParseDevice("cuda"), std::make_pair(Device::kCuda, 0));
  EXPECT_EQ(ParseDevice("cuda:12"), std::make_pair(Device::kCuda, 12));
  for (const std::string bad :
       {"tpu", "", "cuda:", "cuda:x", "cuda:-1", "cuda1", "cuda:99999", "cpu:0"})
    EXPECT_THROW(ParseDevice(bad), UsageError) << bad;
  EXPECT_FALSE(Context().OnCuda());
  EXPECT_NE(DescribeMachine().find("; OpenBLAS "), std::string::npos) << DescribeMachine();
}

}  // namespace
}  // namespace u2moe
