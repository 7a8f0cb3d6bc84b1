#include "pipeline/feature-floor.h"

#include <algorithm>
#include <cstddef>

#include "base/check.h"

namespace u2moe {

FeatureFloor::FeatureFloor(const GlobalCmvn &cmvn, double deviations)
    : cmvn_(cmvn), deviations_(deviations) {
  CHECK_EQ(cmvn.mean.size(), cmvn.istd.size());
  if (deviations <= 0 || !cmvn.Normalises()) return;
  for (size_t j = 0; j < cmvn.mean.size(); ++j) {
    // A dimension that never changed says nothing.
    floor_.push_back(static_cast<float>(cmvn.istd[j] > 0 ? cmvn.mean[j] - deviations / cmvn.istd[j]
                                                         : cmvn.mean[j]));
  }
}

void FeatureFloor::Apply(Tensor *feats) const {
  if (floor_.empty() || feats->Empty()) return;
  CHECK_EQ(feats->Cols(), static_cast<int64_t>(floor_.size()));
  for (int64_t t = 0; t < feats->Rows(); ++t) {
    float *row = feats->View().Row(t);
    double sum = 0;
    for (size_t j = 0; j < floor_.size(); ++j)
      sum += (static_cast<double>(row[j]) - cmvn_.mean[j]) * cmvn_.istd[j];
    if (!(sum < -deviations_ * static_cast<double>(floor_.size()))) continue;
    for (size_t j = 0; j < floor_.size(); ++j) row[j] = std::max(row[j], floor_[j]);
  }
}

}  // namespace u2moe
