#ifndef U2MOE_FEAT_NOISE_H_
#define U2MOE_FEAT_NOISE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"

namespace u2moe {

enum class NoiseKind { kWhite, kPink };

// "white" or "pink"; throws DataError for anything else.
NoiseKind ParseNoiseKind(const std::string &name);

// Unit-variance noise of n samples at sample_rate Hz. White: normal samples. Pink: power
// proportional to 1/f above 20 Hz, as a sum of first-order low-pass noises whose corners lie two
// octaves apart.
std::vector<float> MakeNoise(NoiseKind kind, int64_t n, double sample_rate, Rng *rng);

// RMS of the signal where it is loud: over the frames of 20 ms whose energy is within 30 dB of the
// loudest, so that pauses do not count as speech. 0 if there is no signal.
double ActiveLevel(const float *samples, int64_t n, double sample_rate);

// samples += noise at snr_db below ActiveLevel; where the sum would clip the 16-bit range, all of
// it is scaled down. Throws DataError if the samples hold no signal.
void AddNoise(NoiseKind kind, double snr_db, double sample_rate, Rng *rng, float *samples,
              int64_t n);

}  // namespace u2moe

#endif  // U2MOE_FEAT_NOISE_H_
