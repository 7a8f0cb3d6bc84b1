#include "feat/cmvn.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"

namespace u2moe {

void AccumulateCmvn(ConstView feats, DoubleMatrix *stats) {
  const int64_t dim = feats.Cols();
  if (feats.Cols() == 0) throw DataError("no frames; leave the utterance out");
  if (stats->data.empty()) {
    *stats = {2, dim + 1, std::vector<double>(static_cast<size_t>(2 * (dim + 1)), 0.0)};
  }
  if (stats->cols != dim + 1) {
    throw DataError("features have ", dim, " dimensions, those before had ", stats->cols - 1,
                    "; extract all of them with the same options");
  }
  // Added up apart, so that a bad frame leaves the statistics as they were.
  std::vector<double> sum(stats->data.size(), 0.0);
  double *const x1 = sum.data(), *const x2 = sum.data() + dim + 1;
  for (int64_t t = 0; t < feats.Rows(); ++t) {
    const float *x = feats.Row(t);
    for (int64_t d = 0; d < dim; ++d) {
      x1[d] += x[d];
      x2[d] += static_cast<double>(x[d]) * x[d];
    }
  }
  x1[dim] = static_cast<double>(feats.Rows());
  for (size_t i = 0; i < sum.size(); ++i) {
    if (!std::isfinite(sum[i])) {
      throw DataError("features hold NaN or infinite values; extract them again");
    }
  }
  for (size_t i = 0; i < sum.size(); ++i) stats->data[i] += sum[i];
}

void AddCmvnStats(const DoubleMatrix &stats, DoubleMatrix *sum) {
  if (sum->data.empty()) {
    *sum = stats;
    return;
  }
  if (stats.rows != sum->rows || stats.cols != sum->cols) {
    throw DataError("statistics are ", stats.rows, " x ", stats.cols, ", those before were ",
                    sum->rows, " x ", sum->cols);
  }
  for (size_t i = 0; i < stats.data.size(); ++i) sum->data[i] += stats.data[i];
}

CmvnTransform::CmvnTransform(const DoubleMatrix &stats, bool norm_means, bool norm_vars) {
  CHECK(norm_means || !norm_vars);
  if (stats.rows != 2 || stats.cols < 2) {
    throw DataError("not CMVN statistics: ", stats.rows, " x ", stats.cols,
                    ", expected 2 x (dimension + 1) as compute-cmvn-stats writes them");
  }
  const int64_t dim = stats.cols - 1;
  const double *const x1 = stats.data.data(), *const x2 = stats.data.data() + stats.cols;
  const double count = x1[dim];
  if (!(count >= 1)) throw DataError("CMVN statistics over ", count, " frames");
  mean.assign(static_cast<size_t>(dim), 0.0);
  scale.assign(static_cast<size_t>(dim), 1.0);
  int64_t num_floored = 0;
  for (int64_t d = 0; d < dim; ++d) {
    const double m = x1[d] / count, variance = x2[d] / count - m * m;
    if (!std::isfinite(m) || !std::isfinite(variance)) {
      throw DataError("CMVN statistics of dimension ", d, " are not finite");
    }
    if (norm_means) mean[static_cast<size_t>(d)] = m;
    if (norm_vars) {
      num_floored += variance < 1e-20;
      scale[static_cast<size_t>(d)] = 1 / std::sqrt(std::max(variance, 1e-20));
    }
  }
  if (num_floored > 0) {
    LOG_WARN << num_floored << " of " << dim
             << " dimensions do not vary in the CMVN statistics over " << count
             << " frames; their variance was raised to 1e-20";
  }
}

void CmvnTransform::Apply(bool reverse, View feats) const {
  const int64_t dim = static_cast<int64_t>(mean.size());
  if (feats.Cols() == 0) throw DataError("no frames; leave the utterance out");
  if (feats.Cols() != dim) {
    throw DataError("features have ", feats.Cols(), " dimensions, the CMVN statistics ", dim,
                    "; extract both with the same options");
  }
  for (int64_t t = 0; t < feats.Rows(); ++t) {
    float *x = feats.Row(t);
    for (int64_t d = 0; d < dim; ++d) {
      const size_t i = static_cast<size_t>(d);
      x[d] = static_cast<float>(reverse ? x[d] / scale[i] + mean[i] : (x[d] - mean[i]) * scale[i]);
      if (!std::isfinite(x[d])) {
        throw DataError("frame ", t, ", dimension ", d,
                        " is NaN or infinite, or becomes so; extract the features again");
      }
    }
  }
}

}  // namespace u2moe
