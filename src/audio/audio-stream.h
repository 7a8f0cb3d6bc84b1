// Audio that arrives slowly: from a microphone, a network or a program that is still running.
#ifndef U2MOE_AUDIO_AUDIO_STREAM_H_
#define U2MOE_AUDIO_AUDIO_STREAM_H_

#include <cstdint>
#include <istream>
#include <optional>
#include <vector>

#include "audio/pcm.h"

namespace u2moe {

// One channel of raw samples or of a WAV file (uncompressed, also extensible and RF64) whose
// samples are handed on as they arrive.
class AudioStream {
 public:
  // `raw` says what the bytes are; without it they begin with a WAV header, which is waited for.
  // `is` must live as long as this object. channel as for ChannelIndex. Throws DataError.
  AudioStream(std::istream *is, const std::optional<PcmFormat> &raw, int32_t channel);

  float SampleRate() const { return static_cast<float>(format_.sample_rate); }

  // Waits for at least one sample and takes what has arrived by then, but at most about 16 thousand
  // bytes. False at the end. Throws DataError if the stream ends too early.
  bool Read(std::vector<float> *samples);

 private:
  std::istream *is_;
  PcmFormat format_;
  uint64_t left_ = UINT64_MAX;  // bytes of samples to come; UINT64_MAX: until the end
  int64_t channel_;
  std::vector<char> bytes_;  // what has arrived of samples that are not complete
};

}  // namespace u2moe

#endif  // U2MOE_AUDIO_AUDIO_STREAM_H_
