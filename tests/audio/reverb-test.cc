#include "audio/reverb.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

std::vector<double> Direct(const Tensor &x, const Tensor &h) {
  std::vector<double> y(static_cast<size_t>(x.Cols() + h.Cols() - 1), 0.0);
  for (int64_t i = 0; i < x.Cols(); ++i) {
    for (int64_t j = 0; j < h.Cols(); ++j) {
      y[static_cast<size_t>(i + j)] += static_cast<double>(x(0, i)) * h(0, j);
    }
  }
  return y;
}

double Power(const std::vector<double> &x) {
  double sum = 0;
  for (double v : x) sum += v * v;
  return sum / static_cast<double>(x.size());
}

TEST(Reverb, ConvolutionIsTheSumOfProducts) {
  Rng rng(1);
  for (int64_t n : {1, 2, 31, 32, 33, 100, 1000, 3001}) {
    for (int64_t m : {1, 2, 31, 33, 64, 65, 500, 2500}) {
      const Tensor x = RandomTensor(&rng, 1, n), h = RandomTensor(&rng, 1, m);
      const std::vector<float> got = Convolve(x, h);
      const std::vector<double> want = Direct(x, h);
      ASSERT_EQ(got.size(), want.size());
      double worst = 0;
      for (size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
      ASSERT_LE(worst, 1e-6 * std::sqrt(static_cast<double>(std::min(n, m))) * 10) << n << " " << m;
    }
  }
}

TEST(Reverb, KeepsTimeAndPower) {
  Rng rng(2);
  const Tensor x = RandomTensor(&rng, 1, 5000, 1000);
  // A direct sound after 40 samples, reflections within and after 50 ms (800 samples), of any
  // level.
  Tensor rir = Tensor::Zeros(1, 2001);
  rir(0, 10) = -9;
  rir(0, 40) = 8;
  rir(0, 240) = -4;
  rir(0, 2000) = 3;
  const Reverberation got = Reverberate(x, rir, 16000);
  const std::vector<double> all = Direct(x, rir);
  const double scale =
      std::sqrt(Power(std::vector<double>(x.Data(), x.Data() + x.Size())) / Power(all));
  ASSERT_EQ(got.samples.size(), 5000u);
  for (size_t i = 0; i < got.samples.size(); ++i) {
    ASSERT_NEAR(got.samples[i], scale * all[i + 40], 0.02) << i;
  }
  // The part before 1 ms (16 samples) before the direct sound and that after 50 ms do not count.
  Tensor early_rir = Tensor::Zeros(1, 816);
  early_rir(0, 16) = 8;
  early_rir(0, 216) = -4;
  const std::vector<double> early = Direct(x, early_rir);
  ASSERT_EQ(got.early.size(), early.size());
  for (size_t i = 0; i < early.size(); ++i) ASSERT_NEAR(got.early[i], scale * early[i], 0.02) << i;

  for (int64_t i = 0; i < rir.Size(); ++i) rir.Data()[i] *= 1000;
  const Reverberation louder = Reverberate(x, rir, 16000);
  for (size_t i = 0; i < 5000; ++i) ASSERT_NEAR(louder.samples[i], got.samples[i], 0.02);
}

TEST(Reverb, ADirectSoundAloneChangesNothing) {
  Rng rng(3);
  const Tensor x = RandomTensor(&rng, 1, 700, 1000);
  Tensor rir = Tensor::Zeros(1, 1);
  rir(0, 0) = 0.25f;
  const Reverberation got = Reverberate(x, rir, 8000);
  for (int64_t i = 0; i < 700; ++i) EXPECT_NEAR(got.samples[static_cast<size_t>(i)], x(0, i), 0.01);
}

TEST(Reverb, RefusesSilence) {
  const Tensor zeros = Tensor::Zeros(1, 100);
  Rng rng(4);
  const Tensor x = RandomTensor(&rng, 1, 100);
  EXPECT_THROW(Reverberate(zeros, x, 8000), DataError);
  EXPECT_THROW(Reverberate(x, zeros, 8000), DataError);
}

}  // namespace
}  // namespace u2moe
