// A recording of any format and length, read in pieces.
#ifndef U2MOE_AUDIO_AUDIO_FILE_H_
#define U2MOE_AUDIO_AUDIO_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "tensor/tensor.h"

namespace u2moe {

// What libsndfile knows, WAV files also while they are being written into a pipe (their sizes may
// be the markers of programs that cannot seek back), and what ffmpeg decodes where it is installed,
// through a pipe. Memory does not grow with the recording.
class AudioFile {
 public:
  // name: a file, whatever characters are in its name; "-" for standard input; or "command |" where
  // there is no file of that name. What comes through a pipe and is no WAV file goes into a
  // temporary file first, since its formats need seeking. Throws DataError for what cannot be
  // opened or is no audio, saying what it seems to be and what to do.
  explicit AudioFile(const std::string &name);
  ~AudioFile();
  AudioFile(const AudioFile &) = delete;
  AudioFile &operator=(const AudioFile &) = delete;

  float SampleRate() const;  // Hz
  int64_t NumChannels() const;
  double Seconds() const;  // as its header says; -1 where it does not

  // The next samples [channels, n] in the int16 range, at most kBlock of each channel; false at the
  // end. Throws DataError as ReadAudio: cut off, broken, without samples, samples that are no
  // numbers, a command that failed.
  static constexpr int64_t kBlock = 8192;
  bool Read(Tensor *samples);

  class Source;  // how the bytes of a format become samples

 private:
  std::unique_ptr<Source> source_;
};

// Where ffmpeg is, by PATH; "" where it is not installed.
std::string FindFfmpeg();

}  // namespace u2moe

#endif  // U2MOE_AUDIO_AUDIO_FILE_H_
