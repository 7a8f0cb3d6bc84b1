#include "audio/resample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

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

// All that comes out of pieces of these sizes in turn.
std::vector<float> InPieces(ConstView x, double from, double to, const std::vector<int64_t> &sizes,
                            int64_t *before_end) {
  StreamingResampler stream(from, to);
  std::vector<float> all;
  const auto add = [&](const Tensor &y) {
    EXPECT_TRUE(y.Rows() == 1);
    all.insert(all.end(), y.Data(), y.Data() + y.Size());
  };
  size_t i = 0;
  for (int64_t begin = 0; begin < x.Cols(); ++i) {
    const int64_t n = std::min(sizes[i % sizes.size()], x.Cols() - begin);
    add(stream.Accept(x.ColRange(begin, n)));
    begin += n;
  }
  *before_end = static_cast<int64_t>(all.size());
  add(stream.Flush());
  EXPECT_THROW(stream.Flush(), Error);
  return all;
}

TEST(StreamingResampler, AsTheWholeForAnyPieces) {
  Rng rng(6);
  double worst = 0;
  for (const auto &[from, to] : {std::pair<double, double>{8000, 16000},
                                 {44100, 16000},
                                 {48000, 16000},
                                 {16000, 8000},
                                 {11025, 8000},
                                 {16000, 44100},
                                 {16000, 16000},
                                 {22050, 16001}}) {
    for (const int64_t n : {1, 2, 17, 399, 1600, 5003, 30000}) {
      const Tensor x = RandomTensor(&rng, 1, n, 3000);
      if (std::llround(static_cast<double>(n) * to / from) == 0) continue;
      const Tensor want = Resample(x, from, to);
      for (const std::vector<int64_t> &sizes :
           {std::vector<int64_t>{1}, {7, 1, 160}, {480}, {1000, 0, 3}, {100000}}) {
        SCOPED_TRACE(Cat(n, " samples from ", from, " to ", to, " in pieces of ", sizes[0]));
        if (n > 6000 && sizes.size() == 1 && sizes[0] == 1 && from != 44100) continue;
        int64_t before_end = 0;
        const std::vector<float> got = InPieces(x, from, to, sizes, &before_end);
        ASSERT_EQ(static_cast<int64_t>(got.size()), want.Cols());
        worst = std::max(worst, MaxAbsDiff(ConstView(got.data(), 1, want.Cols()), want));
        // What is held back: the filter's half, and what is computed in blocks.
        if (n == 30000) {
          EXPECT_GE(static_cast<double>(before_end), 0.7 * static_cast<double>(want.Cols()));
        }
      }
    }
  }
  std::printf("  pieces and whole differ by at most %.1e of an int16 step\n", worst);
  EXPECT_LE(worst, 2e-2);
}

TEST(StreamingResampler, EqualRatesAndRefusals) {
  const Tensor x = Tensor::Copy(Tones(8000).View().RowRange(0, 1));
  StreamingResampler same(8000, 8000);
  EXPECT_EQ(MaxAbsDiff(same.Accept(x), x), 0);
  EXPECT_EQ(same.Flush().Cols(), 0);
  StreamingResampler empty(44100, 16000);
  EXPECT_EQ(empty.Accept(Tensor(1, 0)).Cols(), 0);
  EXPECT_EQ(empty.Flush().Cols(), 0);
  EXPECT_THROW(StreamingResampler(8000, 1), DataError);
  EXPECT_THROW(StreamingResampler(0, 8000), DataError);
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
