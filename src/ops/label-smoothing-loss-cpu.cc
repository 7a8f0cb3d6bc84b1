#include "ops/label-smoothing-loss.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/label-smoothing-loss-cpu.cc"
#include "ops/simd-targets.h"

#include "ops/simd-math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {

using Doubles = hn::Repartition<double, Floats>;

// sum (two vectors of doubles) += x.
HWY_INLINE void AddDoubles(FloatVec x, hn::Vec<Doubles> *low, hn::Vec<Doubles> *high) {
  const Doubles d;
#if HWY_TARGET == HWY_SCALAR
  (void)high;
  *low = hn::Add(*low, hn::PromoteTo(d, x));
#else
  const hn::Half<Floats> half;
  *low = hn::Add(*low, hn::PromoteTo(d, hn::LowerHalf(half, x)));
  *high = hn::Add(*high, hn::PromoteTo(d, hn::UpperHalf(half, x)));
#endif
}

HWY_INLINE double Total(hn::Vec<Doubles> low, hn::Vec<Doubles> high) {
  const Doubles d;
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(low, high)));
}

// The first of the largest entries; where there are NaNs, any entry.
int64_t ArgMax(const float *x, int64_t cols) {
  const int64_t width = Width();
  float largest = x[0];
  int64_t j = 0;
  if (cols >= width) {
    FloatVec v = LoadU(x);
    for (j = width; j + width <= cols; j += width) v = hn::Max(v, LoadU(x + j));
    largest = Max(v);
  }
  for (; j < cols; ++j) largest = x[j] > largest ? x[j] : largest;
  for (j = 0; j + width <= cols; j += width) {
    if (!hn::AllFalse(Floats(), hn::Eq(LoadU(x + j), Set(largest)))) break;
  }
  while (j < cols && x[j] != largest) ++j;
  return j < cols ? j : 0;
}

// Loss of one row, without the entropy of the target; gradient to d if not null.
double RowLoss(const float *x, int64_t cols, int64_t target, double on, double off, float weight,
               float *d, bool *correct) {
  const int64_t width = Width(), best = ArgMax(x, cols);
  const float x_best = x[best], x_target = x[target];  // before d, which may be x, is written
  *correct = best == target;
  const FloatVec max = Set(x_best);
  auto exp_low = hn::Zero(Doubles()), exp_high = exp_low, low = exp_low, high = exp_low;
  int64_t j = 0;
  for (; j + width <= cols; j += width) {
    const FloatVec v = LoadU(x + j), e = Exp(hn::Sub(v, max));
    AddDoubles(v, &low, &high);
    AddDoubles(e, &exp_low, &exp_high);
    if (d != nullptr) StoreU(e, d + j);
  }
  if (j < cols) {
    const FloatVec v = LoadN(x + j, cols - j), e = KeepN(Exp(hn::Sub(v, max)), cols - j);
    AddDoubles(v, &low, &high);
    AddDoubles(e, &exp_low, &exp_high);
    if (d != nullptr) StoreN(e, d + j, cols - j);
  }
  const double sum_exp = Total(exp_low, exp_high), log_sum = std::log(sum_exp) + x_best;
  const double sum_logp = Total(low, high) - static_cast<double>(cols) * log_sum;
  const double target_logp = x_target - log_sum;
  if (d != nullptr) {
    const FloatVec scale = Set(static_cast<float>(weight / sum_exp));
    const FloatVec shift = Set(static_cast<float>(weight * off));
    MapRow(
        cols, d, [=](FloatVec e) HWY_ATTR { return hn::Sub(hn::Mul(scale, e), shift); }, d);
    d[target] = static_cast<float>(weight * (std::exp(target_logp) - on));
  }
  // Without smoothing a logit of -infinity elsewhere is no harm.
  return -on * target_logp - (off > 0 ? off * (sum_logp - target_logp) : 0);
}

double LabelSmoothingLossSimd(ConstView logits, Span<int32_t> targets, float smoothing,
                              float weight, View dlogits, int64_t *num_correct) {
  const int64_t others = logits.Cols() - 1;
  const double on = 1.0 - static_cast<double>(smoothing);
  const double off = others > 0 ? static_cast<double>(smoothing) / static_cast<double>(others) : 0;
  const double entropy_terms =
      on * std::log(on) + (off > 0 ? static_cast<double>(others) * off * std::log(off) : 0);
  double loss = 0;
  int64_t correct = 0;
  for (int64_t i = 0; i < logits.Rows(); ++i) {
    bool right = false;
    loss += entropy_terms + RowLoss(logits.Row(i), logits.Cols(), targets[static_cast<size_t>(i)],
                                    on, off, weight,
                                    dlogits.Data() == nullptr ? nullptr : dlogits.Row(i), &right);
    correct += right ? 1 : 0;
  }
  if (num_correct != nullptr) *num_correct = correct;
  return loss;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace {
HWY_EXPORT(LabelSmoothingLossSimd);
}  // namespace

namespace cpu {

double LabelSmoothingLoss(const Context &, ConstView logits, Span<int32_t> targets, float smoothing,
                          float weight, View dlogits, int64_t *num_correct) {
  for (int32_t label : targets) {
    CHECK(label >= 0 && label < logits.Cols()) << "label " << label << " of " << logits.Cols();
  }
  return HWY_DYNAMIC_DISPATCH(LabelSmoothingLossSimd)(logits, targets, smoothing, weight, dlogits,
                                                      num_correct);
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
