// Filter banks from the definitions, in double and without any of the library's shortcuts: the
// Fourier transform is a sum over all samples and every filter is evaluated at every bin.
#ifndef U2MOE_TESTS_FEAT_NAIVE_FBANK_H_
#define U2MOE_TESTS_FEAT_NAIVE_FBANK_H_

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "feat/fbank.h"
#include "tensor/tensor.h"

namespace u2moe {

inline double NaiveWindow(const FrameOptions &opts, int64_t i, int64_t n) {
  const double t = 2 * M_PI * static_cast<double>(i) / static_cast<double>(n - 1);
  const double hanning = 0.5 - 0.5 * std::cos(t);
  if (opts.window_type == "povey") return std::pow(hanning, 0.85);
  if (opts.window_type == "hanning") return hanning;
  if (opts.window_type == "hamming") return 0.54 - 0.46 * std::cos(t);
  if (opts.window_type == "blackman") {
    const double b = opts.blackman_coeff;
    return b - 0.5 * std::cos(t) + (0.5 - b) * std::cos(2 * t);
  }
  return 1;
}

// Something like speech: two tones, an offset and noise, in whole int16 steps.
inline Tensor Sound(int64_t n, uint64_t seed) {
  Rng rng(seed);
  Tensor x(1, n);
  for (int64_t i = 0; i < n; ++i) {
    const double t = static_cast<double>(i);
    x.Data()[i] = static_cast<float>(
        std::round(3000 * std::sin(0.11 * t) + 500 * std::sin(0.9 * t) + 37 + 200 * rng.Normal()));
  }
  return x;
}

// Where VTLN puts a frequency: through (low, low), (begin, begin/warp), (end, end/warp), (high,
// high).
inline double NaiveVtln(double hz, double low, double begin, double end, double high, double warp) {
  const double from[] = {low, begin, end, high}, to[] = {low, begin / warp, end / warp, high};
  for (int i = 0; i < 3; ++i) {
    if (hz >= from[i] && hz <= from[i + 1]) {
      const double share = (hz - from[i]) / (from[i + 1] - from[i]);
      return (1 - share) * to[i] + share * to[i + 1];
    }
  }
  return hz;
}

// One frame from its samples, before dithering.
inline std::vector<double> NaiveFbankFrame(const FbankOptions &opts, std::vector<double> x,
                                           double warp = 1) {
  const int64_t n = static_cast<int64_t>(x.size());
  int64_t fft_size = n;
  if (opts.frame.round_to_power_of_two) {
    for (fft_size = 1; fft_size < n;) fft_size *= 2;
  }
  double mean = 0;
  for (double v : x) mean += v / static_cast<double>(n);
  if (opts.frame.remove_dc_offset) {
    for (double &v : x) v -= mean;
  }
  const double floor = std::numeric_limits<float>::epsilon();
  auto energy = [&] {
    double sum = 0;
    for (double v : x) sum += v * v;
    return std::log(std::max(sum, floor));
  };
  const double raw_energy = energy();
  std::vector<double> emphasised(x);
  for (int64_t i = 0; i < n; ++i) {
    const double previous = x[static_cast<size_t>(i > 0 ? i - 1 : 0)];
    emphasised[static_cast<size_t>(i)] -= opts.frame.preemphasis_coefficient * previous;
  }
  x = emphasised;
  for (int64_t i = 0; i < n; ++i) x[static_cast<size_t>(i)] *= NaiveWindow(opts.frame, i, n);
  double frame_energy = opts.raw_energy ? raw_energy : energy();
  if (opts.energy_floor > 0)
    frame_energy = std::max(frame_energy, std::log(opts.energy_floor * 1.0));

  const double rate = opts.frame.sample_frequency;
  auto mel = [](double hz) { return 1127 * std::log(1 + hz / 700); };
  const double low = opts.mel.low_freq;
  const double high = opts.mel.high_freq > 0 ? opts.mel.high_freq : rate / 2 + opts.mel.high_freq;
  std::vector<double> points;  // edges and centers of the filters, in mel
  for (int b = 0; b < opts.mel.num_bins + 2; ++b) {
    double m = mel(low) + (mel(high) - mel(low)) * b / (opts.mel.num_bins + 1);
    if (warp != 1) {
      const double last =
          opts.mel.vtln.high < 0 ? rate / 2 + opts.mel.vtln.high : opts.mel.vtln.high;
      const double begin = opts.mel.vtln.low * std::max(1.0, warp);
      m = mel(NaiveVtln(700 * (std::exp(m / 1127) - 1), low, begin, last * std::min(1.0, warp),
                        high, warp));
    }
    points.push_back(m);
  }
  std::vector<double> out(static_cast<size_t>(opts.mel.num_bins), 0.0);
  for (int64_t k = 0; k < fft_size / 2; ++k) {
    std::complex<double> sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double phase =
          -2 * M_PI * static_cast<double>(k * i % fft_size) / static_cast<double>(fft_size);
      sum += x[static_cast<size_t>(i)] * std::polar(1.0, phase);
    }
    const double power = opts.use_power ? std::norm(sum) : std::abs(sum);
    const double m = mel(rate * static_cast<double>(k) / static_cast<double>(fft_size));
    for (size_t b = 0; b < out.size(); ++b) {
      const double left = points[b], center = points[b + 1], right = points[b + 2];
      if (m <= left || m >= right) continue;
      out[b] +=
          power * (m < center ? (m - left) / (center - left) : (right - m) / (right - center));
    }
  }
  if (opts.use_log_fbank) {
    for (double &v : out) v = std::log(std::max(v, floor));
  }
  if (opts.use_energy) out.insert(opts.htk_compat ? out.end() : out.begin(), frame_energy);
  return out;
}

// All frames of the samples [1, n].
inline std::vector<std::vector<double>> NaiveFbank(const FbankOptions &opts, ConstView samples,
                                                   double warp = 1) {
  const int64_t num_samples = samples.Cols();
  const int64_t shift =
      static_cast<int64_t>(opts.frame.sample_frequency * 0.001 * opts.frame.frame_shift);
  const int64_t size =
      static_cast<int64_t>(opts.frame.sample_frequency * 0.001 * opts.frame.frame_length);
  std::vector<std::vector<double>> frames;
  for (int64_t t = 0;; ++t) {
    int64_t first = t * shift;
    if (opts.frame.snip_edges) {
      if (first + size > num_samples) return frames;
    } else {
      // The middles of the frames lie half a shift after multiples of the shift, inside the audio.
      if (t * shift + shift - shift / 2 > num_samples) return frames;
      first += shift / 2 - size / 2;
    }
    std::vector<double> x;
    for (int64_t i = first; i < first + size; ++i) {
      int64_t s =
          ((i % (2 * num_samples)) + 2 * num_samples) % (2 * num_samples);  // mirrored for ever
      x.push_back(samples(0, s < num_samples ? s : 2 * num_samples - 1 - s));
    }
    frames.push_back(NaiveFbankFrame(opts, x, warp));
  }
}

}  // namespace u2moe

#endif  // U2MOE_TESTS_FEAT_NAIVE_FBANK_H_
