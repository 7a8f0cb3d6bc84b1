// The bench of the tests of src/ops: awkward shapes on every instruction set, outputs between guard
// bands, comparison with the double references, and gradients by central differences.
#ifndef U2MOE_TESTS_SUPPORT_OP_TEST_H_
#define U2MOE_TESTS_SUPPORT_OP_TEST_H_

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "ops/dispatch.h"
#include "ops/ref/matrix.h"
#include "support/test-util.h"
#include "tensor/context.h"
#if HAVE_CUDA
#include "tensor/cuda-runtime.h"
#endif
#include "tensor/view.h"

namespace u2moe {

using RefMatrix = ref::Matrix<double>;

// A matrix whose rows lie `padding` floats apart in a larger buffer, at an odd address, or where
// padding is 4 at one that is aligned to 4 floats. All around it are guards. It starts full of NaN,
// so that entries an op forgets to write are found.
class GuardedMatrix {
 public:
  GuardedMatrix(int64_t rows, int64_t cols, int64_t padding)
      : rows_(rows),
        cols_(cols),
        stride_(cols + padding),
        margin_(padding == 4 ? 36 : 35),
        buffer_(static_cast<size_t>(2 * margin_ + rows * stride_), kGuard) {
    for (int64_t i = 0; i < rows; ++i) {
      std::fill_n(View().Row(i), cols, std::numeric_limits<float>::quiet_NaN());
    }
  }
  GuardedMatrix(ConstView v, int64_t padding) : GuardedMatrix(v.Rows(), v.Cols(), padding) {
    for (int64_t i = 0; i < rows_; ++i) std::copy_n(v.Row(i), cols_, View().Row(i));
  }

  u2moe::View View() { return {buffer_.data() + margin_, rows_, cols_, stride_}; }
  operator u2moe::View() { return View(); }  // NOLINT(runtime/explicit)
  operator ConstView() { return View(); }    // NOLINT(runtime/explicit)

  // Whether nothing was written outside the matrix.
  bool Intact() const {
    const int64_t size = static_cast<int64_t>(buffer_.size());
    for (int64_t k = 0; k < size; ++k) {
      const int64_t at = k - margin_;
      const bool inside = at >= 0 && at < rows_ * stride_ && at % stride_ < cols_;
      if (!inside && buffer_[static_cast<size_t>(k)] != kGuard) return false;
    }
    return true;
  }

 private:
  static constexpr float kGuard = -77777.5f;
  int64_t rows_, cols_, stride_, margin_;
  std::vector<float> buffer_;
};

struct OpCase {
  int64_t rows, cols, padding;
};

// What ForOpTargets calls CUDA, beside the instruction sets of Highway.
constexpr int64_t kCudaTarget = 0;

// Calls test(target) for every instruction set of this machine that the ops are compiled for, and
// with kCudaTarget in builds that have CUDA. Each draws the same numbers from *rng, so a test has
// the same data on every machine.
template <class Test>
void ForOpTargets(Rng *rng, const Test &test) {
  const Rng start = *rng;
#if HAVE_CUDA
  const bool all_on_cuda = RunOpsOnCuda(false);
#endif
  const int64_t supported = hwy::SupportedTargets();
  for (int64_t target : {HWY_AVX3, HWY_AVX2, HWY_SCALAR}) {  // the last: whatever is the baseline
    if (target != HWY_SCALAR && (supported & target) == 0) continue;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    *rng = start;
    test(target);
  }
  hwy::SetSupportedTargetsForTest(0);
#if HAVE_CUDA
  SCOPED_TRACE("cuda");
  if (!cuda::ReachesHostMemory()) return;
  RunOpsOnCuda(true);
  *rng = start;
  test(kCudaTarget);
  RunOpsOnCuda(all_on_cuda);
#endif
}

// For tests that draw nothing.
template <class Test>
void ForOpTargets(const Test &test) {
  Rng unused(0);
  ForOpTargets(&unused, test);
}

// Calls test(const OpCase &) for one row, one column, no rows, odd and even sizes, contiguous and
// strided, on every instruction set.
template <class Test>
void ForOpCases(Rng *rng, const Test &test) {
  const int64_t shapes[][2] = {{1, 1},  {1, 7},  {5, 1},  {0, 5},   {3, 2},   {2, 8},
                               {7, 33}, {4, 96}, {9, 63}, {2, 131}, {19, 64}, {35, 21}};
  ForOpTargets(rng, [&](int64_t) {
    for (const auto &shape : shapes) {
      for (int64_t padding : {0, 3}) {
        SCOPED_TRACE(Cat(shape[0], "x", shape[1], " padding ", padding));
        test(OpCase{shape[0], shape[1], padding});
      }
    }
  });
}

// And for shapes at which kernels for GPUs have edges: rows that are read by four floats at once,
// more columns or rows than a block has threads.
template <class Test>
void ForOpCasesAndPacks(Rng *rng, const Test &test) {
  ForOpCases(rng, test);
  const int64_t shapes[][2] = {{1, 4}, {5, 64}, {2, 1036}, {300, 12}};
  ForOpTargets(rng, [&](int64_t) {
    for (const auto &shape : shapes) {
      SCOPED_TRACE(Cat(shape[0], "x", shape[1], " aligned"));
      test(OpCase{shape[0], shape[1], 4});
    }
  });
}

// The largest |a - b|; infinite if anything in a is not finite.
inline double MaxAbsDiff(ConstView a, const RefMatrix &b) {
  CHECK_SHAPE(a, b.rows, b.cols);
  double largest = 0;
  for (int64_t i = 0; i < b.rows; ++i) {
    for (int64_t j = 0; j < b.cols; ++j) {
      const double difference = std::fabs(static_cast<double>(a(i, j)) - b(i, j));
      if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
      largest = std::max(largest, difference);
    }
  }
  return largest;
}

// Compares a gradient with central differences of loss(), which reads *x: the largest error divided
// by the largest entry of the gradient plus 1e-3 (true gradients may all be 0).
template <class Loss>
double GradientError(const Loss &loss, RefMatrix *x, ConstView gradient) {
  RefMatrix numeric(x->rows, x->cols);
  double largest = 0;
  for (size_t i = 0; i < x->data.size(); ++i) {
    const double value = x->data[i], step = 1e-5;
    x->data[i] = value + step;
    const double above = loss();
    x->data[i] = value - step;
    const double below = loss();
    x->data[i] = value;
    numeric.data[i] = (above - below) / (2 * step);
    largest = std::max(largest, std::fabs(numeric.data[i]));
  }
  return MaxAbsDiff(gradient, numeric) / (largest + 1e-3);
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_SUPPORT_OP_TEST_H_
