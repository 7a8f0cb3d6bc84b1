// Recordings read in pieces are those that ReadAudio reads whole.
#include "audio/audio-file.h"

#include <gtest/gtest.h>
#include <sndfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "audio/wave.h"
#include "base/error.h"
#include "support/error-test.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

std::string Encode(const std::string &path, int channels, int n, int format, int rate = 22050) {
  SF_INFO info = {0, rate, channels, format, 0, 0};
  SNDFILE *file = sf_open(path.c_str(), SFM_WRITE, &info);
  Rng rng(9);
  std::vector<float> x(static_cast<size_t>(channels * n));
  for (float &v : x) v = static_cast<float>(rng.UniformInt(-128, 127)) / 256;
  sf_writef_float(file, x.data(), n);
  sf_close(file);
  return ReadFile(path);
}

// All blocks one after another; the header is put into *wave first.
WaveData ReadBlocks(const std::string &name, double *seconds = nullptr) {
  AudioFile file(name);
  if (seconds != nullptr) *seconds = file.Seconds();
  std::vector<std::vector<float>> channels(static_cast<size_t>(file.NumChannels()));
  for (Tensor block; file.Read(&block);) {
    EXPECT_LE(block.Cols(), AudioFile::kBlock);
    EXPECT_EQ(block.Rows(), file.NumChannels());
    for (int64_t c = 0; c < block.Rows(); ++c)
      channels[static_cast<size_t>(c)].insert(channels[static_cast<size_t>(c)].end(),
                                              block.View().Row(c),
                                              block.View().Row(c) + block.Cols());
  }
  WaveData wave;
  wave.sample_rate = file.SampleRate();
  wave.samples = Tensor(file.NumChannels(), static_cast<int64_t>(channels[0].size()));
  for (size_t c = 0; c < channels.size(); ++c)
    std::copy(channels[c].begin(), channels[c].end(),
              wave.samples.View().Row(static_cast<int64_t>(c)));
  return wave;
}

WaveData ReadWhole(const std::string &bytes) {
  std::istringstream is(bytes);
  return ReadAudio(is);
}

void ExpectSame(const WaveData &got, const WaveData &want) {
  EXPECT_EQ(got.sample_rate, want.sample_rate);
  EXPECT_TRUE(SameBits(got.samples, want.samples));
}

TEST(AudioFile, EqualsTheWhole) {
  const std::string path = TempDir() + "/odd name:12";
  for (const int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_WAV | SF_FORMAT_PCM_24,
                           SF_FORMAT_WAV | SF_FORMAT_FLOAT, SF_FORMAT_WAV | SF_FORMAT_ULAW,
                           SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, SF_FORMAT_RF64 | SF_FORMAT_PCM_16,
                           SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_VORBIS,
                           SF_FORMAT_AIFF | SF_FORMAT_PCM_16, SF_FORMAT_AU | SF_FORMAT_PCM_16,
                           SF_FORMAT_NIST | SF_FORMAT_PCM_16}) {
    for (const int channels : {1, 3}) {
      for (const int n : {1, 8192, 20000}) {
        SCOPED_TRACE(testing::Message()
                     << std::hex << format << std::dec << " " << channels << " " << n);
        const std::string bytes = Encode(path, channels, n, format);
        const WaveData want = ReadWhole(bytes);
        double seconds = 0;
        ExpectSame(ReadBlocks(path, &seconds), want);
        if (seconds >= 0) {
          EXPECT_NEAR(seconds, want.Duration(), 1e-9);
        }
        if (n != 20000) continue;
        ExpectSame(ReadBlocks("cat '" + path + "' |"), want);
      }
    }
  }
}

TEST(AudioFile, WavOfUnknownLength) {
  const std::string path = TempDir() + "/stream.wav";
  std::string bytes = Encode(path, 2, 9000, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  const WaveData want = ReadWhole(bytes);
  for (const size_t at : {size_t{4}, bytes.find("data") + 4})
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 4, '\xff');
  WriteFile(path, bytes);
  double seconds = 0;
  ExpectSame(ReadBlocks(path, &seconds), want);
  EXPECT_EQ(seconds, -1);
}

TEST(AudioFile, BadOnesSayWhy) {
  const std::string path = TempDir() + "/bad";
  const auto error = [&](const std::string &bytes) {
    WriteFile(path, bytes);
    return ErrorOf([&] { ReadBlocks(path); });
  };
  setenv("PATH", "/nonexistent", 1);
  EXPECT_EQ(FindFfmpeg(), "");
  EXPECT_HAS(error(""), "the audio file is empty");
  EXPECT_HAS(error("<html>no such page</html>\n"), "it is text, which begins '<html>");
  EXPECT_HAS(error(std::string("\0\0\0\x20"
                               "ftypM4A ",
                               12) +
                   std::string(100, '\0')),
             "it seems to be MP4");
  EXPECT_HAS(error(std::string("\0\0\0\x20"
                               "ftypM4A ",
                               12) +
                   std::string(100, '\0')),
             "install ffmpeg");
  EXPECT_HAS(ErrorOf([&] { AudioFile(TempDir() + "/missing.wav"); }), "No such file");
  EXPECT_HAS(ErrorOf([&] { AudioFile(TempDir() + "/"); }), "is a directory");
  EXPECT_HAS(ErrorOf([&] { ReadBlocks("false |"); }), "status 1");
  const std::string good = TempDir() + "/good";
  std::string wav = Encode(good, 1, 9000, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  EXPECT_HAS(error(wav.substr(0, wav.size() - 10)), "was cut off: its header announces 10 bytes");
  EXPECT_HAS(error(wav.substr(0, 44)), "cut off");
  EXPECT_NE(error(wav.substr(0, 20)), "(no error)");
  const std::string flac = Encode(good, 1, 20000, SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
  EXPECT_NE(error(flac.substr(0, flac.size() / 2)), "(no error)");
  std::string nan = Encode(good, 1, 100, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
  std::fill_n(nan.end() - 8, 4, '\xff');
  EXPECT_HAS(error(nan), "samples that are NaN");
}

// A program in ffmpeg's place that gives a WAV file, or fails.
TEST(AudioFile, WhatFfmpegDecodes) {
  const std::string bin = TempDir() + "/bin", wav = TempDir() + "/decoded.wav";
  mkdir(bin.c_str(), 0755);
  const WaveData want = ReadWhole(Encode(wav, 2, 9000, SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100));
  const std::string odd = TempDir() + "/it's.m4a";
  WriteFile(odd, std::string("\0\0\0\x20"
                             "ftypM4A ",
                             12) +
                     std::string(100, '\0'));
  const auto install = [&](const std::string &script) {
    WriteFile(bin + "/ffmpeg", "#!/bin/sh\n" + script);
    chmod((bin + "/ffmpeg").c_str(), 0755);
  };
  setenv("PATH", (bin + ":/usr/bin:/bin").c_str(), 1);
  // It is asked for the file by its very name.
  install("for a; do case $a in file:*) test -e \"${a#file:}\" || exit 3;; esac; done\ncat '" +
          wav + "'\n");
  EXPECT_EQ(FindFfmpeg(), bin + "/ffmpeg");
  ExpectSame(ReadBlocks(odd), want);
  install("exit 5\n");
  EXPECT_HAS(ErrorOf([&] { ReadBlocks(odd); }), "nor ffmpeg reads it: the command");
  EXPECT_HAS(ErrorOf([&] { ReadBlocks(odd); }), "status 5");
  install("head -c 10000 '" + wav + "'\nexit 6\n");
  EXPECT_HAS(ErrorOf([&] { ReadBlocks(odd); }), "status 6");
  install("head -c 10000 '" + wav + "'\necho frame 3 is broken >&2; echo and 4 >&2; exit 6\n");
  EXPECT_HAS(ErrorOf([&] { ReadBlocks(odd); }),
             "ffmpeg cannot decode all of it: frame 3 is broken (and 1 more); what can");
  install("echo \"Stream map '0:a:0' matches no streams.\" >&2\nexit 1\n");
  EXPECT_HAS(ErrorOf([&] { ReadBlocks(odd); }), "there is no sound in it");
  install("echo what is that >&2\nexit 1\n");
  EXPECT_HAS(ErrorOf([&] { ReadBlocks(odd); }), "nor ffmpeg reads it: what is that");
  // What it says of what it decoded to the end is a warning.
  install("echo ended early >&2\ncat '" + wav + "'\n");
  testing::internal::CaptureStderr();
  ExpectSame(ReadBlocks(odd), want);
  EXPECT_HAS(testing::internal::GetCapturedStderr(), "it's.m4a: ffmpeg says: ended early; some");
  install("echo no audio\n");
  EXPECT_HAS(ErrorOf([&] { ReadBlocks(odd); }), "it gave no audio");
}

}  // namespace
}  // namespace u2moe
