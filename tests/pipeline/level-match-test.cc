// Quiet recordings are raised to the level of the training, others stay.
#include "pipeline/level-match.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/test-util.h"

namespace u2moe {
namespace {

constexpr int64_t kDim = 4;
const GlobalCmvn kCmvn{{10, 12, 14, 16}, {0.5, 0.25, 0.5, 0.25}};

// Words of half a second and pauses of one, 8 nepers (35 dB) lower; words at `level` deviations.
Tensor Speech(int64_t frames, double level, uint64_t seed) {
  Rng rng(seed);
  Tensor x = RandomTensor(&rng, frames, kDim, 0.1f);
  for (int64_t t = 0; t < frames; ++t) {
    for (int64_t j = 0; j < kDim; ++j) {
      const size_t k = static_cast<size_t>(j);
      // As a gain moves them: by one number for all.
      x(t, j) += static_cast<float>(kCmvn.mean[k] + level / 0.375 - (t % 150 < 50 ? 0 : 8));
    }
  }
  return x;
}

Tensor Matched(LevelMatch *match, const Tensor &feats, int64_t piece) {
  std::vector<float> out;
  const auto add = [&](const Tensor &some) {
    out.insert(out.end(), some.Data(), some.Data() + some.Size());
  };
  for (int64_t t = 0; t < feats.Rows(); t += piece)
    add(match->Accept(Tensor::Copy(feats.View().RowRange(t, std::min(piece, feats.Rows() - t)))));
  add(match->Flush());
  Tensor all(static_cast<int64_t>(out.size()) / kDim, kDim);
  std::copy(out.begin(), out.end(), all.Data());
  return all;
}

FbankOptions Options() { return {}; }

// How far all features were raised; fails where not all were alike.
double Raised(const Tensor &got, const Tensor &feats, int64_t from = 0) {
  EXPECT_EQ(got.Rows(), feats.Rows());
  const double by = static_cast<double>(got(from, 0)) - static_cast<double>(feats(from, 0));
  for (int64_t t = from; t < feats.Rows(); ++t) {
    for (int64_t j = 0; j < kDim; ++j)
      EXPECT_NEAR(static_cast<double>(got(t, j)) - static_cast<double>(feats(t, j)), by, 1e-4);
  }
  return by;
}

TEST(LevelMatchTest, QuietRecordingsAreRaised) {
  for (const int64_t frames : {40, 300, 3000, 7001}) {
    for (const double level : {-4.0, -0.5}) {
      const Tensor feats = Speech(frames, level, 1);
      LevelMatch match(kCmvn, Options(), true);
      const Tensor got = Matched(&match, feats, 64);
      if (frames == 40) {  // words alone: nothing to stand out of
        EXPECT_TRUE(SameBits(got, feats));
        continue;
      }
      const double by = Raised(got, feats);
      // Words lie at kTarget then; the 0.99 quantile is a little above them.
      EXPECT_NEAR(by, (LevelMatch::kTarget - level) / 0.375, 0.15) << frames;
      EXPECT_NEAR(match.GainDb(), 10 / std::log(10) * by, 1e-3);
      for (const int64_t piece : {1, 2999, 3001, 10000}) {
        LevelMatch other(kCmvn, Options(), true);
        EXPECT_TRUE(SameBits(Matched(&other, feats, piece), got)) << piece;
      }
    }
  }
}

TEST(LevelMatchTest, OthersStay) {
  const Tensor loud = Speech(4000, 0.1, 2), quiet = Speech(4000, -2, 2);
  LevelMatch match(kCmvn, Options(), true), off(kCmvn, Options(), false),
      none({{0, 0, 0, 0}, {1, 1, 1, 1}}, Options(), true);
  EXPECT_TRUE(SameBits(Matched(&match, loud, 100), loud));
  EXPECT_EQ(match.GainDb(), 0);
  EXPECT_TRUE(SameBits(Matched(&off, quiet, 100), quiet));
  EXPECT_TRUE(SameBits(Matched(&none, quiet, 100), quiet));
  // Steady noise, however faint, and digital silence before and after it, are no speech.
  Rng rng(4);
  Tensor noise = RandomTensor(&rng, 7000, kDim, 0.1f);
  for (int64_t t = 0; t < 7000; ++t) {
    if (t % 1000 < 300) std::fill_n(noise.View().Row(t), kDim, -15.9f);
  }
  LevelMatch of_noise(kCmvn, Options(), true);
  EXPECT_TRUE(SameBits(Matched(&of_noise, noise, 100), noise));
  LevelMatch empty(kCmvn, Options(), true);
  EXPECT_EQ(empty.Accept(Tensor()).Rows(), 0);
  EXPECT_EQ(empty.Flush().Rows(), 0);
}

// Two blocks of noise pass, the third has speech; from there on all is raised.
TEST(LevelMatchTest, WaitsForSpeech) {
  Rng rng(5);
  Tensor feats = RandomTensor(&rng, 9500, kDim, 0.1f);
  const Tensor speech = Speech(2500, -3, 6);
  std::copy_n(speech.Data(), speech.Size(), feats.View().Row(7000));
  LevelMatch match(kCmvn, Options(), true);
  const Tensor got = Matched(&match, feats, 77);
  EXPECT_TRUE(SameBits(got.View().RowRange(0, 6000), feats.View().RowRange(0, 6000)));
  EXPECT_GT(Raised(got, feats, 6000), 7);
}

}  // namespace
}  // namespace u2moe
