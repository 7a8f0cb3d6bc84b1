#include "feat/window.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/error.h"

namespace u2moe {

void FrameOptions::Register(OptionParser *po) {
  po->Register("sample-frequency", &sample_frequency, "sampling rate the audio must have, in Hz");
  po->Register("frame-length", &frame_length, "length of a frame in ms");
  po->Register("frame-shift", &frame_shift, "from one frame's start to the next one's, in ms");
  po->Register("dither", &dither,
               "standard deviation of the noise added to the samples, in int16 steps; 0 adds none");
  po->Register("preemphasis-coefficient", &preemphasis_coefficient,
               "share of the previous sample that is subtracted from each sample, 0 to 1");
  po->Register("remove-dc-offset", &remove_dc_offset, "subtract the mean of each frame");
  po->Register("window-type", &window_type, "povey, hamming, hanning, rectangular or blackman");
  po->Register("round-to-power-of-two", &round_to_power_of_two,
               "pad each frame with zeros to a power of two before the Fourier transform");
  po->Register("blackman-coeff", &blackman_coeff, "constant of the blackman window");
  po->Register("snip-edges", &snip_edges,
               "only frames that lie wholly inside the audio; false: one per frame shift, with the "
               "audio reflected at its ends");
  po->RegisterUnused("max-feature-vectors", int32_t{-1}, "");  // of Kaldi's online extraction
}

void FrameOptions::Check() const {
  if (!(sample_frequency >= 100 && sample_frequency <= 1e6)) {
    throw UsageError("--sample-frequency=", sample_frequency, ": expected 100 to 1000000 Hz");
  }
  if (!(frame_length > 0 && frame_length <= 10000) || WindowSize() < 2) {
    throw UsageError("--frame-length=", frame_length,
                     ": expected ms, at least two samples and at most 10 s");
  }
  if (!(frame_shift > 0 && frame_shift <= 10000) || WindowShift() < 1) {
    throw UsageError("--frame-shift=", frame_shift,
                     ": expected ms, at least one sample and at most 10 s");
  }
  if (!(dither >= 0 && dither <= 32768)) {
    throw UsageError("--dither=", dither, ": expected 0 to 32768");
  }
  if (!(preemphasis_coefficient >= 0 && preemphasis_coefficient <= 1)) {
    throw UsageError("--preemphasis-coefficient=", preemphasis_coefficient, ": expected 0 to 1");
  }
  MakeWindow(*this);  // knows the window types
  if (FftSize() % 2 != 0) {
    throw UsageError("--round-to-power-of-two=false needs an even number of samples per frame; ",
                     "--frame-length=", frame_length, " gives ", WindowSize());
  }
}

std::string FrameOptions::ToString() const {
  return Cat("sample-frequency=", sample_frequency, " frame-length=", frame_length,
             " frame-shift=", frame_shift, " dither=", dither,
             " preemphasis-coefficient=", preemphasis_coefficient,
             " remove-dc-offset=", remove_dc_offset, " window-type=", window_type,
             " round-to-power-of-two=", round_to_power_of_two, " blackman-coeff=", blackman_coeff,
             " snip-edges=", snip_edges);
}

int32_t FrameOptions::HtkPeriod() const {
  return static_cast<int32_t>(std::lround(std::min(1e4 * frame_shift, 2147483647.0)));
}

// The order of the factors is Kaldi's: another one could round to one sample more or less.
int64_t FrameOptions::WindowShift() const {
  return static_cast<int64_t>(sample_frequency * 0.001 * frame_shift);
}

int64_t FrameOptions::WindowSize() const {
  return static_cast<int64_t>(sample_frequency * 0.001 * frame_length);
}

int64_t FrameOptions::FftSize() const {
  if (!round_to_power_of_two) return WindowSize();
  int64_t size = 2;
  while (size < WindowSize()) size *= 2;
  return size;
}

int64_t FrameOptions::NumFrames(int64_t num_samples) const {
  const int64_t shift = WindowShift(), size = WindowSize();
  if (!snip_edges) return (num_samples + shift / 2) / shift;
  return num_samples < size ? 0 : 1 + (num_samples - size) / shift;
}

int64_t FrameOptions::FirstSample(int64_t frame) const {
  const int64_t shift = WindowShift();
  return snip_edges ? frame * shift : frame * shift + shift / 2 - WindowSize() / 2;
}

std::vector<float> MakeWindow(const FrameOptions &opts) {
  const int64_t n = opts.WindowSize();
  const double a = 2 * M_PI / static_cast<double>(n - 1);
  std::vector<float> window(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    const double t = a * static_cast<double>(i);
    double w;
    if (opts.window_type == "povey") {
      w = std::pow(0.5 - 0.5 * std::cos(t), 0.85);
    } else if (opts.window_type == "hamming") {
      w = 0.54 - 0.46 * std::cos(t);
    } else if (opts.window_type == "hanning") {
      w = 0.5 - 0.5 * std::cos(t);
    } else if (opts.window_type == "rectangular") {
      w = 1;
    } else if (opts.window_type == "blackman") {
      w = opts.blackman_coeff - 0.5 * std::cos(t) + (0.5 - opts.blackman_coeff) * std::cos(2 * t);
    } else {
      throw UsageError("--window-type=", opts.window_type,
                       ": expected povey, hamming, hanning, rectangular or blackman");
    }
    window[static_cast<size_t>(i)] = static_cast<float>(w);
  }
  return window;
}

void CopyReflected(const float *samples, int64_t num_samples, int64_t first, int64_t window_size,
                   float *out) {
  CHECK_GE(num_samples, 1);
  for (int64_t i = 0; i < window_size; ++i) {
    int64_t s = first + i;
    while (s < 0 || s >= num_samples) s = s < 0 ? -s - 1 : 2 * num_samples - 1 - s;
    out[i] = samples[s];
  }
}

void AddDither(float dither, const float *samples, int64_t n, Rng *rng, float *out) {
  if (dither == 0) {
    std::copy_n(samples, n, out);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    out[i] = samples[i] + dither * static_cast<float>(rng->Normal());
  }
}

}  // namespace u2moe
