#include <algorithm>
#include <limits>

#include "ops/group-max.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/group-max-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

void GroupMaxKernel(int64_t group, ConstView x, View y) {
  const int64_t width = Width();
  for (int64_t i = 0; i < x.Rows(); ++i) {
    for (int64_t g = 0; g < y.Cols(); ++g) {
      const float *p = x.Row(i) + g * group;
      const int64_t n = std::min(group, x.Cols() - g * group);
      float largest = -std::numeric_limits<float>::infinity();
      int64_t j = 0;
      bool nan = false;
      if (n >= width) {
        // Max may lose a NaN; the number that is compared with itself does not.
        FloatVec v = LoadU(p);
        auto numbers = hn::Eq(v, v);
        for (j = width; j + width <= n; j += width) {
          const FloatVec next = LoadU(p + j);
          v = hn::Max(v, next);
          numbers = hn::And(numbers, hn::Eq(next, next));
        }
        largest = Max(v);
        nan = !hn::AllTrue(Floats(), numbers);
      }
      for (; j < n; ++j) {
        nan |= p[j] != p[j];
        largest = std::max(largest, p[j]);
      }
      y(i, g) = nan ? std::numeric_limits<float>::quiet_NaN() : largest;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace cpu {

HWY_EXPORT(GroupMaxKernel);

void GroupMax(const Context &, int64_t group, ConstView x, View y) {
  HWY_DYNAMIC_DISPATCH(GroupMaxKernel)(group, x, y);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
