// The exponential of ops/simd-math-inl.h over its whole range, on every instruction set.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd-math-test.cc"
#include "ops/simd-targets.h"

#include "ops/simd-math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

void ExpKernel(int64_t n, const float *x, float *y) {
  MapRow(
      n, y, [](FloatVec v) HWY_ATTR { return Exp(v); }, x);
}

void SigmoidKernel(int64_t n, const float *x, float *y) {
  MapRow(
      n, y, [](FloatVec v) HWY_ATTR { return Sigmoid(v); }, x);
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "support/op-test.h"

namespace u2moe {
namespace {

HWY_EXPORT(ExpKernel);
HWY_EXPORT(SigmoidKernel);

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(SimdMath, ExpOverItsRange) {
  ForOpTargets([&](int64_t target) {
    const int64_t n = 4001;
    std::vector<float> x(n), y(n);
    double worst = 0;
    for (float begin = -87.3f; begin < 88.3f; begin += 0.05f) {
      for (int64_t i = 0; i < n; ++i) x[i] = begin + 0.05f * static_cast<float>(i) / n;
      HWY_DYNAMIC_DISPATCH(ExpKernel)(n, x.data(), y.data());
      for (int64_t i = 0; i < n; ++i) {
        const double exact = std::exp(static_cast<double>(x[i]));
        const float rounded = static_cast<float>(exact);
        const double ulp = std::nextafter(rounded, kInf) - rounded;
        worst = std::fmax(worst, std::fabs(y[i] - exact) / ulp);
      }
    }
    EXPECT_LT(worst, target == HWY_SCALAR ? 2.5 : 1.1);  // no fused multiply-add there
  });
}

TEST(SimdMath, ExpAtTheEnds) {
  ForOpTargets([&](int64_t) {
    const float x[] = {-kInf, -1e30f, -88, -0.f, 0, 88.37f, 1e30f, kInf, 1};
    float y[9];
    HWY_DYNAMIC_DISPATCH(ExpKernel)(9, x, y);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(y[i], 0);
    EXPECT_EQ(y[3], 1);
    EXPECT_EQ(y[4], 1);
    for (int i = 5; i < 8; ++i) EXPECT_NEAR(y[i], std::exp(88.37), 1e33);
    EXPECT_FLOAT_EQ(y[8], std::exp(1.f));
    HWY_DYNAMIC_DISPATCH(SigmoidKernel)(9, x, y);
    for (int i = 0; i < 3; ++i) EXPECT_NEAR(y[i], 0, 1e-38);
    EXPECT_EQ(y[3], 0.5f);
    for (int i = 5; i < 8; ++i) EXPECT_EQ(y[i], 1);
  });
}

// Whatever a NaN carries in its low bits.
TEST(SimdMath, NanStaysNan) {
  const uint32_t bits[] = {0x7fc00000u, 0x7fc00001u, 0xffffffffu, 0x7f800001u, 0xff800100u};
  float x[5], y[5];
  std::memcpy(x, bits, sizeof(x));
  HWY_DYNAMIC_DISPATCH(ExpKernel)(5, x, y);
  for (float v : y) EXPECT_TRUE(std::isnan(v));
  HWY_DYNAMIC_DISPATCH(SigmoidKernel)(5, x, y);
  for (float v : y) EXPECT_TRUE(std::isnan(v));
}

}  // namespace
}  // namespace u2moe
#endif  // HWY_ONCE
