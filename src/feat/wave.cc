#include "feat/wave.h"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"

namespace u2moe {
namespace {

// Header sizes from here on mean "until the end": what programs write when they cannot seek back.
constexpr uint32_t kStreamMarker = 0x7fff0000;

uint32_t GetUint32(const char *p) {
  const unsigned char *b = reinterpret_cast<const unsigned char *>(p);
  return b[0] | (b[1] << 8) | (b[2] << 16) | (static_cast<uint32_t>(b[3]) << 24);
}

void PutUint32(uint32_t v, char *p) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<char>(v >> (8 * i));
}

// Appends up to `count` bytes and returns how many there were. In blocks, since a broken header may
// ask for far more than there is.
uint64_t Append(std::istream &is, uint64_t count, std::string *bytes) {
  const size_t begin = bytes->size();
  while (count > 0 && is) {
    const size_t old = bytes->size();
    const uint64_t block = std::min<uint64_t>(count, 1 << 20);
    bytes->resize(old + block);
    is.read(&(*bytes)[old], static_cast<std::streamsize>(block));
    const uint64_t got = static_cast<uint64_t>(is.gcount());
    bytes->resize(old + got);
    count -= got;
  }
  return bytes->size() - begin;
}

// The rest of a RIFF WAVE file whose first 12 bytes are in *bytes.
void ReadRiff(std::istream &is, std::string *bytes) {
  for (;;) {
    const size_t chunk = bytes->size();
    if (Append(is, 8, bytes) < 8) {
      throw DataError("the WAV file ends after ", bytes->size(),
                      " bytes, before any samples; it was cut off");
    }
    const bool is_data = bytes->compare(chunk, 4, "data") == 0;
    const uint32_t size = GetUint32(&(*bytes)[chunk + 4]), riff_size = GetUint32(&(*bytes)[4]);
    const bool really_empty = size == 0 && riff_size + 8ull <= bytes->size() && riff_size != 0;
    if (is_data && (size >= kStreamMarker || (size == 0 && !really_empty))) {
      const uint64_t got = Append(is, UINT64_MAX, bytes);
      PutUint32(static_cast<uint32_t>(std::min<uint64_t>(got, kStreamMarker - 1)),
                &(*bytes)[chunk + 4]);
      PutUint32(static_cast<uint32_t>(std::min<uint64_t>(bytes->size() - 8, kStreamMarker)),
                &(*bytes)[4]);
      return;
    }
    const uint64_t got = Append(is, size, bytes);
    if (got < size) {
      throw DataError("the WAV file was cut off: its header announces ", size, " bytes of ",
                      is_data ? "samples" : "'" + bytes->substr(chunk, 4) + "'", ", but only ", got,
                      " follow; copy or convert it again");
    }
    if (is_data) {
      // What the header counts after the samples belongs to this file, not to the next one.
      const uint64_t end = riff_size + 8ull;
      if (riff_size < kStreamMarker && end > bytes->size()) Append(is, end - bytes->size(), bytes);
      return;
    }
    if (size % 2 != 0) Append(is, 1, bytes);  // chunks begin at even places
  }
}

std::string ReadBytes(std::istream &is) {
  std::string bytes;
  if (Append(is, 12, &bytes) == 0) throw DataError("the audio file is empty");
  if (bytes.size() == 12 && bytes.compare(0, 4, "RIFF") == 0 && bytes.compare(8, 4, "WAVE") == 0) {
    ReadRiff(is, &bytes);
  } else {
    Append(is, UINT64_MAX, &bytes);
  }
  return bytes;
}

// A file in memory, for libsndfile.
struct MemoryFile {
  const std::string &bytes;
  sf_count_t position;

  static MemoryFile &Of(void *data) { return *static_cast<MemoryFile *>(data); }
  static sf_count_t Length(void *data) { return static_cast<sf_count_t>(Of(data).bytes.size()); }
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
    std::memcpy(to, file.bytes.data() + file.position, static_cast<size_t>(n));
    file.position += n;
    return n;
  }
};

}  // namespace

WaveData ReadAudio(std::istream &is) {
  const std::string bytes = ReadBytes(is);
  MemoryFile memory{bytes, 0};
  SF_VIRTUAL_IO io{MemoryFile::Length, MemoryFile::Seek, MemoryFile::Read, MemoryFile::Write,
                   MemoryFile::Tell};
  SF_INFO info;
  std::memset(&info, 0, sizeof info);
  std::unique_ptr<SNDFILE, int (*)(SNDFILE *)> file(sf_open_virtual(&io, SFM_READ, &info, &memory),
                                                    sf_close);
  if (!file) {
    std::string cause = sf_strerror(nullptr);
    while (!cause.empty() && (cause.back() == '.' || cause.back() == '\n')) cause.pop_back();
    throw DataError("no audio that libsndfile can read (", cause, "; ", bytes.size(),
                    " bytes); convert it, in wav.scp for example with: ffmpeg -i FILE -f wav - |");
  }
  if (info.channels < 1 || info.samplerate < 1) {
    throw DataError("audio with ", info.channels, " channels at ", info.samplerate, " Hz");
  }
  const size_t channels = static_cast<size_t>(info.channels);
  std::vector<float> interleaved;
  constexpr size_t kBlock = 1 << 16;  // frames
  size_t num_frames = 0;
  for (;;) {
    interleaved.resize((num_frames + kBlock) * channels);
    const sf_count_t got = sf_readf_float(file.get(), &interleaved[num_frames * channels],
                                          static_cast<sf_count_t>(kBlock));
    if (got <= 0) break;
    num_frames += static_cast<size_t>(got);
  }
  if (sf_error(file.get()) != SF_ERR_NO_ERROR) {
    throw DataError("broken audio after ", num_frames, " samples (", sf_strerror(file.get()),
                    "); copy or convert it again");
  }
  // Formats of unknown length say the largest number there is.
  if (info.frames < INT64_MAX / 2 && static_cast<int64_t>(num_frames) < info.frames) {
    throw DataError("the audio was cut off: it ends after ", num_frames, " of ", info.frames,
                    " samples; copy or convert it again");
  }
  if (num_frames == 0) throw DataError("the audio file holds no samples");

  WaveData wave;
  wave.sample_rate = static_cast<float>(info.samplerate);
  wave.samples = Tensor(static_cast<int64_t>(channels), static_cast<int64_t>(num_frames));
  for (size_t c = 0; c < channels; ++c) {
    float *to = wave.samples.Data() + c * num_frames;
    bool good = true;
    for (size_t i = 0; i < num_frames; ++i) {
      to[i] = 32768 * interleaved[i * channels + c];
      good &= std::abs(to[i]) < 1e12f;  // false for NaN
    }
    if (!good)
      throw DataError("the audio holds samples that are NaN, infinite or beyond all range");
  }
  return wave;
}

void WriteWav(const WaveData &wave, std::ostream &os) {
  const size_t channels = static_cast<size_t>(wave.NumChannels());
  const size_t num_frames = static_cast<size_t>(wave.NumSamples());
  const uint64_t data_size = 2 * channels * num_frames;
  if (data_size >= kStreamMarker) throw DataError("too long for a WAV file: ", data_size, " bytes");
  const uint32_t rate = static_cast<uint32_t>(std::lround(wave.sample_rate));
  std::string bytes(44 + data_size, '\0');
  char *p = &bytes[0];
  std::memcpy(p, "RIFF    WAVEfmt \20\0\0\0\1\0", 22);  // 16 bytes of format, 1: PCM
  PutUint32(static_cast<uint32_t>(36 + data_size), p + 4);
  p[22] = static_cast<char>(channels);
  p[23] = static_cast<char>(channels >> 8);
  PutUint32(rate, p + 24);
  PutUint32(static_cast<uint32_t>(rate * channels * 2), p + 28);
  p[32] = static_cast<char>(2 * channels);
  p[33] = static_cast<char>((2 * channels) >> 8);
  p[34] = 16;
  std::memcpy(p + 36, "data", 4);
  PutUint32(static_cast<uint32_t>(data_size), p + 40);
  p += 44;
  for (size_t i = 0; i < num_frames; ++i) {
    for (size_t c = 0; c < channels; ++c, p += 2) {
      const float x = wave.samples.Data()[c * num_frames + i];
      const long v = std::lround(std::min(32767.0f, std::max(-32768.0f, x)));
      p[0] = static_cast<char>(v);
      p[1] = static_cast<char>(v >> 8);
    }
  }
  os.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void CheckSampleRate(const WaveData &wave, float wanted) {
  if (wave.sample_rate == wanted) return;
  throw DataError("sampled at ", wave.sample_rate, " Hz, wanted are ", wanted,
                  " Hz (--sample-frequency); resample it with: sox IN.wav -r ", wanted,
                  " OUT.wav, or in wav.scp: sox IN.wav -t wav -r ", wanted, " - |");
}

ConstView SelectChannel(const WaveData &wave, int32_t channel) {
  const int64_t channels = wave.NumChannels();
  if (channel < 0 && channels > 1) {
    throw DataError("the audio has ", channels,
                    " channels; choose one with --channel=0 to --channel=", channels - 1);
  }
  if (channel >= channels) {
    throw DataError("there is no channel ", channel, " (--channel counts from 0): the audio has ",
                    channels);
  }
  const int64_t row = std::max(channel, 0);
  return ConstView(wave.samples.Data() + row * wave.NumSamples(), 1, wave.NumSamples());
}

}  // namespace u2moe
