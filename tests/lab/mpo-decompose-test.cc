#include "lab/mpo-decompose.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "moe/ref/mpo.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

std::vector<double> Random(Rng *rng, size_t n) {
  std::vector<double> v(n);
  for (double &x : v) x = rng->Normal();
  return v;
}

// u and v orthogonal, s falling, the product the matrix: also of low rank, and of zeros.
TEST(SingularValues, Decompose) {
  Rng rng(1);
  for (const auto &[rows, cols, rank] :
       {std::array<int64_t, 3>{1, 1, 1}, {5, 3, 3}, {3, 7, 3}, {6, 6, 2}, {4, 9, 1}, {5, 5, 0}}) {
    const std::vector<double> x = Random(&rng, static_cast<size_t>(rows * rank)),
                              y = Random(&rng, static_cast<size_t>(rank * cols));
    std::vector<double> a(static_cast<size_t>(rows * cols), 0);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) {
        for (int64_t r = 0; r < rank; ++r)
          a[static_cast<size_t>(i * cols + j)] +=
              x[static_cast<size_t>(i * rank + r)] * y[static_cast<size_t>(r * cols + j)];
      }
    }
    const Svd svd = SingularValues(a, rows, cols);
    const int64_t n = std::min(rows, cols);
    ASSERT_EQ(svd.s.size(), static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
      if (i > 0) {
        EXPECT_LE(svd.s[static_cast<size_t>(i)], svd.s[static_cast<size_t>(i - 1)]);
      }
      if (i >= rank) {
        EXPECT_LT(svd.s[static_cast<size_t>(i)], 1e-12);
      }
      for (int64_t j = 0; j < rank; ++j) {
        double uu = 0;
        for (int64_t r = 0; r < rows; ++r)
          uu += svd.u[static_cast<size_t>(r * n + i)] * svd.u[static_cast<size_t>(r * n + j)];
        if (i < rank) {
          EXPECT_NEAR(uu, i == j, 1e-12);
        }
      }
    }
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < cols; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < n; ++k)
          sum += svd.u[static_cast<size_t>(i * n + k)] * svd.s[static_cast<size_t>(k)] *
                 svd.v[static_cast<size_t>(j * n + k)];
        EXPECT_NEAR(sum, a[static_cast<size_t>(i * cols + j)], 1e-11);
      }
    }
  }
}

// The chain's matrix in double, and its largest and squared difference from w.
std::pair<double, double> Error(const Tensor &w, const std::vector<int64_t> &rows,
                                const std::vector<int64_t> &cols, const MpoShape &shape,
                                const std::vector<std::vector<double>> &chain) {
  std::vector<ref::Matrix<double>> tensors;
  for (size_t k = 0; k < chain.size(); ++k) {
    const std::vector<int64_t> size = shape.TensorShape(k);
    tensors.emplace_back(size[0], size[1]);
    tensors.back().data = chain[k];
  }
  std::vector<const ref::Matrix<double> *> pointers;
  for (const auto &t : tensors) pointers.push_back(&t);
  const ref::Matrix<double> got = ref::ContractMpo(rows, cols, pointers);
  double worst = 0, square = 0;
  for (int64_t i = 0; i < w.Size(); ++i) {
    const double d = got.data[static_cast<size_t>(i)] - w.Data()[i];
    worst = std::max(worst, std::fabs(d));
    square += d * d;
  }
  return {worst, square};
}

TEST(DecomposeMpo, RoundTripAndTruncation) {
  Rng rng(2);
  const std::vector<std::pair<std::vector<int64_t>, std::vector<int64_t>>> shapes = {
      {{2, 2, 2}, {3, 2, 1}}, {{2, 3, 2, 1, 2}, {1, 2, 2, 2, 2}}, {{1, 1, 4}, {2, 1, 1}}};
  for (const auto &[rows, cols] : shapes) {
    const MpoShape full(rows, cols, 0);
    Tensor w = RandomTensor(&rng, full.Rows(), full.Cols());
    double cut = -1;
    EXPECT_LT(Error(w, rows, cols, full, DecomposeMpo(w, full, &cut)).first, 1e-10);
    EXPECT_EQ(cut, 0);
    double before = 1e9;
    for (int64_t bond = 1; bond <= 6; ++bond) {
      const MpoShape shape(rows, cols, bond);
      const double square = Error(w, rows, cols, shape, DecomposeMpo(w, shape, &cut)).second;
      EXPECT_LE(square, cut + 1e-9) << bond;
      EXPECT_LE(square, before + 1e-9);
      before = square;
    }
    // Rank one, whose other singular values are 0: exact at full bonds, no division by 0.
    for (int64_t i = 0; i < w.Rows(); ++i) {
      for (int64_t j = 0; j < w.Cols(); ++j) w(i, j) = 1;
    }
    EXPECT_LT(Error(w, rows, cols, full, DecomposeMpo(w, full, &cut)).first, 1e-10);
    w.SetZero();
    EXPECT_EQ(Error(w, rows, cols, full, DecomposeMpo(w, full, &cut)).first, 0);
  }
}

// The figures of the specification: at full rank the core has as many entries as the matrix.
TEST(MpoShape, SizesAndFactors) {
  const MpoShapes s = ParseMpoShapes("2x4x4x4x2/4x4x8x4x4", 256, 2048, 0);
  int64_t outer = 0, core = 0;
  for (size_t k = 0; k < 5; ++k) {
    const std::vector<int64_t> size = s.w_2.TensorShape(k);
    (k == s.w_2.Core() ? core : outer) += size[0] * size[1];
  }
  EXPECT_EQ(core, 256 * 2048);
  EXPECT_NEAR(static_cast<double>(outer) / (256 * 2048), 0.063, 0.001);
  EXPECT_EQ(MpoFactors(256, 5), (std::vector<int64_t>{2, 4, 4, 4, 2}));
  EXPECT_EQ(MpoFactors(7, 3), (std::vector<int64_t>{1, 7, 1}));
  for (const int64_t n : {1, 6, 97, 144, 176, 2048, 704}) {
    for (const size_t length : {size_t{3}, size_t{5}}) {
      int64_t product = 1;
      for (const int64_t f : MpoFactors(n, length)) product *= f;
      EXPECT_EQ(product, n);
    }
  }
  for (const char *bad : {"", "4x4x8", "4x4/8x8", "4x4x2/4x4", "4x4x4/4x4x8", "0x2x2/4x4x8",
                          "axbxc/4x4x8", "4x4x2/1048576x1048576x1048576"}) {
    EXPECT_THROW(ParseMpoShapes(bad, 32, 128, 0), UsageError) << bad;
  }
}

}  // namespace
}  // namespace u2moe
