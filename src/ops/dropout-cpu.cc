#include "ops/dropout.h"

#include "ops/dropout-hash.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/dropout-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

void DropoutKernel(uint64_t seed, Span<uint64_t> rows, float rate, ConstView x, View y) {
  const hn::RebindToUnsigned<Floats> du;
  const hn::RebindToSigned<Floats> di;
  const auto m2 = hn::Set(du, kDropoutMultiplier2), m3 = hn::Set(du, kDropoutMultiplier3);
  const auto threshold = hn::Set(di, DropoutThreshold(rate));
  const FloatVec scale = Set(1.f / (1.f - rate));
  const int64_t cols = x.Cols(), width = Width();
  const auto first_counters = hn::Mul(hn::Iota(du, 0), hn::Set(du, kDropoutMultiplier1));
  const auto step = hn::Set(du, static_cast<uint32_t>(width) * kDropoutMultiplier1);
  for (int64_t i = 0; i < x.Rows(); ++i) {
    const DropoutRowKey key(seed,
                            rows.empty() ? i : static_cast<int64_t>(rows[static_cast<size_t>(i)]));
    const auto second = hn::Set(du, key.second);
    auto counters = hn::Add(first_counters, hn::Set(du, key.first));
    const auto drop = [&](FloatVec v) HWY_ATTR {  // DropoutHash on a vector
      auto h = counters;
      counters = hn::Add(counters, step);
      h = hn::Add(hn::Mul(hn::Xor(h, hn::ShiftRight<16>(h)), m2), second);
      h = hn::Mul(hn::Xor(h, hn::ShiftRight<13>(h)), m3);
      h = hn::ShiftRight<1>(hn::Xor(h, hn::ShiftRight<16>(h)));
      const auto below = hn::Lt(hn::BitCast(di, h), threshold);
      return hn::IfThenZeroElse(hn::RebindMask(Floats(), below), hn::Mul(v, scale));
    };
    MapRow(cols, y.Row(i), drop, x.Row(i));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace cpu {

HWY_EXPORT(DropoutKernel);

void Dropout(const Context &, uint64_t seed, Span<uint64_t> rows, float rate, ConstView x, View y) {
  HWY_DYNAMIC_DISPATCH(DropoutKernel)(seed, rows, rate, x, y);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
