#include "audio/audio-stream.h"

#include <algorithm>
#include <string>

#include "audio/riff.h"
#include "base/error.h"

namespace u2moe {
namespace {

constexpr uint64_t kMaxBlock = 1 << 14;  // bytes

}  // namespace

AudioStream::AudioStream(std::istream *is, const std::optional<PcmFormat> &raw, int32_t channel)
    : is_(is) {
  if (raw) {
    format_ = *raw;
    std::string begin;
    AppendBytes(*is, 12, &begin);
    CheckNoHeader(begin);
    bytes_.assign(begin.begin(), begin.end());
  } else {
    std::string begin;
    AppendBytes(*is, 12, &begin);
    if (!IsWav(begin)) {
      throw DataError(
          "no WAV file; other formats cannot be read while they arrive: convert them with sox IN "
          "-t "
          "wav -, or say what raw samples they are with --raw-pcm=s16le:16000:1");
    }
    const WavHeader header = ReadWavHeader(*is, begin);
    if (!header.format) {
      throw DataError(
          "samples in ", header.encoding,
          " cannot be read while they arrive; convert them with sox IN -t wav -e signed "
          "-b 16 -");
    }
    format_ = *header.format;
    if (!header.size_unknown) left_ = header.data_size;
  }
  channel_ = ChannelIndex(format_.channels, channel);
}

bool AudioStream::Read(std::vector<float> *samples) {
  samples->clear();
  std::streambuf *buffer = is_->rdbuf();
  const size_t frame = static_cast<size_t>(format_.FrameBytes());
  while (bytes_.size() < frame) {
    if (left_ == 0) {
      if (!bytes_.empty()) throw DataError("the audio ends within a sample");
      return false;
    }
    // Looking at the next byte waits for it, and brings with it all that has arrived.
    if (buffer->sgetc() == std::streambuf::traits_type::eof()) {
      if (left_ != UINT64_MAX) {
        throw DataError("the audio was cut off: its header announces ", left_, " bytes more");
      }
      left_ = 0;
      continue;
    }
    const uint64_t arrived =
        static_cast<uint64_t>(std::max<std::streamsize>(1, buffer->in_avail()));
    const size_t count = static_cast<size_t>(std::min({arrived, left_, kMaxBlock}));
    const size_t old = bytes_.size();
    bytes_.resize(old + count);
    bytes_.resize(old + static_cast<size_t>(
                            buffer->sgetn(&bytes_[old], static_cast<std::streamsize>(count))));
    if (left_ != UINT64_MAX) left_ -= bytes_.size() - old;
  }
  const size_t n = bytes_.size() / frame;
  samples->resize(n);
  DecodePcm(format_, bytes_.data(), static_cast<int64_t>(n), channel_, samples->data());
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<int64_t>(n * frame));
  return true;
}

}  // namespace u2moe
