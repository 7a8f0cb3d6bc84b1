#include "audio/noise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"

namespace u2moe {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kRate = 16000;

double Rms(const std::vector<float> &x) {
  double sum = 0;
  for (float v : x) sum += static_cast<double>(v) * v;
  return std::sqrt(sum / static_cast<double>(x.size()));
}

// Mean power around a frequency: Goertzel-like sums over windows of 4096 samples.
double PowerAt(const std::vector<float> &x, double frequency) {
  const size_t window = 4096;
  double power = 0;
  int count = 0;
  for (size_t begin = 0; begin + window <= x.size(); begin += window, ++count) {
    std::complex<double> sum = 0;
    for (size_t i = 0; i < window; ++i) {
      const double hann = 0.5 - 0.5 * std::cos(2 * kPi * static_cast<double>(i) / window);
      sum += hann * static_cast<double>(x[begin + i]) *
             std::polar(1.0, -2 * kPi * frequency / kRate * static_cast<double>(i));
    }
    power += std::norm(sum);
  }
  return power / count;
}

std::vector<float> Tone(int64_t n, double amplitude) {
  std::vector<float> x(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    x[static_cast<size_t>(i)] =
        static_cast<float>(amplitude * std::sin(2 * kPi * 440 / kRate * static_cast<double>(i)));
  }
  return x;
}

TEST(Noise, HasUnitVarianceAndItsColour) {
  for (NoiseKind kind : {NoiseKind::kWhite, NoiseKind::kPink}) {
    Rng rng(7);
    const std::vector<float> x = MakeNoise(kind, 400000, kRate, &rng);
    EXPECT_NEAR(Rms(x), 1, 0.05);
    const double octaves = std::log2(3200.0 / 100.0);
    const double slope = 10 * std::log10(PowerAt(x, 3200) / PowerAt(x, 100)) / octaves;
    EXPECT_NEAR(slope, kind == NoiseKind::kWhite ? 0 : -3.01, 0.7) << "dB per octave";
  }
}

TEST(Noise, SameSeedSameNoise) {
  Rng a(3), b(3), c(4);
  const std::vector<float> x = MakeNoise(NoiseKind::kPink, 100, kRate, &a);
  EXPECT_EQ(x, MakeNoise(NoiseKind::kPink, 100, kRate, &b));
  EXPECT_NE(x, MakeNoise(NoiseKind::kPink, 100, kRate, &c));
}

TEST(Noise, LevelLeavesOutPauses) {
  std::vector<float> x = Tone(16000, 1000);
  EXPECT_NEAR(ActiveLevel(x.data(), 16000, kRate), 1000 / std::sqrt(2.0), 2);
  x.resize(64000);  // three seconds of silence behind it
  EXPECT_NEAR(ActiveLevel(x.data(), 64000, kRate), 1000 / std::sqrt(2.0), 2);
  EXPECT_EQ(ActiveLevel(x.data(), 0, kRate), 0);
}

TEST(Noise, AddsAtTheAskedRatio) {
  for (double snr : {0.0, 10.0, 25.0}) {
    const std::vector<float> clean = Tone(32000, 2000);
    std::vector<float> noisy = clean;
    Rng rng(1);
    AddNoise(MakeNoise(NoiseKind::kWhite, 32000, kRate, &rng), snr,
             ActiveLevel(clean.data(), 32000, kRate), noisy.data());
    std::vector<float> noise(noisy);
    for (size_t i = 0; i < noise.size(); ++i) noise[i] -= clean[i];
    EXPECT_NEAR(20 * std::log10(Rms(clean) / Rms(noise)), snr, 0.2);
  }
}

TEST(Noise, DoesNotClip) {
  std::vector<float> x = Tone(16000, 32000);
  Rng rng(1);
  AddNoise(MakeNoise(NoiseKind::kWhite, 16000, kRate, &rng), 0, ActiveLevel(x.data(), 16000, kRate),
           x.data());
  LimitPeak(x.data(), 16000);
  float peak = 0;
  for (float v : x) peak = std::max(peak, std::fabs(v));
  EXPECT_LE(peak, 32767);
  EXPECT_GT(peak, 31000);
}

TEST(Noise, RefusesSilence) {
  std::vector<float> x(100);
  EXPECT_THROW(AddNoise(std::vector<float>(100, 1), 10, 0, x.data()), DataError);
  EXPECT_EQ(Rms(x), 0);
}

// Counting up from 1, so that a value tells its place.
std::vector<float> Ramp(int64_t n) {
  std::vector<float> x;
  for (int64_t i = 1; i <= n; ++i) x.push_back(static_cast<float>(i));
  return x;
}

TEST(Noise, CutsARecordingAnywhere) {
  const std::vector<float> ramp = Ramp(20);
  std::set<int64_t> starts;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    for (const int64_t n : {5, 20, 33}) {
      Rng rng(seed);
      const std::vector<float> noise = CutNoise(ConstView(ramp.data(), 1, 20), n, &rng);
      ASSERT_EQ(static_cast<int64_t>(noise.size()), n);
      EXPECT_NEAR(Rms(noise), 1, 1e-5);
      const float unit = std::min(std::fabs(noise[1] - noise[0]), std::fabs(noise[2] - noise[1]));
      const int64_t start = std::lround(noise[0] / unit) - 1;
      for (int64_t i = 0; i < n; ++i) {
        EXPECT_EQ(std::lround(noise[static_cast<size_t>(i)] / unit), (start + i) % 20 + 1);
      }
      if (n == 5) starts.insert(start);
      if (n == 20) {
        EXPECT_EQ(start, 0);
      }
    }
  }
  EXPECT_EQ(starts.size(), 16U);  // a stretch that fits is not begun where it would not
  EXPECT_EQ(*starts.rbegin(), 15);
}

TEST(Noise, BeginsWhereARecordingDoes) {
  std::vector<float> x(50);
  Rng rng(1);
  EXPECT_THROW(CutNoise(ConstView(x.data(), 1, 50), 5, &rng), DataError);
  x[40] = -3;
  for (const int64_t n : {1, 5, 80}) {
    const std::vector<float> noise = CutNoise(ConstView(x.data(), 1, 50), n, &rng);
    EXPECT_LT(noise[0], 0) << n;
    EXPECT_NEAR(Rms(noise), 1, 1e-5);
  }
}

TEST(Noise, LinesOfUtt2snr) {
  const NoiseSpec pink = NoiseSpec::Parse({"pink", "-5:20"}),
                  white = NoiseSpec::Parse({"white", "3"});
  EXPECT_EQ(pink.kind, NoiseKind::kPink);
  EXPECT_EQ(pink.low_db, -5);
  EXPECT_EQ(pink.high_db, 20);
  EXPECT_EQ(white.kind, NoiseKind::kWhite);
  EXPECT_EQ(white.low_db, 3);
  EXPECT_EQ(white.high_db, 3);
  EXPECT_EQ(NoiseSpec::Parse({"recorded", "1"}).kind, NoiseKind::kRecorded);
  EXPECT_EQ(NoiseSpec::Parse({"none"}).kind, NoiseKind::kNone);
  for (const std::vector<std::string> &bad :
       std::vector<std::vector<std::string>>{{},
                                             {"brown", "3"},
                                             {"pink"},
                                             {"pink", "20:5"},
                                             {"pink", "1:2:3"},
                                             {"pink", "nan"},
                                             {"pink", "1:nan"},
                                             {"pink", "300"},
                                             {"none", "3"}}) {
    EXPECT_THROW(NoiseSpec::Parse(bad), DataError);
  }
}

}  // namespace
}  // namespace u2moe
