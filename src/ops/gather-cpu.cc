#include "ops/gather.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gather-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

void GatherRowsKernel(ConstView x, Span<int32_t> index, View y) {
  if (y.Empty()) return;
  const size_t bytes = static_cast<size_t>(x.Cols()) * sizeof(float);
  for (int64_t s = 0; s < y.Rows(); ++s) {
    std::memcpy(y.Row(s), x.Row(index[static_cast<size_t>(s)]), bytes);
  }
}

void ScatterAddRowsKernel(ConstView x, Span<int32_t> index, Span<float> weight, View y) {
  for (int64_t s = 0; s < x.Rows(); ++s) {
    const size_t slot = static_cast<size_t>(s);
    const FloatVec w = Set(weight.empty() ? 1.f : weight[slot]);
    float *to = y.Row(index[slot]);
    MapRow(
        x.Cols(), to, [w](FloatVec v, FloatVec t) HWY_ATTR { return hn::MulAdd(w, v, t); },
        x.Row(s), to);
  }
}

void GatherDotRowsKernel(ConstView a, ConstView b, Span<int32_t> index, std::vector<float> *dot) {
  for (int64_t s = 0; s < a.Rows(); ++s) {
    const size_t slot = static_cast<size_t>(s);
    (*dot)[slot] = DotOfRows(a.Row(s), b.Row(index[slot]), a.Cols());
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace {

void CheckIndex(Span<int32_t> index, int64_t num_rows) {
  for (int32_t i : index) CHECK(i >= 0 && i < num_rows) << "index " << i << " of " << num_rows;
}

}  // namespace

namespace cpu {

HWY_EXPORT(GatherRowsKernel);
HWY_EXPORT(ScatterAddRowsKernel);
HWY_EXPORT(GatherDotRowsKernel);

void GatherRows(const Context &, ConstView x, Span<int32_t> index, View y) {
  CheckIndex(index, x.Rows());
  HWY_DYNAMIC_DISPATCH(GatherRowsKernel)(x, index, y);
}

void ScatterAddRows(const Context &, ConstView x, Span<int32_t> index, Span<float> weight, View y) {
  CheckIndex(index, y.Rows());
  HWY_DYNAMIC_DISPATCH(ScatterAddRowsKernel)(x, index, weight, y);
}

void GatherDotRows(const Context &, ConstView a, ConstView b, Span<int32_t> index,
                   std::vector<float> *dot) {
  CheckIndex(index, b.Rows());
  HWY_DYNAMIC_DISPATCH(GatherDotRowsKernel)(a, b, index, dot);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
