#ifndef U2MOE_AUDIO_NOISE_H_
#define U2MOE_AUDIO_NOISE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "tensor/view.h"

namespace u2moe {

enum class NoiseKind { kNone, kWhite, kPink, kRecorded };

// What one utterance gets: a kind of noise and a signal-to-noise ratio, drawn from a range.
struct NoiseSpec {
  NoiseKind kind = NoiseKind::kNone;
  double low_db = 0, high_db = 0;

  // From {"white", "12.5"}, {"pink", "5:20"}, {"recorded", "10"} or {"none"}; throws DataError for
  // anything else.
  static NoiseSpec Parse(const std::vector<std::string> &words);
};

// Unit-variance white or pink noise of n samples at sample_rate Hz. White: normal samples. Pink:
// power proportional to 1/f above 20 Hz, as a sum of first-order low-pass noises whose corners lie
// two octaves apart.
std::vector<float> MakeNoise(NoiseKind kind, int64_t n, double sample_rate, Rng *rng);

// n samples of a recording of noise [1, m], scaled to an RMS of 1: a stretch of it, from a random
// place, or, where it is shorter than n, the whole from a random place on, over and over. It does
// not begin with silence, so that there is something to scale. Throws DataError if the recording
// holds nothing but zeros.
std::vector<float> CutNoise(ConstView recording, int64_t n, Rng *rng);

// RMS of the signal where it is loud: over the frames of 20 ms whose energy is within 30 dB of the
// loudest, so that pauses do not count as speech. 0 if there is no signal.
double ActiveLevel(const float *samples, int64_t n, double sample_rate);

// samples += noise, of RMS 1 and as long, at snr_db below `level`, the signal's ActiveLevel. Throws
// DataError if the level is 0.
void AddNoise(const std::vector<float> &noise, double snr_db, double level, float *samples);

// Scales all samples down where some would clip the 16-bit range.
void LimitPeak(float *samples, int64_t n);

}  // namespace u2moe

#endif  // U2MOE_AUDIO_NOISE_H_
