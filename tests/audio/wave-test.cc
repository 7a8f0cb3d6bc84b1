#include "audio/wave.h"

#include <gtest/gtest.h>
#include <sndfile.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <vector>

#include "audio/wave-reader.h"
#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

// Samples in the int16 range, multiples of 256 so that 8 bits hold them exactly.
Tensor Samples(int64_t channels, int64_t n) {
  Rng rng(static_cast<uint64_t>(channels));
  Tensor x(channels, n);
  for (int64_t i = 0; i < x.Size(); ++i) {
    x.Data()[i] = 256 * static_cast<float>(rng.UniformInt(-128, 127));
  }
  return x;
}

// The bytes of an audio file that libsndfile writes.
std::string Encode(const Tensor &x, int rate, int format) {
  const std::string path = TempDir() + "/audio";
  SF_INFO info = {};
  info.samplerate = rate;
  info.channels = static_cast<int>(x.Rows());
  info.format = format;
  SNDFILE *file = sf_open(path.c_str(), SFM_WRITE, &info);
  EXPECT_NE(file, nullptr) << sf_strerror(nullptr);
  sf_command(file, SFC_SET_CLIPPING, nullptr, SF_TRUE);
  std::vector<float> interleaved;
  for (int64_t i = 0; i < x.Cols(); ++i) {
    for (int64_t c = 0; c < x.Rows(); ++c) interleaved.push_back(x(c, i) / 32768);
  }
  sf_writef_float(file, interleaved.data(), x.Cols());
  sf_close(file);
  return ReadFile(path);
}

std::string SixteenBit(int64_t n, int rate = 16000) {
  std::ostringstream os;
  WriteWav({static_cast<float>(rate), Samples(1, n)}, os);
  return os.str();
}

WaveData Decode(const std::string &bytes) {
  std::istringstream is(bytes);
  return ReadAudio(is);
}

// The DataError of a broken file.
std::string Cause(const std::string &bytes) {
  try {
    Decode(bytes);
  } catch (const DataError &e) {
    return e.what();
  }
  return "no DataError";
}

#define EXPECT_CAUSE(bytes, part) \
  EXPECT_NE(Cause(bytes).find(part), std::string::npos) << Cause(bytes)

TEST(Wave, EveryEncodingGivesTheInt16Range) {
  for (int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_U8, SF_FORMAT_WAV | SF_FORMAT_PCM_16,
                     SF_FORMAT_WAV | SF_FORMAT_PCM_24, SF_FORMAT_WAV | SF_FORMAT_PCM_32,
                     SF_FORMAT_WAV | SF_FORMAT_FLOAT, SF_FORMAT_WAV | SF_FORMAT_DOUBLE,
                     SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
                     SF_FORMAT_FLAC | SF_FORMAT_PCM_24, SF_FORMAT_AIFF | SF_FORMAT_PCM_16,
                     SF_FORMAT_NIST | SF_FORMAT_PCM_16, SF_FORMAT_RF64 | SF_FORMAT_PCM_16}) {
    for (int64_t channels : {1, 2, 5}) {
      SCOPED_TRACE(Cat("format ", std::hex, format, ", ", channels, " channels"));
      const Tensor x = Samples(channels, 70001);
      const WaveData wave = Decode(Encode(x, 22050, format));
      EXPECT_EQ(wave.sample_rate, 22050);
      ASSERT_EQ(wave.NumChannels(), channels);
      ASSERT_EQ(wave.NumSamples(), 70001);
      EXPECT_EQ(MaxAbsDiff(wave.samples, x), 0);
    }
  }
}

TEST(Wave, WrittenFilesReadBack) {
  WaveData wave{8000, Samples(2, 33)};
  wave.samples(0, 0) = 40000;
  wave.samples(0, 1) = -40000;
  wave.samples(1, 0) = 0.6f;
  wave.samples(1, 1) = -7;
  std::ostringstream os;
  WriteWav(wave, os);
  const WaveData back = Decode(os.str());
  EXPECT_EQ(back.sample_rate, 8000);
  wave.samples(0, 0) = 32767;
  wave.samples(0, 1) = -32768;
  wave.samples(1, 0) = 1;
  EXPECT_EQ(MaxAbsDiff(back.samples, wave.samples), 0);
  EXPECT_DOUBLE_EQ(back.Duration(), 33.0 / 8000);
}

TEST(Wave, PipesWriteMarkersForTheSizes) {
  const std::string good = SixteenBit(1000);
  for (const char *marker : {"\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\x24\xf0\xff\x7f"}) {
    for (bool also_riff : {false, true}) {
      std::string bytes = good;
      bytes.replace(40, 4, marker, 4);
      if (also_riff) bytes.replace(4, 4, marker, 4);
      EXPECT_EQ(MaxAbsDiff(Decode(bytes).samples, Decode(good).samples), 0);
    }
  }
  std::string zeros = good;
  zeros.replace(40, 4, 4, '\0');
  zeros.replace(4, 4, 4, '\0');
  EXPECT_EQ(MaxAbsDiff(Decode(zeros).samples, Decode(good).samples), 0);
}

TEST(Wave, LongFilesAreDecodedInBlocks) {
  const WaveData wave = Decode(Encode(Samples(3, 400001), 8000, SF_FORMAT_WAV | SF_FORMAT_PCM_24));
  EXPECT_EQ(MaxAbsDiff(wave.samples, Samples(3, 400001)), 0);
  std::string cut = SixteenBit(1000000);
  cut.replace(40, 4, "\xff\xff\xff\xff", 4);
  EXPECT_EQ(Decode(cut.substr(0, cut.size() - 1)).NumSamples(), 999999);
  std::string nan = Encode(Samples(1, 400000), 8000, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
  nan.replace(nan.size() / 2 / 4 * 4, 8, std::string(8, '\xff'));
  EXPECT_THROW(Decode(nan), DataError);
  std::istringstream is(nan + SixteenBit(10));
  EXPECT_THROW(ReadAudio(is), DataError);
  EXPECT_EQ(ReadAudio(is).NumSamples(), 10);
  EXPECT_THROW(Decode(nan.substr(0, nan.size() - 4)), DataError);
}

TEST(Wave, ForeignChunksAreSkipped) {
  const std::string good = SixteenBit(1000);
  std::string bytes = good;
  bytes.insert(36, std::string("LIST\5\0\0\0INFOx\0", 14));  // odd size, padded
  bytes += std::string("id3 \4\0\0\0abcd", 12);
  bytes[4] = static_cast<char>(bytes.size() - 8);
  bytes[5] = static_cast<char>((bytes.size() - 8) >> 8);
  std::istringstream is(bytes + "next");
  EXPECT_EQ(MaxAbsDiff(ReadAudio(is).samples, Decode(good).samples), 0);
  std::string rest;
  is >> rest;
  EXPECT_EQ(rest, "next");
}

// What ReadAudioInfo finds, and what it leaves in the stream.
AudioInfo Info(const std::string &bytes, std::string *rest) {
  std::istringstream is(bytes);
  const AudioInfo info = ReadAudioInfo(is);
  rest->assign(std::istreambuf_iterator<char>(is), std::istreambuf_iterator<char>());
  return info;
}

TEST(Wave, InfoIsWhatReadingFinds) {
  for (int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_U8, SF_FORMAT_WAV | SF_FORMAT_PCM_24,
                     SF_FORMAT_WAV | SF_FORMAT_DOUBLE, SF_FORMAT_WAV | SF_FORMAT_ULAW,
                     SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM, SF_FORMAT_WAVEX | SF_FORMAT_PCM_32,
                     SF_FORMAT_RF64 | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16}) {
    SCOPED_TRACE(Cat("format ", std::hex, format));
    const bool is_wav = (format & SF_FORMAT_TYPEMASK) != SF_FORMAT_FLAC;
    const std::string bytes = Encode(Samples(2, 10001), 22050, format);
    const WaveData wave = Decode(bytes);
    std::string rest;
    const AudioInfo info = Info(is_wav ? bytes + "next" : bytes, &rest);
    EXPECT_EQ(info.sample_rate, 22050);
    EXPECT_EQ(info.num_channels, 2);
    EXPECT_EQ(info.num_samples, wave.NumSamples());
    EXPECT_EQ(rest, is_wav ? "next" : "");
  }
  std::string rest;
  EXPECT_EQ(Info(SixteenBit(10) + "next", &rest).num_samples, 10);
  std::string piped = SixteenBit(1000);
  piped.replace(40, 4, "\xff\xff\xff\xff", 4);
  EXPECT_EQ(Info(piped, &rest).num_samples, 1000);
  EXPECT_EQ(Info(piped + "x", &rest).num_samples, 1000);
  EXPECT_THROW(Info(piped.substr(0, 44), &rest), DataError);
  EXPECT_THROW(Info(SixteenBit(1000).substr(0, 500), &rest), DataError);
  EXPECT_THROW(Info("", &rest), DataError);
  EXPECT_THROW(Info("some text of more than 12 bytes", &rest), DataError);
}

TEST(Wave, LongFilesFollowOneAnother) {
  const std::string one = Encode(Samples(1, 501), 8000, SF_FORMAT_RF64 | SF_FORMAT_PCM_16);
  std::istringstream is(one + one);
  EXPECT_EQ(MaxAbsDiff(ReadAudio(is).samples, Samples(1, 501)), 0);
  EXPECT_EQ(MaxAbsDiff(ReadAudio(is).samples, Samples(1, 501)), 0);
  // Sizes that were never filled in, as in a pipe.
  std::string piped = one;
  piped.replace(20, 16, 16, '\xff');
  EXPECT_EQ(MaxAbsDiff(Decode(piped).samples, Samples(1, 501)), 0);
  piped.replace(20, 16, 16, '\0');
  EXPECT_EQ(MaxAbsDiff(Decode(piped).samples, Samples(1, 501)), 0);
}

TEST(Wave, LossyFormatsComeCloseToTheSamples) {
  Tensor x(1, 48000);
  for (int64_t i = 0; i < x.Cols(); ++i) {
    x(0, i) = 9000 * static_cast<float>(std::sin(0.05 * static_cast<double>(i)));
  }
  for (int format : {SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_OGG | SF_FORMAT_OPUS,
                     SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III}) {
    SCOPED_TRACE(Cat("format ", std::hex, format));
    SF_INFO info = {0, 16000, 1, format, 0, 0};
    if (!sf_format_check(&info)) {
      std::printf("libsndfile %s does not write format %x: left out\n", sf_version_string(),
                  format);
      continue;
    }
    const WaveData wave = Decode(Encode(x, 16000, format));
    EXPECT_EQ(wave.sample_rate, 16000);
    ASSERT_GE(wave.NumSamples(), 48000);
    ASSERT_LE(wave.NumSamples(), 51000);  // MP3 adds its delay
    double energy = 0;
    for (int64_t i = 5000; i < 40000; ++i) energy += wave.samples(0, i) * wave.samples(0, i);
    EXPECT_NEAR(std::sqrt(energy / 35000), 9000 / std::sqrt(2), 0.03 * 9000);
  }
}

TEST(Wave, BrokenFilesSayHow) {
  const std::string good = SixteenBit(1000);
  EXPECT_CAUSE("", "empty");
  EXPECT_CAUSE("hello, this is a text file\n", "no audio that libsndfile can read");
  EXPECT_CAUSE(std::string(5000, '\0'), "no audio that libsndfile can read");
  EXPECT_CAUSE(good.substr(0, 500),
               "cut off: its header announces 2000 bytes of samples, but only 456");
  EXPECT_CAUSE(good.substr(0, 44), "cut off");
  EXPECT_CAUSE(good.substr(0, 40), "cut off");
  EXPECT_CAUSE(good.substr(0, 30), "cut off");
  EXPECT_CAUSE(good.substr(0, 7), "no audio that libsndfile can read");
  EXPECT_CAUSE(SixteenBit(0), "no samples");
  std::string no_rate = good;
  no_rate.replace(24, 4, 4, '\0');
  EXPECT_NE(Cause(no_rate), "no DataError");
  std::string odd_format = good;
  odd_format[20] = 0x55;  // MP3 inside of WAV
  EXPECT_NE(Cause(odd_format), "no DataError");
  std::string huge_chunk = good;
  huge_chunk.replace(36, 8, "LIST\xff\xff\xff\x7f");
  EXPECT_CAUSE(huge_chunk, "cut off");
}

TEST(Wave, SamplesMustBeNumbers) {
  Tensor x = Samples(1, 100);
  x(0, 50) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_CAUSE(Encode(x, 16000, SF_FORMAT_WAV | SF_FORMAT_FLOAT), "NaN");
  x(0, 50) = std::numeric_limits<float>::infinity();
  EXPECT_CAUSE(Encode(x, 16000, SF_FORMAT_WAV | SF_FORMAT_FLOAT), "NaN");
}

TEST(Wave, BrokenFlacIsNoticed) {
  const std::string good = Encode(Samples(1, 40000), 16000, SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
  EXPECT_EQ(Decode(good).NumSamples(), 40000);
  EXPECT_NE(Cause(good.substr(0, good.size() / 2)), "no DataError");
  EXPECT_NE(Cause(good.substr(0, 50)), "no DataError");
  for (size_t at : {size_t{10}, good.size() / 4, good.size() / 2, good.size() - 500}) {
    std::string bad = good;
    for (size_t i = 0; i < 20; ++i) bad[at + i] = static_cast<char>(bad[at + i] ^ 0x5a);
    EXPECT_NE(Cause(bad), "no DataError") << "at byte " << at;
  }
}

TEST(Wave, RateAndChannelErrorsSayWhatToDo) {
  const WaveData mono{8000, Samples(1, 10)}, stereo{16000, Samples(2, 10)};
  CheckSampleRate(mono, 8000);
  try {
    CheckSampleRate(mono, 16000);
    FAIL();
  } catch (const DataError &e) {
    const std::string what = e.what();
    EXPECT_NE(what.find("8000 Hz, wanted are 16000 Hz"), std::string::npos) << what;
    EXPECT_NE(what.find("sox IN.wav -t wav -r 16000 - |"), std::string::npos) << what;
  }
  EXPECT_EQ(SelectChannel(mono, -1).Data(), mono.samples.Data());
  EXPECT_EQ(SelectChannel(mono, 0).Cols(), 10);
  EXPECT_EQ(SelectChannel(stereo, 1)(0, 3), stereo.samples(1, 3));
  EXPECT_THROW(SelectChannel(stereo, -1), DataError);
  EXPECT_THROW(SelectChannel(stereo, 2), DataError);
}

TEST(WaveTable, ArchiveOfWavFiles) {
  const std::string path = TempDir() + "/wav.ark";
  {
    WaveWriter writer("ark:" + path);
    for (int64_t n : {1, 700, 30}) writer.Write(Cat("u", n), {16000, Samples(1, n)});
    writer.Close();
  }
  std::vector<int64_t> lengths;
  SequentialWaveReader reader("ark:" + path);
  for (; !reader.Done(); reader.Next()) {
    lengths.push_back(reader.Value().NumSamples());
    EXPECT_EQ(reader.Key(), Cat("u", lengths.back()));
    EXPECT_EQ(MaxAbsDiff(reader.Value().samples, Samples(1, lengths.back())), 0);
  }
  EXPECT_EQ(lengths, (std::vector<int64_t>{1, 700, 30}));
  RandomAccessWaveReader random("ark:" + path);
  EXPECT_EQ(random.Value("u30").NumSamples(), 30);
  EXPECT_THROW(random.Value("u31"), DataError);
}

TEST(WaveTable, ABadEntryCostsOnlyItself) {
  std::string odd = SixteenBit(10);
  odd[20] = 0x55;
  WriteFile(TempDir() + "/bad.ark", "a " + SixteenBit(5) + "b " + odd + "c " + SixteenBit(7));
  SequentialWaveReader reader("ark:" + TempDir() + "/bad.ark");
  EXPECT_EQ(reader.Value().NumSamples(), 5);
  reader.Next();
  EXPECT_EQ(reader.Key(), "b");
  EXPECT_THROW(reader.Value(), DataError);
  reader.Next();
  EXPECT_EQ(reader.Value().NumSamples(), 7);
  reader.Next();
  EXPECT_TRUE(reader.Done());
}

}  // namespace
}  // namespace u2moe
