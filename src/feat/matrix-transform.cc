#include "feat/matrix-transform.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace u2moe {
namespace {

void SoftmaxRow(float *row, int64_t n) {
  const float max = *std::max_element(row, row + n);
  double sum = 0;
  for (int64_t j = 0; j < n; ++j) sum += std::exp(static_cast<double>(row[j]) - max);
  for (int64_t j = 0; j < n; ++j) {
    row[j] = static_cast<float>(std::exp(static_cast<double>(row[j]) - max) / sum);
  }
}

}  // namespace

void MatrixTransform::Register(OptionParser *po) {
  po->Register("scale", &scale, "factor for every element");
  po->Register("apply-log", &log, "take the natural logarithm of every element, floored at 1e-20");
  po->Register("apply-exp", &exp, "take the exponential of every element");
  po->Register("apply-softmax-per-row", &softmax_per_row, "take the softmax over each row");
  po->Register("apply-power", &power, "raise every element to this power, after the others");
}

void MatrixTransform::Check() const {
  if (log + exp + softmax_per_row > 1) {
    throw UsageError("give one of --apply-log, --apply-exp and --apply-softmax-per-row");
  }
  if (!std::isfinite(scale)) throw UsageError("--scale=", scale, ": expected a finite number");
  if (!std::isfinite(power)) {
    throw UsageError("--apply-power=", power, ": expected a finite number");
  }
}

Tensor MatrixTransform::Apply(Tensor matrix) const {
  if (matrix.Empty()) return matrix;
  const Tensor before = matrix;
  for (int64_t i = 0; i < matrix.Rows(); ++i) {
    float *row = matrix.View().Row(i);
    for (int64_t j = 0; j < matrix.Cols(); ++j) {
      float x = scale == 1 ? row[j] : scale * row[j];
      if (log) x = x < 1e-20f ? std::log(1e-20f) : std::log(x);  // NaN stays
      if (exp) x = std::exp(x);
      row[j] = x;
    }
    if (softmax_per_row) SoftmaxRow(row, matrix.Cols());
    for (int64_t j = 0; j < matrix.Cols(); ++j) {
      if (power != 1) row[j] = std::pow(row[j], power);
      if (!std::isfinite(row[j]) && std::isfinite(before(i, j))) {
        throw DataError("row ", i, ", column ", j, ": ", before(i, j), " becomes ", row[j],
                        "; choose another --scale or --apply option");
      }
    }
  }
  return matrix;
}

}  // namespace u2moe
