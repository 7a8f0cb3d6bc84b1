#include "pipeline/speech-gate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "base/quantile.h"

namespace u2moe {

void SpeechGateOptions::Register(OptionParser *po) {
  po->Register("min-contrast", &min_contrast,
               "what does not stand out of the background of its segment by so many dB is noise, "
               "and gives no text; 0: everything is speech");
  po->Register("min-posterior", &min_posterior,
               "nor does a segment whose tokens have a mean probability below this; 0: any has");
}

void SpeechGateOptions::Check() const {
  if (!(min_contrast >= 0 && min_contrast < 1000))
    throw UsageError("--min-contrast=", min_contrast, ": must be a number of dB from 0 up");
  if (!(min_posterior >= 0 && min_posterior < 1))
    throw UsageError("--min-posterior=", min_posterior, ": must be from 0 to below 1");
}

std::vector<double> MovingMeans(const std::vector<double> &values, int64_t width) {
  std::vector<double> means;
  const size_t w = static_cast<size_t>(width);
  double sum = 0;
  for (size_t t = 0; t < values.size(); ++t) {
    sum += values[t];
    if (t >= w) sum -= values[t - w];
    if (t + 1 >= w) means.push_back(sum / static_cast<double>(width));
  }
  return means;
}

int64_t TenthOfASecond(const FbankOptions &fbank) {
  return std::max<int64_t>(1, std::llround(100 / static_cast<double>(fbank.frame.frame_shift)));
}

double LevelContrast(ConstView feats, const FbankOptions &fbank) {
  const int64_t width = TenthOfASecond(fbank);
  if (feats.Rows() < 2 * width || !fbank.use_log_fbank)
    return std::numeric_limits<double>::infinity();
  std::vector<double> level;
  for (int64_t t = 0; t < feats.Rows(); ++t) {
    double mean = 0;
    for (int64_t j = 0; j < feats.Cols(); ++j) mean += feats(t, j);
    level.push_back(mean / static_cast<double>(feats.Cols()));
  }
  std::vector<double> smooth = MovingMeans(level, width);
  std::sort(smooth.begin(), smooth.end());
  // Natural logarithms of powers, or of magnitudes.
  const double to_db = (fbank.use_power ? 10 : 20) / std::log(10);
  return to_db * (SortedQuantile(smooth, 0.99) - SortedQuantile(smooth, 0.1));
}

double MeanPosterior(ConstView logp, const std::vector<int32_t> &tokens,
                     const std::vector<int32_t> &times) {
  CHECK_EQ(tokens.size(), times.size());
  if (tokens.empty()) return 1;
  double sum = 0;
  for (size_t i = 0; i < tokens.size(); ++i)
    sum += std::exp(static_cast<double>(logp(times[i], tokens[i])));
  return sum / static_cast<double>(tokens.size());
}

}  // namespace u2moe
