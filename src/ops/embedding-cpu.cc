#include "ops/embedding.h"

#include <cmath>

#include "tensor/allocator.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/embedding-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {

void EmbeddingForwardKernel(ConstView table, Span<int32_t> ids, float scale, View y) {
  const FloatVec a = Set(scale);
  const auto multiply = [a](FloatVec v) HWY_ATTR { return hn::Mul(a, v); };
  for (int64_t i = 0; i < y.Rows(); ++i) {
    MapRow(y.Cols(), y.Row(i), multiply, table.Row(ids[static_cast<size_t>(i)]));
  }
}

void EmbeddingBackwardKernel(Span<int32_t> ids, float scale, ConstView dy, View dtable) {
  const FloatVec a = Set(scale);
  const auto add = [a](FloatVec g, FloatVec t) HWY_ATTR { return hn::MulAdd(a, g, t); };
  for (int64_t i = 0; i < dy.Rows(); ++i) {
    float *to = dtable.Row(ids[static_cast<size_t>(i)]);
    MapRow(dy.Cols(), to, add, dy.Row(i), to);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace {

void CheckIds(Span<int32_t> ids, int64_t vocabulary) {
  for (int32_t id : ids)
    CHECK(id >= 0 && id < vocabulary) << "token " << id << " of " << vocabulary;
}

}  // namespace

namespace cpu {

HWY_EXPORT(EmbeddingForwardKernel);
HWY_EXPORT(EmbeddingBackwardKernel);

void EmbeddingForward(const Context &, ConstView table, Span<int32_t> ids, float scale, View y) {
  CheckIds(ids, table.Rows());
  HWY_DYNAMIC_DISPATCH(EmbeddingForwardKernel)(table, ids, scale, y);
}

void EmbeddingBackward(const Context &, Span<int32_t> ids, float scale, ConstView dy, View dtable) {
  CheckIds(ids, dtable.Rows());
  HWY_DYNAMIC_DISPATCH(EmbeddingBackwardKernel)(ids, scale, dy, dtable);
}

void PositionTable(const Context &, int64_t begin, View y) {
  // The standard library's sin and cos: positions may be far outside the range of SIMD ones.
  const int64_t dim = y.Cols();
  const float exponent = static_cast<float>(-(std::log(10000.0) / static_cast<double>(dim)));
  CachedVector<float> rate(static_cast<size_t>((dim + 1) / 2));
  for (size_t i = 0; i < rate.size(); ++i) rate[i] = std::exp(static_cast<float>(2 * i) * exponent);
  for (int64_t r = 0; r < y.Rows(); ++r) {
    const float position = static_cast<float>(begin + r);
    for (int64_t j = 0; j < dim; ++j) {
      const float angle = position * rate[static_cast<size_t>(j / 2)];
      y(r, j) = j % 2 == 0 ? std::sin(angle) : std::cos(angle);
    }
  }
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
