#include "audio/audio-stream.h"

#include <gtest/gtest.h>
#include <sndfile.h>

#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

// A stream whose bytes arrive in pieces: each look beyond what was read brings one more.
class SlowStreambuf : public std::streambuf {
 public:
  SlowStreambuf(std::string bytes, size_t piece) : bytes_(std::move(bytes)), piece_(piece) {
    setg(bytes_.data(), bytes_.data(), bytes_.data());
  }
  size_t Arrived() const { return static_cast<size_t>(egptr() - eback()); }

 protected:
  int_type underflow() override {
    const size_t end = std::min(bytes_.size(), Arrived() + piece_);
    setg(bytes_.data(), gptr(), bytes_.data() + end);
    return gptr() == egptr() ? traits_type::eof() : traits_type::to_int_type(*gptr());
  }

 private:
  std::string bytes_;
  size_t piece_;
};

std::string Encode(int channels, int n, int format) {
  const std::string path = TempDir() + "/audio";
  SF_INFO info = {0, 22050, channels, format, 0, 0};
  SNDFILE *file = sf_open(path.c_str(), SFM_WRITE, &info);
  Rng rng(9);
  std::vector<float> x(static_cast<size_t>(channels * n));
  for (float &v : x) v = static_cast<float>(rng.UniformInt(-128, 127)) / 128;
  sf_writef_float(file, x.data(), n);
  sf_close(file);
  return ReadFile(path);
}

WaveData Decode(const std::string &bytes) {
  std::istringstream is(bytes);
  return ReadAudio(is);
}

// All samples of a channel, read from a stream that brings `piece` bytes at a time.
Tensor ReadSlowly(const std::string &bytes, const std::optional<PcmFormat> &raw, int32_t channel,
                  size_t piece) {
  SlowStreambuf buffer(bytes, piece);
  std::istream is(&buffer);
  AudioStream stream(&is, raw, channel);
  std::vector<float> all, part;
  while (stream.Read(&part)) {
    EXPECT_FALSE(part.empty());
    all.insert(all.end(), part.begin(), part.end());
  }
  return Tensor::Copy(ConstView(all.data(), 1, static_cast<int64_t>(all.size())));
}

TEST(AudioStream, EveryEncodingEqualsReadingTheWhole) {
  for (int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_U8, SF_FORMAT_WAV | SF_FORMAT_PCM_16,
                     SF_FORMAT_WAV | SF_FORMAT_PCM_24, SF_FORMAT_WAV | SF_FORMAT_PCM_32,
                     SF_FORMAT_WAV | SF_FORMAT_FLOAT, SF_FORMAT_WAV | SF_FORMAT_DOUBLE,
                     SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, SF_FORMAT_RF64 | SF_FORMAT_PCM_16}) {
    for (int channels : {1, 3}) {
      for (size_t piece : {1, 7, 1000, 1000000}) {
        SCOPED_TRACE(Cat("format ", std::hex, format, ", ", channels, " channels, ", piece));
        const std::string bytes = Encode(channels, 20001, format);
        const WaveData wave = Decode(bytes);
        const int32_t channel = channels == 1 ? -1 : 2;
        const Tensor got = ReadSlowly(bytes, std::nullopt, channel, piece);
        ASSERT_EQ(got.Cols(), 20001);
        EXPECT_EQ(MaxAbsDiff(got, SelectChannel(wave, channel)), 0);
      }
    }
  }
}

TEST(AudioStream, RawSamples) {
  const std::string bytes = Encode(2, 999, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  const std::string raw = bytes.substr(bytes.size() - 4 * 999);
  const PcmFormat format = PcmFormat::Parse("s16le:22050:2");
  EXPECT_EQ(format.FrameBytes(), 4);
  const WaveData wave = Decode(bytes);
  EXPECT_EQ(MaxAbsDiff(ReadSlowly(raw, format, 1, 3), SelectChannel(wave, 1)), 0);
  const WaveData whole = ReadPcm(format, raw);
  EXPECT_EQ(whole.sample_rate, 22050);
  EXPECT_EQ(MaxAbsDiff(whole.samples, wave.samples), 0);
  EXPECT_THROW(ReadPcm(format, raw + "x"), DataError);
  EXPECT_THROW(ReadPcm(format, ""), DataError);
  EXPECT_THROW(ReadSlowly(raw + "x", format, 1, 3), DataError);
  EXPECT_THROW(ReadPcm(PcmFormat::Parse("f32le:8000"), std::string(8, '\xff')), DataError);
  for (const char *bad : {"", "s16", "s16le", "s16le:", "s16le:0", "s16le:8000:0", "s16be:8000",
                          "s16le:8000:1:1", "s16le:8k"}) {
    EXPECT_THROW(PcmFormat::Parse(bad), UsageError) << bad;
  }
}

TEST(AudioStream, SamplesComeBeforeTheEnd) {
  const std::string bytes = Encode(1, 5000, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  SlowStreambuf buffer(bytes, 44 + 200);
  std::istream is(&buffer);
  AudioStream stream(&is, std::nullopt, -1);
  EXPECT_LE(buffer.Arrived(), 244u);
  std::vector<float> samples;
  ASSERT_TRUE(stream.Read(&samples));
  EXPECT_EQ(samples.size(), 100u);
  EXPECT_EQ(buffer.Arrived(), 244u);
  ASSERT_TRUE(stream.Read(&samples));
  EXPECT_EQ(samples.size(), 122u);
}

TEST(AudioStream, MarkersMeanUntilTheEnd) {
  std::string bytes = Encode(1, 1000, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  const size_t size = bytes.size() - 2000 - 4;
  for (const std::string &marker : {std::string(4, '\0'), std::string(4, '\xff')}) {
    bytes.replace(4, 4, marker);
    bytes.replace(size, 4, marker);
    EXPECT_EQ(ReadSlowly(bytes, std::nullopt, -1, 100).Cols(), 1000);
  }
}

TEST(AudioStream, BrokenAudio) {
  const std::string good = Encode(2, 100, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  const auto cause = [](const std::string &bytes, int32_t channel = 0) -> std::string {
    try {
      ReadSlowly(bytes, std::nullopt, channel, 50);
    } catch (const DataError &e) {
      return e.what();
    }
    return "no DataError";
  };
  EXPECT_EQ(cause(good), "no DataError");
  EXPECT_NE(cause("").find("no WAV file"), std::string::npos);
  EXPECT_NE(cause("fLaC and so on, this is FLAC").find("no WAV file"), std::string::npos);
  EXPECT_NE(cause(good.substr(0, 30)).find("cut off"), std::string::npos);
  EXPECT_NE(cause(good.substr(0, 200)).find("cut off"), std::string::npos);
  EXPECT_NE(cause(good, -1).find("2 channels"), std::string::npos);
  EXPECT_NE(cause(good, 2).find("no channel 2"), std::string::npos);
  const std::string adpcm = Encode(1, 4000, SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM);
  EXPECT_NE(cause(adpcm).find("WAVE format 17"), std::string::npos) << cause(adpcm);
}

}  // namespace
}  // namespace u2moe
