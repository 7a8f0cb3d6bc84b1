// What tells speech from noise: by level and by what CTC is sure of.
#include "pipeline/speech-gate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>

#include "feat/fbank.h"
#include "support/error-test.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

constexpr int64_t kRate = 16000;

FbankOptions Options() {
  FbankOptions opts;
  opts.mel.num_bins = 80;
  opts.frame.dither = 0;
  return opts;
}

double Contrast(const Tensor &samples) {
  return LevelContrast(Fbank(Options()).Compute(samples), Options());
}

// White, pink (a cascade of one-pole filters) or a hum of a fan with its harmonics, of 20 s.
Tensor Noise(Rng *rng, int kind, float gain) {
  Tensor x = RandomTensor(rng, 1, 20 * kRate, gain);
  if (kind == 1) {
    double b0 = 0, b1 = 0, b2 = 0;
    for (int64_t t = 0; t < x.Cols(); ++t) {
      const double w = x(0, t);
      b0 = 0.99765 * b0 + w * 0.0990460;
      b1 = 0.96300 * b1 + w * 0.2965164;
      b2 = 0.57000 * b2 + w * 1.0526913;
      x(0, t) = static_cast<float>(b0 + b1 + b2 + w * 0.1848);
    }
  } else if (kind == 2) {
    for (int64_t t = 0; t < x.Cols(); ++t) {
      double hum = 0;
      for (int h = 1; h < 20; ++h)
        hum += std::sin(2 * M_PI * 50 * h * static_cast<double>(t) / kRate + h) / h;
      x(0, t) = static_cast<float>(0.1 * x(0, t) + gain * hum);
    }
  }
  return x;
}

// Syllables: buzzes through two resonances, two a second for half of the time, and a quiet room.
Tensor Speech(float gain) {
  Rng rng(3);
  Tensor x = RandomTensor(&rng, 1, 5 * kRate, gain / 1000);
  for (int64_t t = 0; t < x.Cols(); ++t) {
    const double s = static_cast<double>(t) / kRate;
    const double envelope = std::max(0.0, std::sin(2 * M_PI * 2 * s));
    double buzz = 0;
    for (int h = 1; h < 40; ++h) {
      const double f = 120 * h;
      const double amplitude =
          1 / (1 + std::pow((f - 600) / 150, 2)) + 0.5 / (1 + std::pow((f - 1800) / 200, 2));
      buzz += amplitude * std::sin(2 * M_PI * f * s);
    }
    x(0, t) += static_cast<float>(gain * envelope * buzz);
  }
  return x;
}

TEST(SpeechGate, NoiseIsLevel) {
  Rng rng(1);
  double worst = 0;
  for (int kind = 0; kind < 3; ++kind) {
    for (const float gain : {0.5f, 30.0f, 8000.0f}) {
      const double contrast = Contrast(Noise(&rng, kind, gain));
      EXPECT_LT(contrast, 2) << kind << " " << gain;
      worst = std::max(worst, contrast);
    }
  }
  std::printf("  steady noise has a contrast of at most %.2f dB\n", worst);
  EXPECT_EQ(Contrast(Tensor::Zeros(1, kRate)), 0);
}

TEST(SpeechGate, SpeechIsNot) {
  Rng rng(2);
  const double alone = Contrast(Speech(3000));
  // A gain changes nothing, down to where the samples are rounding noise.
  EXPECT_NEAR(Contrast(Speech(3)), alone, 0.5);
  EXPECT_GT(alone, 20);
  for (const int kind : {0, 1}) {
    Tensor speech = Speech(3000), noise = Noise(&rng, kind, 1);
    double s = 0, n = 0;
    for (int64_t t = 0; t < speech.Cols(); ++t) {
      s += static_cast<double>(speech(0, t)) * speech(0, t);
      n += static_cast<double>(noise(0, t)) * noise(0, t);
    }
    for (int64_t t = 0; t < speech.Cols(); ++t)  // 0 dB
      speech(0, t) += static_cast<float>(std::sqrt(s / n)) * noise(0, t);
    const double contrast = Contrast(speech);
    std::printf("  speech at 0 dB in noise %d: %.1f dB\n", kind, contrast);
    EXPECT_GT(contrast, 3);
  }
}

TEST(SpeechGate, TooLittleTellsNothing) {
  EXPECT_EQ(LevelContrast(Tensor::Zeros(19, 80), Options()),
            std::numeric_limits<double>::infinity());
  EXPECT_EQ(LevelContrast(Tensor::Zeros(20, 80), Options()), 0);
  FbankOptions linear = Options();
  linear.use_log_fbank = false;
  EXPECT_EQ(LevelContrast(Tensor::Zeros(50, 80), linear), std::numeric_limits<double>::infinity());
}

TEST(SpeechGate, MeanPosterior) {
  Tensor logp(2, 3);
  for (int64_t i = 0; i < 6; ++i) logp.Data()[i] = std::log(0.1f * static_cast<float>(i + 1));
  EXPECT_NEAR(MeanPosterior(logp, {1, 2}, {0, 1}), (0.2 + 0.6) / 2, 1e-6);
  EXPECT_EQ(MeanPosterior(logp, {}, {}), 1);
  SpeechGateOptions opts;
  opts.min_posterior = 1;
  EXPECT_HAS(ErrorOf([&] { opts.Check(); }), "--min-posterior=1");
  opts.min_posterior = 0;
  opts.min_contrast = -1;
  EXPECT_HAS(ErrorOf([&] { opts.Check(); }), "--min-contrast=-1");
}

}  // namespace
}  // namespace u2moe
