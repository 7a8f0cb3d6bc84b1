#include "audio/sample-loss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <vector>

#include "audio/wave.h"

namespace u2moe {
namespace {

SampleLoss Measure(const std::vector<float> &x) {
  return MeasureLoss(ConstView(x.data(), 1, static_cast<int64_t>(x.size())));
}

TEST(SampleLoss, CountsWhatLeavesTheRange) {
  // Full scale of a float file is one step too much, which is not worth a word.
  EXPECT_EQ(Measure({32767, -32768, 32768, -32768.5f, 0}).clipped, 0);
  const SampleLoss loss = Measure({32768.5f, -32769, 1e11f, -100, 32767.6f});
  EXPECT_EQ(loss.clipped, 3);
  EXPECT_EQ(loss.samples, 5);
  EXPECT_EQ(loss.peak, 1e11f);
  EXPECT_FALSE(loss.vanished);
}

TEST(SampleLoss, ASignalThatVanishes) {
  EXPECT_TRUE(Measure({0.4f, -0.49f, 0}).vanished);
  EXPECT_FALSE(Measure({0.4f, -0.5f, 0}).vanished);
  EXPECT_FALSE(Measure({0, 0}).vanished);
  EXPECT_FALSE(MeasureLoss(ConstView()).vanished);
}

// A sample that is not counted is off by no more than one step where it is written.
TEST(SampleLoss, AgreesWithWriteWav) {
  const std::vector<float> x = {32767.4f, 32767.6f, 32768, 32768.1f, -32768.4f, -32768.6f, 0.5f};
  WaveData wave{16000, Tensor(1, static_cast<int64_t>(x.size()))};
  std::copy(x.begin(), x.end(), wave.samples.Data());
  std::stringstream file;
  WriteWav(wave, file);
  const WaveData read = ReadAudio(file);
  int64_t lost = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const float error = std::abs(read.samples(0, static_cast<int64_t>(i)) - x[i]);
    if (error > 1 || (x[i] < 0 && error > 0.5f)) ++lost;
  }
  EXPECT_EQ(lost, MeasureLoss(wave.samples).clipped);
}

}  // namespace
}  // namespace u2moe
