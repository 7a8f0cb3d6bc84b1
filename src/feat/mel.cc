#include "feat/mel.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"

namespace u2moe {
namespace {

float MelScale(float hz) { return 1127.0f * std::log(1.0f + hz / 700.0f); }

float InverseMelScale(float mel) { return 700.0f * (std::exp(mel / 1127.0f) - 1.0f); }

// "1 2 3", for messages.
std::string Spaced(const float *x, int64_t n) {
  std::string text;
  for (int64_t i = 0; i < n; ++i) text += Cat(i > 0 ? " " : "", x[i]);
  return text;
}

float HighFrequency(const MelOptions &opts, float sample_frequency) {
  const float nyquist = 0.5f * sample_frequency;
  return opts.high_freq > 0 ? opts.high_freq : nyquist + opts.high_freq;
}

// The piecewise linear map of frequencies in Hz that MelBanks describes.
class VtlnMap {
 public:
  VtlnMap(const MelOptions &opts, float sample_frequency, float warp)
      : warp_(warp), low_(opts.low_freq), high_(HighFrequency(opts, sample_frequency)) {
    const float nyquist = 0.5f * sample_frequency;
    const float first = opts.vtln.low;
    const float last = opts.vtln.high < 0 ? nyquist + opts.vtln.high : opts.vtln.high;
    const std::string low_name = Cat("--vtln-low=", opts.vtln.low);
    const std::string high_name = Cat("--vtln-high=", opts.vtln.high);
    if (!(first > low_ && first < high_)) {
      throw UsageError(low_name, ": must lie within the band of the filters, ", low_, " to ", high_,
                       " Hz (--low-freq, --high-freq)");
    }
    if (!(last > low_ && last < high_)) {
      throw UsageError(high_name, ": means ", last, " Hz, and must lie within the band of the ",
                       "filters, ", low_, " to ", high_, " Hz (--low-freq, --high-freq)");
    }
    if (!(last > first)) {
      throw UsageError(low_name, " ", high_name, ": ", first, " Hz must lie below ", last, " Hz");
    }
    if (!(warp > 0))
      throw UsageError("a VTLN warp of ", warp, " (--vtln-warp or --vtln-map): must be above 0");
    // Each frequency and what becomes of it stay within [first, last] up to here.
    begin_ = first * std::max(1.0f, warp);
    end_ = last * std::min(1.0f, warp);
    if (!(begin_ < end_)) {
      throw UsageError("a VTLN warp of ", warp, " (--vtln-warp or --vtln-map) is out of range for ",
                       low_name, " and ", high_name, ": use a value near 1");
    }
  }

  float operator()(float hz) const {
    if (hz < low_ || hz > high_) return hz;
    if (hz < begin_) return low_ + (begin_ / warp_ - low_) / (begin_ - low_) * (hz - low_);
    if (hz < end_) return hz / warp_;
    return high_ + (high_ - end_ / warp_) / (high_ - end_) * (hz - high_);
  }

 private:
  float warp_, low_, high_, begin_ = 0, end_ = 0;
};

// The edges and centers of the filters on the mel scale, each edge a neighbour's center.
std::vector<float> FilterPoints(const MelOptions &opts, float sample_frequency, float vtln_warp) {
  const float mel_low = MelScale(opts.low_freq);
  const float mel_high = MelScale(HighFrequency(opts, sample_frequency));
  const float delta = (mel_high - mel_low) / static_cast<float>(opts.num_bins + 1);
  std::vector<float> points;
  for (int32_t b = 0; b < opts.num_bins + 2; ++b) {
    points.push_back(mel_low + static_cast<float>(b) * delta);
  }
  if (vtln_warp != 1) {
    const VtlnMap warped(opts, sample_frequency, vtln_warp);
    for (float &mel : points) mel = MelScale(warped(InverseMelScale(mel)));
  }
  return points;
}

// Whether each filter has a bin of the spectrum strictly between its edges.
bool AllFiltersHaveBins(const MelOptions &opts, float sample_frequency, int64_t fft_size,
                        float vtln_warp) {
  const std::vector<float> points = FilterPoints(opts, sample_frequency, vtln_warp);
  std::vector<float> bins;
  for (int64_t k = 0; k < fft_size / 2; ++k) {
    bins.push_back(
        MelScale(sample_frequency / static_cast<float>(fft_size) * static_cast<float>(k)));
  }
  for (size_t b = 0; b + 2 < points.size(); ++b) {
    const auto bin = std::upper_bound(bins.begin(), bins.end(), points[b]);
    if (bin == bins.end() || *bin >= points[b + 2]) return false;
  }
  return true;
}

// Blames the option that is at fault: the one without which all filters would have bins.
[[noreturn]] void RefuseEmptyFilter(const MelOptions &opts, float sample_frequency,
                                    int64_t fft_size, float vtln_warp, int32_t filter) {
  const std::string where = Cat("filter ", filter, " lies between two bins of a ", fft_size,
                                "-point spectrum at ", sample_frequency, " Hz");
  if (vtln_warp != 1 && AllFiltersHaveBins(opts, sample_frequency, fft_size, 1)) {
    throw UsageError("a VTLN warp of ", vtln_warp,
                     " (--vtln-warp or --vtln-map) is out of range: ", where,
                     "; use a value near 1");
  }
  MelOptions whole = opts;
  whole.low_freq = 0;
  whole.high_freq = 0;
  if (AllFiltersHaveBins(whole, sample_frequency, fft_size, 1)) {
    throw UsageError("--low-freq=", opts.low_freq, " --high-freq=", opts.high_freq,
                     ": the band is too narrow for --num-mel-bins=", opts.num_bins, ": ", where,
                     "; use a wider band, fewer filters or a longer --frame-length");
  }
  throw UsageError("--num-mel-bins=", opts.num_bins,
                   " is too many for this --frame-length: ", where,
                   "; use fewer filters or longer frames");
}

}  // namespace

void VtlnOptions::Register(OptionParser *po) {
  po->Register("vtln-low", &low, "lower bend of the warped frequency axis, in Hz");
  po->Register("vtln-high", &high,
               "upper bend of the warped frequency axis, in Hz; negative: counted from half the "
               "sampling rate");
}

void MelOptions::Register(OptionParser *po) {
  po->Register("num-mel-bins", &num_bins, "number of triangular mel filters");
  po->Register("low-freq", &low_freq, "lower edge of the first filter in Hz");
  po->Register(
      "high-freq", &high_freq,
      "upper edge of the last filter in Hz; 0 or negative: counted from half the sampling rate");
  po->Register("debug-mel", &debug,
               "print the weights of the mel filters and, for each frame, what they let through");
}

void MelOptions::Check(float sample_frequency) const {
  if (num_bins < 3 || num_bins > 10000) {
    throw UsageError("--num-mel-bins=", num_bins, ": expected 3 to 10000");
  }
  const float high = HighFrequency(*this, sample_frequency), nyquist = 0.5f * sample_frequency;
  const std::string limit = Cat(nyquist, " Hz, half of --sample-frequency=", sample_frequency);
  if (!(low_freq >= 0 && low_freq < nyquist)) {
    throw UsageError("--low-freq=", low_freq, ": must be at least 0 and below ", limit);
  }
  if (!(high > 0 && high <= nyquist)) {
    throw UsageError("--high-freq=", high_freq, high_freq > 0 ? "" : Cat(": means ", high, " Hz"),
                     ": must be above 0 and at most ", limit);
  }
  if (!(high > low_freq)) {
    throw UsageError("--low-freq=", low_freq, " --high-freq=", high_freq, ": the band ", low_freq,
                     " to ", high, " Hz is empty");
  }
}

std::string MelOptions::ToString() const {
  return Cat("num-mel-bins=", num_bins, " low-freq=", low_freq, " high-freq=", high_freq);
}

// Float arithmetic throughout, as in Kaldi: the weights are then the same to the last bit or two.
MelBanks::MelBanks(const MelOptions &opts, float sample_frequency, int64_t fft_size,
                   float vtln_warp)
    : debug_(opts.debug) {
  opts.Check(sample_frequency);
  const int64_t num_fft_bins = fft_size / 2;  // the bin at half the sampling rate has no weight
  const float bin_width = sample_frequency / static_cast<float>(fft_size);
  const std::vector<float> points = FilterPoints(opts, sample_frequency, vtln_warp);
  for (int32_t b = 0; b < opts.num_bins; ++b) {
    const size_t i = static_cast<size_t>(b);
    const float left = points[i], center = points[i + 1], right = points[i + 2];
    Filter filter{-1, static_cast<int64_t>(weights_.size()), 0};
    for (int64_t k = 0; k < num_fft_bins; ++k) {
      const float mel = MelScale(bin_width * static_cast<float>(k));
      if (mel <= left || mel >= right) continue;
      if (filter.first_bin < 0) filter.first_bin = k;
      weights_.push_back(mel <= center ? (mel - left) / (center - left)
                                       : (right - mel) / (right - center));
    }
    if (filter.first_bin < 0) RefuseEmptyFilter(opts, sample_frequency, fft_size, vtln_warp, b + 1);
    if (debug_) {
      const float *weights = weights_.data() + filter.begin;
      LOG_INFO << "bin " << b << ", offset = " << filter.first_bin << ", vec =  [ "
               << Spaced(weights, static_cast<int64_t>(weights_.size()) - filter.begin) << " ]";
    }
    while ((weights_.size() - static_cast<size_t>(filter.begin)) % 4 != 0) weights_.push_back(0);
    filter.groups = (static_cast<int64_t>(weights_.size()) - filter.begin) / 4;
    filters_.push_back(filter);
  }
}

void MelBanks::Compute(const float *spectrum, float *out) const {
  // Four partial sums, because a compiler may not reorder a float sum by itself.
  for (size_t b = 0; b < filters_.size(); ++b) {
    const Filter &filter = filters_[b];
    const float *x = spectrum + filter.first_bin, *w = weights_.data() + filter.begin;
    float sum[4] = {0, 0, 0, 0};
    for (int64_t g = 0; g < filter.groups; ++g) {
      for (int64_t j = 0; j < 4; ++j) sum[j] += x[4 * g + j] * w[4 * g + j];
    }
    out[b] = (sum[0] + sum[2]) + (sum[1] + sum[3]);
  }
  if (debug_) LOG_INFO << "MEL BANKS: " << Spaced(out, NumBins());
}

}  // namespace u2moe
