#include "audio/pcm.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "audio/riff.h"
#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

struct EncodingRow {
  const char *name;
  PcmFormat::Encoding encoding;
  int64_t bytes;
};

constexpr EncodingRow kEncodings[] = {
    {"u8", PcmFormat::Encoding::kU8, 1},     {"s16le", PcmFormat::Encoding::kS16, 2},
    {"s24le", PcmFormat::Encoding::kS24, 3}, {"s32le", PcmFormat::Encoding::kS32, 4},
    {"f32le", PcmFormat::Encoding::kF32, 4}, {"f64le", PcmFormat::Encoding::kF64, 8}};

// One sample in the int16 range. Two's complement numbers are read into the upper bits of an int32.
float DecodeSample(PcmFormat::Encoding encoding, const char *p) {
  constexpr float kToInt16 = 1.0f / 65536;
  switch (encoding) {
    case PcmFormat::Encoding::kU8:
      return static_cast<float>((static_cast<int>(static_cast<unsigned char>(*p)) - 128) * 256);
    case PcmFormat::Encoding::kS16:
      return static_cast<float>(static_cast<int16_t>(GetUint16(p)));
    case PcmFormat::Encoding::kS24: {
      const uint32_t bits =
          (GetUint16(p) << 8) | (static_cast<uint32_t>(static_cast<unsigned char>(p[2])) << 24);
      return static_cast<float>(static_cast<int32_t>(bits)) * kToInt16;
    }
    case PcmFormat::Encoding::kS32:
      return static_cast<float>(static_cast<int32_t>(GetUint32(p))) * kToInt16;
    case PcmFormat::Encoding::kF32: {
      float x;
      std::memcpy(&x, p, sizeof x);
      return 32768 * x;
    }
    case PcmFormat::Encoding::kF64: {
      double x;
      std::memcpy(&x, p, sizeof x);
      return static_cast<float>(32768 * x);
    }
  }
  return 0;
}

}  // namespace

PcmFormat PcmFormat::Parse(const std::string &name) {
  PcmFormat format;
  const std::vector<std::string> words = Split(name, ':');
  const EncodingRow *found = nullptr;
  for (const EncodingRow &row : kEncodings) {
    if (words[0] == row.name) found = &row;
  }
  const bool numbers = (words.size() == 2 || words.size() == 3) &&
                       ParseNumber(words[1], &format.sample_rate) &&
                       (words.size() == 2 || ParseNumber(words[2], &format.channels));
  if (!found || !numbers || format.sample_rate < 1 || format.channels < 1 ||
      format.channels > 1024) {
    throw UsageError("'", name,
                     "' is no format of raw samples: expected ENCODING:RATE[:CHANNELS] as in "
                     "s16le:16000:1, ENCODING one of u8 s16le s24le s32le f32le f64le");
  }
  format.encoding = found->encoding;
  return format;
}

int64_t PcmFormat::SampleBytes() const {
  for (const EncodingRow &row : kEncodings) {
    if (row.encoding == encoding) return row.bytes;
  }
  return 0;
}

void DecodePcm(const PcmFormat &format, const char *bytes, int64_t n, int64_t channel, float *out) {
  bytes += channel * format.SampleBytes();
  bool good = true;
  for (int64_t i = 0; i < n; ++i, bytes += format.FrameBytes()) {
    out[i] = DecodeSample(format.encoding, bytes);
    good &= IsSample(out[i]);
  }
  if (!good) throw DataError("the audio holds samples that are NaN, infinite or beyond all range");
}

WaveData DecodePcm(const PcmFormat &format, const std::string &bytes) {
  const int64_t n = static_cast<int64_t>(bytes.size()) / format.FrameBytes();
  if (n == 0) throw DataError("the audio file holds no samples");
  WaveData wave{static_cast<float>(format.sample_rate), Tensor(format.channels, n)};
  for (int64_t c = 0; c < format.channels; ++c) {
    DecodePcm(format, bytes.data(), n, c, wave.samples.View().Row(c));
  }
  return wave;
}

void CheckNoHeader(const std::string &begin) {
  const char *name = IsWav(begin.substr(0, 12))         ? "a WAV"
                     : begin.compare(0, 4, "fLaC") == 0 ? "a FLAC"
                     : begin.compare(0, 4, "OggS") == 0 ? "an Ogg"
                                                        : nullptr;
  if (name == nullptr) return;
  throw DataError("it is ", name, " file, which tells its format itself; leave out --raw-pcm");
}

WaveData ReadPcm(const PcmFormat &format, const std::string &bytes) {
  CheckNoHeader(bytes);
  if (static_cast<int64_t>(bytes.size()) % format.FrameBytes() != 0) {
    throw DataError("the raw audio ends within a sample: ", bytes.size(),
                    " bytes are not a multiple of ", format.FrameBytes(),
                    "; was it cut off, or is its format another one?");
  }
  return DecodePcm(format, bytes);
}

}  // namespace u2moe
