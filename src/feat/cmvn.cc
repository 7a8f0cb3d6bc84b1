#include "feat/cmvn.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "util/text.h"

namespace u2moe {
namespace {

DataError NoCmvnStats(const DoubleMatrix &stats) {
  return DataError("not CMVN statistics: ", stats.rows, " x ", stats.cols,
                   ", expected 2 x (dimension + 1) as compute-cmvn-stats writes them");
}

}  // namespace

void AccumulateCmvn(ConstView feats, DoubleMatrix *stats, const std::vector<float> *weights) {
  const int64_t dim = feats.Cols();
  if (dim == 0) throw DataError("no frames; leave the utterance out");
  if (weights && static_cast<int64_t>(weights->size()) != feats.Rows()) {
    throw DataError(feats.Rows(), " frames, but ", weights->size(),
                    " weights; make both from the same features");
  }
  if (!stats->data.empty() && stats->cols != dim + 1) {
    throw DataError("features have ", dim, " dimensions, those before had ", stats->cols - 1,
                    "; extract all of them with the same options");
  }
  // Added up apart, so that a bad frame leaves the statistics as they were.
  std::vector<double> sum(static_cast<size_t>(2 * (dim + 1)), 0.0);
  double *const x1 = sum.data(), *const x2 = sum.data() + dim + 1;
  for (int64_t t = 0; t < feats.Rows(); ++t) {
    const float *x = feats.Row(t);
    const double w = weights ? (*weights)[static_cast<size_t>(t)] : 1.0;
    if (w == 0) continue;
    for (int64_t d = 0; d < dim; ++d) {
      x1[d] += w * x[d];
      x2[d] += w * x[d] * x[d];
    }
    x1[dim] += w;
  }
  for (size_t i = 0; i < sum.size(); ++i) {
    if (!std::isfinite(sum[i])) {
      throw DataError("features hold NaN or infinite values; extract them again");
    }
  }
  if (stats->data.empty()) *stats = {2, dim + 1, std::vector<double>(sum.size(), 0.0)};
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

std::vector<int32_t> ParseSkipDims(const std::string &text, const std::string &where) {
  std::vector<int32_t> dims;
  if (text.empty()) return dims;
  for (const std::string &part : Split(text, ':')) {
    dims.push_back(0);
    if (!ParseNumber(part, &dims.back()) || dims.back() < 0) {
      throw UsageError(where, text, ": expected numbers from 0 with : between them");
    }
  }
  return dims;
}

void FakeCmvnStats(const std::vector<int32_t> &dims, DoubleMatrix *stats) {
  if (stats->rows != 2 || stats->cols < 2) throw NoCmvnStats(*stats);
  const size_t dim = static_cast<size_t>(stats->cols - 1);
  const double count = stats->data[dim];
  for (const int32_t d : dims) {
    const size_t i = static_cast<size_t>(d);
    if (d < 0 || i >= dim) {
      throw DataError("dimension ", d, " is to be skipped, but the CMVN statistics have ", dim,
                      " (counted from 0)");
    }
    stats->data[i] = 0;
    stats->data[dim + 1 + i] = count;
  }
}

DoubleMatrix MeanAndVariance(const DoubleMatrix &stats) {
  if (stats.rows != 2 || stats.cols < 2) throw NoCmvnStats(stats);
  const size_t dim = static_cast<size_t>(stats.cols - 1);
  const double count = stats.data[dim];
  if (!(count > 0)) throw DataError("CMVN statistics over ", count, " frames have no mean");
  DoubleMatrix out{2, stats.cols - 1, std::vector<double>(2 * dim)};
  for (size_t d = 0; d < dim; ++d) {
    const double mean = stats.data[d] / count;
    out.data[d] = mean;
    out.data[dim + d] = stats.data[dim + 1 + d] / count - mean * mean;
  }
  return out;
}

CmvnTransform::CmvnTransform(const DoubleMatrix &stats, bool norm_means, bool norm_vars,
                             const std::vector<int32_t> &skip_dims) {
  CHECK(norm_means || !norm_vars);
  if (stats.rows < (norm_vars ? 2 : 1) || stats.rows > 2 || stats.cols < 2) {
    throw NoCmvnStats(stats);
  }
  const int64_t dim = stats.cols - 1;
  const double *const x1 = stats.data.data();
  const double *const x2 = stats.rows == 2 ? x1 + stats.cols : nullptr;
  const double count = x1[dim];
  if (!(count >= 1)) throw DataError("CMVN statistics over ", count, " frames");
  for (const int32_t d : skip_dims) {
    if (d < 0 || d >= dim) {
      throw DataError("dimension ", d, " is to be skipped, but the CMVN statistics have ", dim,
                      "; correct --skip-dims");
    }
  }
  mean.assign(static_cast<size_t>(dim), 0.0);
  scale.assign(static_cast<size_t>(dim), 1.0);
  int64_t num_floored = 0;
  for (int64_t d = 0; d < dim; ++d) {
    const double m = x1[d] / count, variance = x2 ? x2[d] / count - m * m : 1;
    if (std::find(skip_dims.begin(), skip_dims.end(), d) != skip_dims.end()) continue;
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
