#include "audio/resample.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

// Two channels of different tones, sampled at `rate` for one second.
Tensor Tones(double rate) {
  Tensor x(2, static_cast<int64_t>(rate));
  for (int64_t i = 0; i < x.Cols(); ++i) {
    const double t = static_cast<double>(i) / rate;
    x(0, i) = static_cast<float>(8000 * std::sin(2 * M_PI * 440 * t));
    x(1, i) = static_cast<float>(5000 * std::sin(2 * M_PI * 1330 * t + 1));
  }
  return x;
}

double MiddleError(const Tensor &a, const Tensor &b) {
  const int64_t n = std::min(a.Cols(), b.Cols());
  return MaxAbsDiff(a.View().ColRange(n / 4, n / 2), b.View().ColRange(n / 4, n / 2));
}

TEST(Resample, ATonePersists) {
  const double rates[] = {8000, 11025, 16000, 22050, 44100, 48000};
  for (double from : rates) {
    for (double to : rates) {
      SCOPED_TRACE(Cat(from, " to ", to));
      const Tensor got = Resample(Tones(from), from, to);
      ASSERT_EQ(got.Rows(), 2);
      ASSERT_EQ(got.Cols(), static_cast<int64_t>(to));
      EXPECT_LE(MiddleError(got, Tones(to)), 0.5);  // of an amplitude of 8000, in int16 steps
    }
  }
}

TEST(Resample, WhatTheLowerRateCannotHoldIsGone) {
  Tensor x(1, 16000);
  for (int64_t i = 0; i < x.Cols(); ++i) {
    x(0, i) =
        static_cast<float>(10000 * std::sin(2 * M_PI * 5000 * static_cast<double>(i) / 16000));
  }
  const Tensor got = Resample(x, 16000, 8000);
  EXPECT_LE(MiddleError(got, Tensor::Zeros(1, got.Cols())), 0.5);
}

TEST(Resample, SpeedChangesPitchAndLength) {
  for (double speed : {0.9, 1.0, 1.1}) {
    const Tensor got = ModifySpeed(Tones(16000), speed);
    ASSERT_EQ(got.Cols(), std::llround(16000 / speed));
    double error = 0;
    for (int64_t i = got.Cols() / 4; i < got.Cols() / 2; ++i) {
      const double t = static_cast<double>(i) / 16000 * speed;
      error = std::max(error, std::abs(got(0, i) - 8000 * std::sin(2 * M_PI * 440 * t)));
    }
    EXPECT_LE(error, 0.5) << speed;
  }
}

TEST(Resample, LengthsAndRefusals) {
  EXPECT_EQ(Resample(Tensor::Zeros(1, 1), 8000, 16000).Cols(), 2);
  EXPECT_EQ(Resample(Tensor::Zeros(1, 3), 16000, 8000).Cols(), 2);
  const Tensor x = Tones(8000);
  EXPECT_EQ(MaxAbsDiff(Resample(x, 8000, 8000), x), 0);
  EXPECT_THROW(Resample(Tensor::Zeros(1, 1), 48000, 8000), DataError);
  EXPECT_THROW(Resample(x, 8000, 1), DataError);
  EXPECT_THROW(Resample(x, 0, 8000), DataError);
}

TEST(Resample, OnlyWhenAllowed) {
  const Tensor x = Tensor::Copy(Tones(8000).View().RowRange(0, 1));
  RateOptions opts;
  EXPECT_EQ(opts.ToRate(x, 8000, 8000).Cols(), 8000);
  const auto cause = [&](float wanted) -> std::string {
    try {
      opts.ToRate(x, 8000, wanted);
    } catch (const DataError &e) {
      return e.what();
    }
    return "";
  };
  EXPECT_NE(cause(16000).find("--allow-upsample"), std::string::npos) << cause(16000);
  EXPECT_NE(cause(4000).find("--allow-downsample"), std::string::npos) << cause(4000);
  opts.allow_upsample = true;
  EXPECT_EQ(cause(16000), "");
  EXPECT_NE(cause(4000), "");
  opts = RateOptions();
  opts.allow_downsample = true;
  EXPECT_EQ(cause(4000), "");
  EXPECT_NE(cause(16000), "");
}

}  // namespace
}  // namespace u2moe
