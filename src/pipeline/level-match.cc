#include "pipeline/level-match.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "base/quantile.h"
#include "pipeline/speech-gate.h"

namespace u2moe {
namespace {

ConstView AsView(const std::vector<float> &values, int64_t dim) {
  return {values.data(), static_cast<int64_t>(values.size()) / dim, dim};
}

Tensor AsTensor(const std::vector<float> &values, int64_t dim) {
  return Tensor::Copy(AsView(values, dim));
}

}  // namespace

LevelMatch::LevelMatch(const GlobalCmvn &cmvn, const FbankOptions &fbank, bool on)
    : cmvn_(cmvn), fbank_(fbank) {
  CHECK_EQ(cmvn.mean.size(), cmvn.istd.size());
  const double shift = static_cast<double>(fbank.frame.frame_shift) / 1000;
  on = on && fbank.use_log_fbank && cmvn.Normalises();
  block_ = on ? std::max<int64_t>(1, std::llround(kSeconds / shift)) : 0;
}

Tensor LevelMatch::Accept(Tensor feats) {
  const int64_t dim = static_cast<int64_t>(cmvn_.mean.size());
  if (feats.Empty()) return feats;
  CHECK_EQ(feats.Cols(), dim);
  std::vector<float> out;
  int64_t row = 0;
  while (row < feats.Rows() && block_ > 0) {
    const int64_t waiting = static_cast<int64_t>(wait_.size()) / dim,
                  n = std::min(feats.Rows() - row, block_ - waiting);
    wait_.insert(wait_.end(), feats.View().Row(row), feats.View().Row(row) + n * dim);
    row += n;
    if (waiting + n < block_) continue;
    Decide();
    Release(&out);
  }
  Raise(feats.Data() + row * dim, feats.Size() - row * dim);
  if (row == 0) return feats;
  out.insert(out.end(), feats.Data() + row * dim, feats.Data() + feats.Size());
  return AsTensor(out, dim);
}

Tensor LevelMatch::Flush() {
  if (!wait_.empty()) Decide();
  std::vector<float> out;
  Release(&out);
  return AsTensor(out, static_cast<int64_t>(cmvn_.mean.size()));
}

void LevelMatch::Raise(float *values, int64_t count) const {
  for (int64_t i = 0; gain_ != 0 && i < count; ++i) values[i] += gain_;
}

void LevelMatch::Release(std::vector<float> *out) {
  Raise(wait_.data(), static_cast<int64_t>(wait_.size()));
  out->insert(out->end(), wait_.begin(), wait_.end());
  wait_.clear();
}

void LevelMatch::Decide() {
  // Digital silence is no background that anything stands out of.
  constexpr double kNothing = -10;
  const size_t dim = cmvn_.mean.size();
  std::vector<float> heard;
  std::vector<double> level;  // of the frames of heard, normalised
  for (size_t begin = 0; begin < wait_.size(); begin += dim) {
    const float *row = wait_.data() + begin;
    double sum = 0, normalised = 0;
    for (size_t j = 0; j < dim; ++j) {
      sum += static_cast<double>(row[j]);
      normalised += (static_cast<double>(row[j]) - cmvn_.mean[j]) * cmvn_.istd[j];
    }
    if (!(sum > kNothing * static_cast<double>(dim))) continue;
    heard.insert(heard.end(), row, row + dim);
    level.push_back(normalised / static_cast<double>(dim));
  }
  const double contrast = LevelContrast(AsView(heard, static_cast<int64_t>(dim)), fbank_);
  if (!std::isfinite(contrast) || contrast < kContrast) return;  // nobody speaks yet
  block_ = 0;
  std::vector<double> smooth = MovingMeans(level, TenthOfASecond(fbank_));
  std::sort(smooth.begin(), smooth.end());
  const double loud = SortedQuantile(smooth, 0.99);
  if (!(loud < 0)) return;
  const double istd =
      std::accumulate(cmvn_.istd.begin(), cmvn_.istd.end(), 0.0) / static_cast<double>(dim);
  gain_ = static_cast<float>((kTarget - loud) / istd);
}

double LevelMatch::GainDb() const {
  return static_cast<double>(gain_) * (fbank_.use_power ? 10 : 20) / std::log(10);
}

}  // namespace u2moe
