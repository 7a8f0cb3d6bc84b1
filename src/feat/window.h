// Cutting a waveform into overlapping frames, with Kaldi's options, defaults and arithmetic.
#ifndef U2MOE_FEAT_WINDOW_H_
#define U2MOE_FEAT_WINDOW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "util/options.h"

namespace u2moe {

struct FrameOptions {
  float sample_frequency = 16000;  // Hz
  float frame_length = 25;         // ms
  float frame_shift = 10;          // ms
  float dither = 1;                // standard deviation of the added noise, in int16 steps
  float preemphasis_coefficient = 0.97f;
  bool remove_dc_offset = true;
  std::string window_type = "povey";
  bool round_to_power_of_two = true;
  float blackman_coeff = 0.42f;
  bool snip_edges = true;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  std::string ToString() const;

  int64_t WindowShift() const;  // samples
  int64_t WindowSize() const;   // samples
  int64_t FftSize() const;      // WindowSize(), or the next power of two

  // The frame shift in HTK's unit, 100 ns.
  int32_t HtkPeriod() const;

  // Frames of a waveform. With snip_edges only frames that lie wholly inside it count; without,
  // there is one per frame shift and the waveform is reflected at its ends.
  int64_t NumFrames(int64_t num_samples) const;
  // Index of the first sample of a frame; negative at the start without snip_edges.
  int64_t FirstSample(int64_t frame) const;
};

// What HTK adds to the kind of features whose last or first column is an energy (_E) or C0 (_0).
constexpr int HtkQualifier(bool use_energy) { return use_energy ? 0100 : 020000; }

// The WindowSize() weights of opts.window_type: povey (hanning to the power 0.85, zero at both
// ends), hamming, hanning, rectangular or blackman.
std::vector<float> MakeWindow(const FrameOptions &opts);

// Copies WindowSize() samples from `first` on to out; samples before the start and after the end
// are reflected (sample -1 is sample 0, -2 is 1). num_samples >= 1.
void CopyReflected(const float *samples, int64_t num_samples, int64_t first, int64_t window_size,
                   float *out);

// out[i] = samples[i] + noise of standard deviation `dither` in int16 steps; 0 draws nothing.
// Kaldi draws new noise for every frame; here each sample gets its noise once, as if it had been
// recorded, which is 2.5 times less work and makes overlapping frames agree about the signal.
void AddDither(float dither, const float *samples, int64_t n, Rng *rng, float *out);

}  // namespace u2moe

#endif  // U2MOE_FEAT_WINDOW_H_
