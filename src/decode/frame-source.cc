#include "decode/frame-source.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ops/group-max.h"

namespace u2moe {
namespace {

// Rounding can lift the logarithm of 1 a little above 0.
constexpr float kLargest = 1e-2f;

}  // namespace

void CtcFrameSource::CheckShape(ConstView logp) {
  if (logp.Rows() == 0) return;
  if (cols_ < 0) {
    if (blank_ >= logp.Cols()) {
      throw DataError("blank id ", blank_, " is outside the ", logp.Cols(),
                      " columns of the log-posteriors; see --blank");
    }
    cols_ = logp.Cols();
  }
  if (logp.Cols() != cols_) {
    throw DataError("log-posteriors with ", logp.Cols(), " columns after frames with ", cols_);
  }
}

const float *CtcFrameSource::Prepare(const float *row) {
  if (!(penalty_ > 0)) return row;
  CheckValue(row[blank_], blank_);
  // Log of the sum of the penalised row: 1 - p + p e^-penalty. 1 - p of a float p close to 1 has
  // few digits, so a saturated blank takes the sum of the others from the row itself.
  const double p = std::exp(static_cast<double>(row[blank_]));
  double others = 1 - p;
  if (others < 1e-3) {
    others = 0;
    for (int64_t j = 0; j < cols_; ++j) {
      if (j != blank_) others += std::exp(static_cast<double>(row[j]));
    }
  }
  const double log_others = std::log(others),
               log_blank = static_cast<double>(row[blank_]) - penalty_;
  const double high = std::max(log_others, log_blank), low = std::min(log_others, log_blank);
  const double log_sum = std::isinf(low) ? high : high + std::log1p(std::exp(low - high));
  const float shift = static_cast<float>(log_sum);
  buffer_.resize(static_cast<size_t>(cols_));
  for (int64_t j = 0; j < cols_; ++j) buffer_[static_cast<size_t>(j)] = row[j] - shift;
  buffer_[static_cast<size_t>(blank_)] = static_cast<float>(log_blank - log_sum);
  return buffer_.data();
}

void CtcFrameSource::CheckValue(float value, int64_t col) const {
  if (value <= kLargest) return;
  if (std::isnan(value)) {
    throw DataError("log-posterior of frame ", frame_, ", token ", col, " is NaN");
  }
  throw DataError("log-posterior of frame ", frame_, ", token ", col, " is ", value,
                  ", above 0: these look like logits; write log-softmax outputs");
}

const std::vector<float> &CtcFrameSource::GroupMaxima(const float *logp) {
  maxima_.resize(static_cast<size_t>((cols_ + kGroup - 1) / kGroup));
  GroupMax(ctx_, kGroup, ConstView(logp, 1, cols_),
           View(maxima_.data(), 1, static_cast<int64_t>(maxima_.size())));
  float largest = -std::numeric_limits<float>::infinity();
  for (size_t g = 0; g < maxima_.size(); ++g) {
    if (!(maxima_[g] <= kLargest)) {
      const auto [begin, end] = GroupColumns(g);
      for (int64_t j = begin; j < end; ++j) CheckValue(logp[j], j);
    }
    largest = std::max(largest, maxima_[g]);
  }
  if (std::isinf(largest)) throw DataError("frame ", frame_, ": every token has probability 0");
  return maxima_;
}

}  // namespace u2moe
