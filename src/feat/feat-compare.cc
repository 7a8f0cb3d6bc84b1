#include "feat/feat-compare.h"

#include <cstdint>

#include "base/error.h"
#include "feat/feat-checks.h"

namespace u2moe {

void FeatureSimilarity::Add(ConstView first, ConstView second) {
  CheckHasFrames(first);
  if (first.Rows() != second.Rows() || first.Cols() != second.Cols()) {
    throw DataError("the first table has ", first.Rows(), " frames of ", first.Cols(),
                    " dimensions, the second ", second.Rows(), " of ", second.Cols());
  }
  const size_t dim = static_cast<size_t>(first.Cols());
  if (cross_.empty()) {
    first_.resize(dim);
    second_.resize(dim);
    cross_.resize(dim);
  }
  if (dim != cross_.size()) {
    throw DataError("features have ", dim, " dimensions, those before had ", cross_.size());
  }
  for (int64_t t = 0; t < first.Rows(); ++t) {
    const float *x = first.Row(t), *y = second.Row(t);
    for (size_t d = 0; d < dim; ++d) {
      first_[d] += static_cast<double>(x[d]) * x[d];
      second_[d] += static_cast<double>(y[d]) * y[d];
      cross_[d] += static_cast<double>(x[d]) * y[d];
    }
  }
}

std::vector<double> FeatureSimilarity::PerDimension() const {
  std::vector<double> similarity;
  for (size_t d = 0; d < cross_.size(); ++d) {
    const double sum = first_[d] + second_[d];
    similarity.push_back(sum == 0 ? 1 : 2 * cross_[d] / sum);
  }
  return similarity;
}

double FeatureSimilarity::Overall() const {
  double sum = 0;
  for (const double s : PerDimension()) sum += s;
  return cross_.empty() ? 0 : sum / static_cast<double>(cross_.size());
}

}  // namespace u2moe
