#include "audio/sample-loss.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/log.h"

namespace u2moe {
namespace {

// "12 of 3400 samples (0.353 %)".
std::string Share(int64_t part, int64_t all) {
  char text[96];
  std::snprintf(text, sizeof text, "%lld of %lld samples (%.3g %%)", static_cast<long long>(part),
                static_cast<long long>(all),
                100 * static_cast<double>(part) / static_cast<double>(all));
  return text;
}

// The factor that brings `peak` into the range, rounded down to two digits.
std::string SafeVolume(double peak) {
  const double factor = 32767 / peak, unit = std::pow(10, std::floor(std::log10(factor)) - 1);
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", std::floor(factor / unit) * unit);
  return text;
}

}  // namespace

SampleLoss MeasureLoss(ConstView samples) {
  SampleLoss loss;
  loss.samples = samples.Rows() * samples.Cols();
  float peak = 0;
  for (int64_t c = 0; c < samples.Rows(); ++c) {
    const float *x = samples.Row(c);
    for (int64_t i = 0; i < samples.Cols(); ++i) {
      peak = std::max(peak, std::fabs(x[i]));
      if (x[i] > 32768.0f || x[i] < -32768.5f) ++loss.clipped;
    }
  }
  loss.peak = peak;
  loss.vanished = peak > 0 && peak < 0.5f;
  return loss;
}

void LossReport::Add(const std::string &name, const SampleLoss &loss) {
  ++utterances_;
  samples_ += loss.samples;
  clipped_ += loss.clipped;
  const bool vanished = loss.vanished && kind_ == Kind::kClipped;
  if (loss.clipped == 0 && !vanished) return;
  char factor[32];
  if (vanished) {
    ++vanished_;
    std::snprintf(factor, sizeof factor, "%.2g", 32767 / loss.peak);
    LOG_WARN << name << ": its " << loss.samples
             << " samples are all below half a step of 16 bits, so that silence is written; "
                "amplify it, at most by wav-copy --volume="
             << factor;
    return;
  }
  std::snprintf(factor, sizeof factor, "%.4g", loss.peak / 32768);
  ++lossy_;
  const std::string share = Share(loss.clipped, loss.samples);
  if (kind_ == Kind::kScaledDown) {
    LOG_WARN << name << ": " << share << " would have been clipped, they reach " << factor
             << " times the range of 16 bits; all of it is scaled down instead";
    return;
  }
  LOG_WARN << name << ": " << share << " were clipped, they reach " << factor
           << " times the range of 16 bits; wav-copy --volume=" << SafeVolume(loss.peak)
           << " on its audio avoids that";
}

void LossReport::Finish() const {
  if (lossy_ > 0) {
    LOG_WARN << lossy_ << " of " << utterances_ << " utterances, " << Share(clipped_, samples_)
             << (kind_ == Kind::kClipped ? ", were clipped" : ", would have been clipped");
  }
  if (vanished_ > 0) {
    LOG_WARN << vanished_ << " of " << utterances_ << " utterances became silence";
  }
}

}  // namespace u2moe
