// What the tools that compute features read: utterances of one channel at one sampling rate.
#ifndef U2MOE_AUDIO_AUDIO_READER_H_
#define U2MOE_AUDIO_AUDIO_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "audio/pcm.h"
#include "audio/resample.h"
#include "audio/segments.h"
#include "audio/wave-reader.h"

namespace u2moe {

struct AudioOptions {
  int32_t channel = -1;
  float min_duration = 0;  // s
  RateOptions rate;
  std::string segments;  // rxfilename of a segments file; "": the recordings are the utterances
  SegmentOptions segment;
  std::string raw_pcm;  // a PcmFormat; "": audio files

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

struct AudioUtterance {
  Tensor samples;          // [1, n], in the int16 range, at the wanted rate
  double duration = 0;     // s, before resampling
  bool too_short = false;  // shorter than min_duration; then without samples
};

// Goes through a table of recordings or, with options.segments, through the utterances of that
// file.
class AudioReader {
 public:
  // Utterances are delivered at sample_frequency Hz. Throws Error, UsageError.
  AudioReader(const AudioOptions &opts, const std::string &wav_rspecifier, float sample_frequency);
  ~AudioReader();

  bool Done() const;
  void Next();
  const std::string &Key() const;
  std::string Where() const;  // the entry's place, for messages
  // Once for each; throws DataError, and Next may then be called.
  AudioUtterance Value();
  void Close();  // throws Error if a pipe failed

 private:
  AudioUtterance Deliver(ConstView samples, float rate) const;
  AudioUtterance Deliver(WaveData wave) const;

  const AudioOptions opts_;
  const float sample_frequency_;
  std::optional<PcmFormat> raw_;
  std::unique_ptr<SequentialWaveReader> recordings_;
  std::unique_ptr<SequentialBytesReader> raw_recordings_;
  std::unique_ptr<RandomAccessWaveReader> by_recording_;
  std::unique_ptr<SegmentReader> segments_;
  bool segments_done_ = false;
};

}  // namespace u2moe

#endif  // U2MOE_AUDIO_AUDIO_READER_H_
