// What libsndfile decodes, block by block.
#ifndef U2MOE_AUDIO_SNDFILE_READER_H_
#define U2MOE_AUDIO_SNDFILE_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace u2moe {

class SndfileReader {
 public:
  // A whole file in memory, which must outlive the reader, or a file by its path. Where libsndfile
  // refuses it, IsOpen() is false and Cause() says why, in its words; nothing is thrown but the
  // DataError for a file without channels or rate.
  explicit SndfileReader(const std::string *bytes);
  struct Path {
    std::string path;
  };
  explicit SndfileReader(const Path &file);
  ~SndfileReader();
  SndfileReader(const SndfileReader &) = delete;
  SndfileReader &operator=(const SndfileReader &) = delete;

  bool IsOpen() const;
  const std::string &Cause() const { return cause_; }

  int32_t SampleRate() const;  // Hz
  int64_t NumChannels() const;
  int64_t NumFrames() const;  // as the file says; -1 where it does not

  // The next at most max_frames samples of each channel, interleaved, in the int16 range; returns
  // how many, 0 at the end. Throws DataError for broken data, for a file that ends before the
  // length that it says, for one without any sample, and for samples that are not numbers.
  int64_t Read(int64_t max_frames, std::vector<float> *interleaved);

 private:
  struct Impl;
  void Check();

  std::unique_ptr<Impl> impl_;
  std::string cause_;
  int64_t num_read_ = 0;  // frames
};

}  // namespace u2moe

#endif  // U2MOE_AUDIO_SNDFILE_READER_H_
