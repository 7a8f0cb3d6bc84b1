// Change of the sampling rate, by libsoxr.
#ifndef U2MOE_AUDIO_RESAMPLE_H_
#define U2MOE_AUDIO_RESAMPLE_H_

#include <cstdint>
#include <string>

#include "tensor/tensor.h"
#include "util/options.h"

struct soxr;

namespace u2moe {

// Resamples each channel of [channels, n] from one rate in Hz to another; the result has
// round(n * to / from) samples per channel and no delay. libsoxr's "high quality": linear phase,
// 20 bits, passband up to 0.91 of the lower Nyquist frequency. Equal rates: a copy. Throws
// DataError if nothing is left or the rates lie further apart than a factor of 1000.
Tensor Resample(ConstView channels, double from, double to);

// The same of one channel that arrives in pieces: the samples of Resample on the whole, to
// rounding, however it was cut. They come out some milliseconds late, for the filter looks ahead.
// Equal rates: the samples themselves, at once.
class StreamingResampler {
 public:
  // Throws DataError as Resample.
  StreamingResampler(double from, double to);
  ~StreamingResampler();
  StreamingResampler(const StreamingResampler &) = delete;
  StreamingResampler &operator=(const StreamingResampler &) = delete;

  // The next samples [1, n], n from 0 -> what they determine [1, m], m from 0.
  Tensor Accept(ConstView samples);
  // The end: the samples [1, m] that are left; together there are round(n * to / from). Nothing may
  // follow.
  Tensor Flush();

 private:
  // Puts samples in, or with null tells the end, and takes out all there is, but at most `limit`.
  Tensor Process(const float *samples, int64_t n, int64_t limit);

  const double from_, to_;
  soxr *state_ = nullptr;  // null: equal rates
  int64_t taken_ = 0, given_ = 0;
  bool flushed_ = false;
};

// As sox's effect `speed`: the recording played `factor` times as fast, tempo and pitch alike, at
// the same sampling rate; round(n / factor) samples remain.
Tensor ModifySpeed(ConstView channels, double factor);

// Kaldi's --allow-downsample and --allow-upsample.
struct RateOptions {
  bool allow_downsample = false, allow_upsample = false;

  void Register(OptionParser *po);
  std::string ToString() const;

  // Throws DataError, saying how it could be done, unless the rates are equal or the change is
  // allowed.
  void Check(float rate, float wanted) const;
  // samples [1, n] at `rate` Hz as they are at `wanted` Hz. Throws as Check.
  Tensor ToRate(ConstView samples, float rate, float wanted) const;
};

}  // namespace u2moe

#endif  // U2MOE_AUDIO_RESAMPLE_H_
