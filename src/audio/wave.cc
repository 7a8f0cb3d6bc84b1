#include "audio/wave.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <vector>

#include "audio/foreign-audio.h"
#include "audio/riff.h"
#include "audio/sndfile-reader.h"
#include "base/error.h"

namespace u2moe {
namespace {

WaveData Decode(const std::string &bytes) {
  SndfileReader reader(&bytes);
  if (!reader.IsOpen()) {
    throw DataError("no audio that libsndfile can read (", reader.Cause(), "; ", bytes.size(),
                    " bytes): ", DescribeForeignAudio(bytes));
  }
  constexpr int64_t kBlock = 1 << 16;  // frames
  std::vector<float> interleaved, block;
  while (reader.Read(kBlock, &block) > 0) {
    interleaved.insert(interleaved.end(), block.begin(), block.end());
  }
  const size_t channels = static_cast<size_t>(reader.NumChannels());
  const size_t num_frames = interleaved.size() / channels;
  WaveData wave;
  wave.sample_rate = static_cast<float>(reader.SampleRate());
  wave.samples = Tensor(static_cast<int64_t>(channels), static_cast<int64_t>(num_frames));
  for (size_t c = 0; c < channels; ++c) {
    float *to = wave.samples.Data() + c * num_frames;
    for (size_t i = 0; i < num_frames; ++i) to[i] = interleaved[i * channels + c];
  }
  return wave;
}

// The first 12 bytes of a file, or fewer.
std::string ReadBegin(std::istream &is) {
  std::string begin;
  if (AppendBytes(is, 12, &begin) == 0) throw DataError("the audio file is empty");
  return begin;
}

// Moves on by `count` bytes, in one step where the stream can; false if there are fewer.
bool Skip(std::istream &is, uint64_t count) {
  if (count == 0) return true;
  const std::streampos failed(std::streamoff{-1});
  if (count < INT64_MAX && is.rdbuf()->pubseekoff(static_cast<std::streamoff>(count), std::ios::cur,
                                                  std::ios::in) != failed) {
    return true;
  }
  while (count > 0 && is) {
    is.ignore(static_cast<std::streamsize>(std::min<uint64_t>(count, 1 << 20)));
    count -= static_cast<uint64_t>(is.gcount());
  }
  return count == 0;
}

// Reads off the rest of the stream and returns how many bytes there were.
uint64_t SkipToEnd(std::istream &is) {
  std::string block;
  uint64_t count = 0;
  for (uint64_t got = 1; got > 0; count += got) {
    block.clear();
    got = AppendBytes(is, 1 << 20, &block);
  }
  return count;
}

// What the header counts after the samples belongs to this file, not to the next one.
void SkipTail(std::istream &is, const WavHeader &header) {
  const uint64_t end = header.bytes.size() + header.data_size;
  if (header.file_size != UINT64_MAX && header.file_size > end) Skip(is, header.file_size - end);
}

[[noreturn]] void ThrowNoSamples() {
  throw DataError(
      "the audio file holds no samples, so says its header; if its recording was interrupted, "
      "sox --ignore-length may still read it");
}

// Up to `size` bytes of samples, decoded while they come: what is held is the samples alone. Tells
// how many bytes there were. A bad sample is left in *bad, so that the stream stands at the end
// first.
WaveData ReadPcmSamples(std::istream &is, const PcmFormat &format, uint64_t size, uint64_t *got,
                        std::exception_ptr *bad) {
  const int64_t block_frames = std::max<int64_t>(1, (1 << 20) / format.FrameBytes());
  const uint64_t block_bytes = static_cast<uint64_t>(block_frames * format.FrameBytes());
  std::vector<std::vector<float>> blocks;  // [channels, block_frames], the last one may be shorter
  std::string bytes;
  int64_t num_frames = 0;
  for (*got = 0;; *got += bytes.size()) {
    bytes.clear();
    if (AppendBytes(is, std::min(block_bytes, size - *got), &bytes) == 0) break;
    const int64_t n = static_cast<int64_t>(bytes.size()) / format.FrameBytes();
    if (*bad || n == 0) continue;
    num_frames += n;
    blocks.emplace_back(static_cast<size_t>(n * format.channels));
    try {
      for (int64_t c = 0; c < format.channels; ++c) {
        DecodePcm(format, bytes.data(), n, c, &blocks.back()[static_cast<size_t>(c * n)]);
      }
    } catch (const DataError &) {
      *bad = std::current_exception();
    }
  }
  WaveData wave;
  wave.sample_rate = static_cast<float>(format.sample_rate);
  if (*bad) return wave;
  wave.samples = Tensor(format.channels, num_frames);
  int64_t begin = 0;
  for (std::vector<float> &block : blocks) {
    const int64_t n = static_cast<int64_t>(block.size()) / format.channels;
    for (int64_t c = 0; c < format.channels; ++c) {
      std::copy_n(&block[static_cast<size_t>(c * n)], n, wave.samples.View().Row(c) + begin);
    }
    begin += n;
    std::vector<float>().swap(block);
  }
  return wave;
}

// The rest of a WAV file after its header.
WaveData ReadWavSamples(std::istream &is, const WavHeader &header) {
  const uint64_t size = header.size_unknown ? UINT64_MAX : header.data_size;
  std::string samples;
  WaveData wave;
  uint64_t got = 0;
  std::exception_ptr bad;
  if (header.format) {
    wave = ReadPcmSamples(is, *header.format, size, &got, &bad);
  } else {
    got = AppendBytes(is, size, &samples);
  }
  if (!header.size_unknown) {
    if (got < header.data_size) {
      throw DataError("the WAV file was cut off: its header announces ", header.data_size,
                      " bytes of samples, but only ", got, " follow; copy or convert it again");
    }
    SkipTail(is, header);
  }
  if (header.format) {
    if (bad) std::rethrow_exception(bad);
    if (wave.NumSamples() == 0) ThrowNoSamples();
    return wave;
  }
  // Encodings that libsndfile knows.
  std::string bytes = header.bytes;
  if (header.size_unknown) {
    if (got >= kStreamMarker) throw DataError("more than 2 GB of samples in ", header.encoding);
    bytes.replace(0, 4, "RIFF");  // an RF64 file would need its long sizes
    PutUint32(static_cast<uint32_t>(got), &bytes[bytes.size() - 4]);
    PutUint32(static_cast<uint32_t>(bytes.size() - 8 + got), &bytes[4]);
  }
  return Decode(bytes + samples);
}

}  // namespace

WaveData ReadAudio(std::istream &is) {
  std::string bytes = ReadBegin(is);
  if (IsWav(bytes)) return ReadWavSamples(is, ReadWavHeader(is, bytes));
  AppendBytes(is, UINT64_MAX, &bytes);
  return Decode(bytes);
}

AudioInfo ReadAudioInfo(std::istream &is) {
  std::string bytes = ReadBegin(is);
  WaveData wave;
  if (IsWav(bytes)) {
    const WavHeader header = ReadWavHeader(is, bytes);
    if (header.format) {
      uint64_t size = header.data_size;
      if (header.size_unknown) {
        size = SkipToEnd(is);
      } else if (!Skip(is, size)) {
        throw DataError("the WAV file was cut off: its header announces ", size,
                        " bytes of samples, but fewer follow; copy or convert it again");
      } else {
        SkipTail(is, header);
      }
      const int64_t n = static_cast<int64_t>(size) / header.format->FrameBytes();
      if (n == 0) ThrowNoSamples();
      return {static_cast<float>(header.format->sample_rate), header.format->channels, n};
    }
    wave = ReadWavSamples(is, header);
  } else {
    AppendBytes(is, UINT64_MAX, &bytes);
    wave = Decode(bytes);
  }
  return {wave.sample_rate, wave.NumChannels(), wave.NumSamples()};
}

void WriteWav(const WaveData &wave, std::ostream &os) {
  const size_t channels = static_cast<size_t>(wave.NumChannels());
  const size_t num_frames = static_cast<size_t>(wave.NumSamples());
  const uint64_t data_size = 2 * channels * num_frames;
  if (data_size >= kStreamMarker) throw DataError("too long for a WAV file: ", data_size, " bytes");
  const uint32_t rate = static_cast<uint32_t>(std::lround(wave.sample_rate));
  if (static_cast<float>(rate) != wave.sample_rate) {
    throw DataError("a WAV file cannot be sampled at ", wave.sample_rate,
                    " Hz, only at whole numbers of Hz");
  }
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

std::string RateText(float rate) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(rate));
  return text;
}

void CheckSampleRate(const WaveData &wave, float wanted) {
  if (wave.sample_rate == wanted) return;
  throw DataError(
      "sampled at ", RateText(wave.sample_rate), " Hz, wanted are ", RateText(wanted),
      " Hz (--sample-frequency); --allow-", wave.sample_rate > wanted ? "downsample" : "upsample",
      " resamples it, as does in wav.scp: sox IN.wav -t wav -r ", RateText(wanted), " - |");
}

int64_t ChannelIndex(int64_t channels, int32_t channel) {
  if (channel < 0 && channels > 1) {
    throw DataError("the audio has ", channels,
                    " channels; choose one with --channel=0 to --channel=", channels - 1,
                    ", in the fifth column of segments, or in wav.scp with: wav-copy --channel=0 "
                    "FILE - |");
  }
  if (channel >= channels) {
    throw DataError("there is no channel ", channel, " (channels count from 0): the audio has ",
                    channels);
  }
  return std::max(channel, 0);
}

ConstView SelectChannel(const WaveData &wave, int32_t channel) {
  return wave.samples.View().RowRange(ChannelIndex(wave.NumChannels(), channel), 1);
}

}  // namespace u2moe
