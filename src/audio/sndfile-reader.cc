#include "audio/sndfile-reader.h"

#include <sndfile.h>

#include <algorithm>
#include <cstring>

#include "audio/wave.h"
#include "base/error.h"

namespace u2moe {
namespace {

// A file in memory, for libsndfile.
struct MemoryFile {
  const std::string *bytes;
  sf_count_t position;

  static MemoryFile &Of(void *data) { return *static_cast<MemoryFile *>(data); }
  static sf_count_t Length(void *data) { return static_cast<sf_count_t>(Of(data).bytes->size()); }
  static sf_count_t Tell(void *data) { return Of(data).position; }
  static sf_count_t Write(const void *, sf_count_t, void *) { return 0; }
  static sf_count_t Seek(sf_count_t offset, int whence, void *data) {
    MemoryFile &file = Of(data);
    const sf_count_t from = whence == SEEK_SET   ? 0
                            : whence == SEEK_CUR ? file.position
                                                 : Length(data);
    if (from + offset < 0 || from + offset > Length(data)) return -1;
    return file.position = from + offset;
  }
  static sf_count_t Read(void *to, sf_count_t count, void *data) {
    MemoryFile &file = Of(data);
    const sf_count_t n = std::max<sf_count_t>(0, std::min(count, Length(data) - file.position));
    std::memcpy(to, file.bytes->data() + file.position, static_cast<size_t>(n));
    file.position += n;
    return n;
  }
};

}  // namespace

struct SndfileReader::Impl {
  MemoryFile memory{nullptr, 0};
  SF_INFO info;
  SNDFILE *file = nullptr;
  ~Impl() {
    if (file != nullptr) sf_close(file);
  }
};

SndfileReader::SndfileReader(const std::string *bytes) : impl_(std::make_unique<Impl>()) {
  std::memset(&impl_->info, 0, sizeof impl_->info);
  impl_->memory = {bytes, 0};
  SF_VIRTUAL_IO io{MemoryFile::Length, MemoryFile::Seek, MemoryFile::Read, MemoryFile::Write,
                   MemoryFile::Tell};
  impl_->file = sf_open_virtual(&io, SFM_READ, &impl_->info, &impl_->memory);
  Check();
}

SndfileReader::SndfileReader(const Path &file) : impl_(std::make_unique<Impl>()) {
  std::memset(&impl_->info, 0, sizeof impl_->info);
  impl_->file = sf_open(file.path.c_str(), SFM_READ, &impl_->info);
  Check();
}

SndfileReader::~SndfileReader() = default;

void SndfileReader::Check() {
  if (!IsOpen()) {
    cause_ = sf_strerror(nullptr);
    while (!cause_.empty() && (cause_.back() == '.' || cause_.back() == '\n')) cause_.pop_back();
    return;
  }
  if (impl_->info.channels < 1 || impl_->info.samplerate < 1) {
    throw DataError("audio with ", impl_->info.channels, " channels at ", impl_->info.samplerate,
                    " Hz");
  }
}

bool SndfileReader::IsOpen() const { return impl_->file != nullptr; }
int32_t SndfileReader::SampleRate() const { return impl_->info.samplerate; }
int64_t SndfileReader::NumChannels() const { return impl_->info.channels; }
// Formats of unknown length say the largest number there is.
int64_t SndfileReader::NumFrames() const {
  return impl_->info.frames < INT64_MAX / 2 ? static_cast<int64_t>(impl_->info.frames) : -1;
}

int64_t SndfileReader::Read(int64_t max_frames, std::vector<float> *interleaved) {
  const size_t channels = static_cast<size_t>(impl_->info.channels);
  interleaved->resize(static_cast<size_t>(max_frames) * channels);
  const int64_t got =
      std::max<int64_t>(0, sf_readf_float(impl_->file, interleaved->data(), max_frames));
  interleaved->resize(static_cast<size_t>(got) * channels);
  num_read_ += got;
  if (got == 0) {
    if (sf_error(impl_->file) != SF_ERR_NO_ERROR) {
      throw DataError("broken audio after ", num_read_, " samples (", sf_strerror(impl_->file),
                      "); copy or convert it again");
    }
    if (num_read_ < NumFrames()) {
      throw DataError("the audio was cut off: it ends after ", num_read_, " of ", NumFrames(),
                      " samples; copy or convert it again");
    }
    if (num_read_ == 0) throw DataError("the audio file holds no samples");
  }
  bool good = true;
  for (float &x : *interleaved) {
    x *= 32768;
    good &= IsSample(x);
  }
  if (!good) throw DataError("the audio holds samples that are NaN, infinite or beyond all range");
  return got;
}

}  // namespace u2moe
