// Change of the sampling rate, by libsoxr.
#ifndef U2MOE_AUDIO_RESAMPLE_H_
#define U2MOE_AUDIO_RESAMPLE_H_

#include "tensor/tensor.h"
#include "util/options.h"

namespace u2moe {

// Resamples each channel of [channels, n] from one rate in Hz to another; the result has
// round(n * to / from) samples per channel and no delay. libsoxr's "high quality": linear phase,
// 20 bits, passband up to 0.91 of the lower Nyquist frequency. Equal rates: a copy. Throws
// DataError if nothing is left or the rates lie further apart than a factor of 1000.
Tensor Resample(ConstView channels, double from, double to);

// As sox's effect `speed`: the recording played `factor` times as fast, tempo and pitch alike, at
// the same sampling rate; round(n / factor) samples remain.
Tensor ModifySpeed(ConstView channels, double factor);

// Kaldi's --allow-downsample and --allow-upsample.
struct RateOptions {
  bool allow_downsample = false, allow_upsample = false;

  void Register(OptionParser *po);
  std::string ToString() const;

  // samples [1, n] at `rate` Hz as they are at `wanted` Hz. Throws DataError, saying how it could
  // be done, unless the rates are equal or the change is allowed.
  Tensor ToRate(ConstView samples, float rate, float wanted) const;
};

}  // namespace u2moe

#endif  // U2MOE_AUDIO_RESAMPLE_H_
