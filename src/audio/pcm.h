// Samples as they lie in memory or come through a pipe, without a header of their own.
#ifndef U2MOE_AUDIO_PCM_H_
#define U2MOE_AUDIO_PCM_H_

#include <cstdint>
#include <string>

#include "audio/wave.h"

namespace u2moe {

struct PcmFormat {
  enum class Encoding { kU8, kS16, kS24, kS32, kF32, kF64 };  // all little-endian
  Encoding encoding = Encoding::kS16;
  int32_t sample_rate = 16000;  // Hz
  int32_t channels = 1;         // interleaved

  // From "ENCODING:RATE[:CHANNELS]", as s16le:16000:1; the encodings have ffmpeg's names u8, s16le,
  // s24le, s32le, f32le, f64le. Throws UsageError.
  static PcmFormat Parse(const std::string &name);
  int64_t SampleBytes() const;
  int64_t FrameBytes() const { return channels * SampleBytes(); }  // one sample of each channel
};

// out[i] = sample i of one channel in the int16 range, of n times FrameBytes() bytes. Throws
// DataError if one is not a number.
void DecodePcm(const PcmFormat &format, const char *bytes, int64_t n, int64_t channel, float *out);

// All channels of the samples in `bytes`; an incomplete last one is dropped. Throws DataError if
// there is none or one is not a number.
WaveData DecodePcm(const PcmFormat &format, const std::string &bytes);

// Throws DataError if these are the first bytes of a file that has a header after all.
void CheckNoHeader(const std::string &begin);

// The same for a recording without a header, where an incomplete sample is a DataError too: its
// format is probably another one.
WaveData ReadPcm(const PcmFormat &format, const std::string &bytes);

}  // namespace u2moe

#endif  // U2MOE_AUDIO_PCM_H_
