#include "ops/ctc-loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "util/ctc-topology.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/ctc-loss-cpu.cc"
#include "ops/simd-targets.h"

#include "hwy/contrib/math/math-inl.h"
#include "ops/simd-math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace u2moe {
namespace HWY_NAMESPACE {
namespace {

using Doubles = hn::ScalableTag<double>;
using DoubleVec = hn::Vec<Doubles>;

// Stands for log 0. Finite, so that differences are numbers: log-probabilities of any real path
// stay far above it, and sums of a few thousand of them stay far above the most negative double.
constexpr double kLogZero = -1e30;
constexpr double kImpossible = -1e29;  // at or below: no path

// log(exp(a) + exp(b) + exp(c)).
HWY_INLINE DoubleVec LogSum(DoubleVec a, DoubleVec b, DoubleVec c) {
  const Doubles d;
  const DoubleVec max = hn::Max(a, hn::Max(b, c));
  const DoubleVec sum = hn::Add(hn::Exp(d, hn::Sub(a, max)),
                                hn::Add(hn::Exp(d, hn::Sub(b, max)), hn::Exp(d, hn::Sub(c, max))));
  return hn::Add(max, hn::Log(d, sum));
}

// The states of the chain (util/ctc-topology.h), with rows padded by kPad impossible states in
// front and a whole vector behind, so that the recursions have no special cases at the ends.
class Lattice {
 public:
  Lattice(ConstView logp, const std::vector<int32_t> &labels, int32_t blank)
      : logp_(logp), chain_(labels, blank), num_states_(chain_.NumStates()) {
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(Doubles()));
    padded_ = (num_states_ + lanes - 1) / lanes * lanes;
    stride_ = kPad + padded_ + kPad;
    skip_.assign(static_cast<size_t>(stride_), kLogZero);
    for (int64_t s = 0; s < num_states_; ++s) {
      if (chain_.MaySkip(s)) skip_[static_cast<size_t>(kPad + s)] = 0;
    }
    emit_.assign(static_cast<size_t>(stride_ * logp.Rows()), kLogZero);
    for (int64_t t = 0; t < logp.Rows(); ++t) {
      double *to = Emit(t);
      for (int64_t s = 0; s < num_states_; ++s) {
        const double p = logp(t, chain_.Symbol(s));
        has_nan_ |= std::isnan(p);
        to[s] = std::max(p, kLogZero);
      }
    }
  }

  bool HasNan() const { return has_nan_; }
  int64_t NumStates() const { return num_states_; }

  // Log of the sum over all paths; keeps the forward scores.
  double Forward() {
    const Doubles d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), frames = logp_.Rows();
    alpha_.assign(static_cast<size_t>(stride_ * frames), kLogZero);
    double *first = Row(&alpha_, 0);
    first[0] = Emit(0)[0];
    if (num_states_ > 1) first[1] = Emit(0)[1];
    for (int64_t t = 1; t < frames; ++t) {
      const double *from = Row(&alpha_, t - 1), *emit = Emit(t), *skip = skip_.data() + kPad;
      double *to = Row(&alpha_, t);
      for (int64_t s = 0; s < padded_; s += lanes) {
        const DoubleVec two = hn::Add(hn::LoadU(d, from + s - 2), hn::LoadU(d, skip + s));
        const DoubleVec sum = LogSum(hn::LoadU(d, from + s), hn::LoadU(d, from + s - 1), two);
        hn::StoreU(hn::Add(sum, hn::LoadU(d, emit + s)), d, to + s);
      }
    }
    const double *last = Row(&alpha_, frames - 1);
    const double a = last[num_states_ - 1], b = num_states_ > 1 ? last[num_states_ - 2] : kLogZero;
    const double max = std::max(a, b);
    return max <= kImpossible ? kLogZero : max + std::log(std::exp(a - max) + std::exp(b - max));
  }

  // dlogits = weight * (exp(logp) - occupancy).
  void Backward(double log_total, float weight, View dlogits) {
    const Doubles d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    std::vector<double> rows(static_cast<size_t>(2 * stride_), kLogZero),
        occupancy_row(static_cast<size_t>(padded_));
    std::vector<double> occupancy(static_cast<size_t>(logp_.Cols()), 0.0);
    // beta[s] of the frame: the rest of the paths, without the frame itself. next[s] has the
    // emission of the following frame added.
    double *beta = rows.data() + kPad, *next = beta + stride_;
    beta[num_states_ - 1] = 0;
    if (num_states_ > 1) beta[num_states_ - 2] = 0;
    const FloatVec scale = Set(weight);
    for (int64_t t = logp_.Rows() - 1; t >= 0; --t) {
      const double *alpha = Row(&alpha_, t), *emit = Emit(t);
      for (int64_t s = 0; s < padded_; s += lanes) {
        const DoubleVec sum = hn::Add(hn::LoadU(d, alpha + s), hn::LoadU(d, beta + s));
        hn::StoreU(hn::Exp(d, hn::Sub(sum, hn::Set(d, log_total))), d, occupancy_row.data() + s);
      }
      for (int64_t s = 0; s < num_states_; ++s) {
        occupancy[static_cast<size_t>(chain_.Symbol(s))] += occupancy_row[static_cast<size_t>(s)];
      }
      float *to = dlogits.Row(t);
      MapRow(
          logp_.Cols(), to, [=](FloatVec v) HWY_ATTR { return hn::Mul(scale, Exp(v)); },
          logp_.Row(t));
      for (int64_t s = 0; s < num_states_; ++s) {
        const int32_t v = chain_.Symbol(s);
        double &occ = occupancy[static_cast<size_t>(v)];
        if (occ == 0) continue;  // or written already
        to[v] = static_cast<float>(weight * (std::exp(emit[s]) - occ));
        occ = 0;
      }
      if (t == 0) break;
      for (int64_t s = 0; s < padded_; s += lanes) {
        hn::StoreU(hn::Add(hn::LoadU(d, beta + s), hn::LoadU(d, emit + s)), d, next + s);
      }
      for (int64_t s = 0; s < padded_; s += lanes) {
        const DoubleVec two =
            hn::Add(hn::LoadU(d, next + s + 2), hn::LoadU(d, skip_.data() + kPad + s + 2));
        hn::StoreU(LogSum(hn::LoadU(d, next + s), hn::LoadU(d, next + s + 1), two), d, beta + s);
      }
    }
  }

 private:
  static constexpr int64_t kPad = 8;

  double *Emit(int64_t t) { return Row(&emit_, t); }
  double *Row(std::vector<double> *m, int64_t t) { return m->data() + t * stride_ + kPad; }

  ConstView logp_;
  CtcChain chain_;
  int64_t num_states_, padded_ = 0, stride_ = 0;
  bool has_nan_ = false;
  std::vector<double> skip_, emit_, alpha_;
};

double CtcLossSimd(ConstView logp, const std::vector<int32_t> &labels, int32_t blank, float weight,
                   View dlogits) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (logp.Rows() == 0) return labels.empty() ? 0 : kInfinity;
  Lattice lattice(logp, labels, blank);
  const auto fill = [&](float value) {
    for (int64_t t = 0; t < dlogits.Rows(); ++t)
      std::fill(dlogits.Row(t), dlogits.Row(t) + dlogits.Cols(), value);
  };
  if (lattice.HasNan()) {
    fill(std::numeric_limits<float>::quiet_NaN());
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double log_total = lattice.Forward();
  if (log_total <= kImpossible) {
    fill(0);
    return kInfinity;
  }
  if (!dlogits.Empty()) lattice.Backward(log_total, weight, dlogits);
  return -log_total;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace u2moe
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace u2moe {
namespace {
HWY_EXPORT(CtcLossSimd);
}  // namespace

namespace cpu {

CachedVector<double> CtcLosses(const Context &, ConstView logp, const RaggedShape &shape,
                               const std::vector<std::vector<int32_t>> &labels, int32_t blank,
                               float weight, View dlogits) {
  CachedVector<double> losses;
  for (int b = 0; b < shape.NumSequences(); ++b) {
    losses.push_back(HWY_DYNAMIC_DISPATCH(CtcLossSimd)(
        shape.Rows(logp, b), labels[static_cast<size_t>(b)], blank, weight,
        dlogits.Data() != nullptr ? shape.Rows(dlogits, b) : View()));
  }
  return losses;
}

}  // namespace cpu
}  // namespace u2moe
#endif  // HWY_ONCE
