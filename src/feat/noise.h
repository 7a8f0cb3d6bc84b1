#ifndef U2MOE_FEAT_NOISE_H_
#define U2MOE_FEAT_NOISE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"

namespace u2moe {

enum class NoiseKind { kNone, kWhite, kPink };

// What one utterance gets: a kind of noise and a signal-to-noise ratio, drawn from a range.
struct NoiseSpec {
  NoiseKind kind = NoiseKind::kNone;
  double low_db = 0, high_db = 0;

  // From {"white", "12.5"}, {"pink", "5:20"} or {"none"}; throws DataError for anything else.
  static NoiseSpec Parse(const std::vector<std::string> &words);
};

// Unit-variance noise of n samples at sample_rate Hz. White: normal samples. Pink: power
// proportional to 1/f above 20 Hz, as a sum of first-order low-pass noises whose corners lie two
// octaves apart.
std::vector<float> MakeNoise(NoiseKind kind, int64_t n, double sample_rate, Rng *rng);

// RMS of the signal where it is loud: over the frames of 20 ms whose energy is within 30 dB of the
// loudest, so that pauses do not count as speech. 0 if there is no signal.
double ActiveLevel(const float *samples, int64_t n, double sample_rate);

// samples += noise at snr_db below `level`, the signal's ActiveLevel; kNone adds nothing. Throws
// DataError if the level is 0.
void AddNoise(NoiseKind kind, double snr_db, double level, double sample_rate, Rng *rng,
              float *samples, int64_t n);

// Scales all samples down where some would clip the 16-bit range.
void LimitPeak(float *samples, int64_t n);

}  // namespace u2moe

#endif  // U2MOE_FEAT_NOISE_H_
