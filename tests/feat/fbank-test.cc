#include "feat/fbank.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/rng.h"
#include "feat/naive-fbank.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

struct Case {
  const char *name;
  std::function<void(FbankOptions *)> set;
  int64_t num_samples;
};

class NaiveCase : public testing::TestWithParam<Case> {};

TEST_P(NaiveCase, AgreesWithTheDefinition) {
  FbankOptions opts;
  opts.frame.dither = 0;
  GetParam().set(&opts);
  Fbank fbank(opts);
  const Tensor x = Sound(GetParam().num_samples, 5);
  const Tensor feats = fbank.Compute(x);
  const auto want = NaiveFbank(opts, x);
  ASSERT_EQ(feats.Rows(), static_cast<int64_t>(want.size()));
  ASSERT_EQ(feats.Cols(), static_cast<int64_t>(want[0].size()));
  for (int64_t t = 0; t < feats.Rows(); ++t) {
    for (int64_t d = 0; d < feats.Cols(); ++d) {
      const double w = want[static_cast<size_t>(t)][static_cast<size_t>(d)];
      ASSERT_NEAR(feats(t, d), w, 2e-4 * std::max(1.0, std::abs(w) / 20))
          << "frame " << t << " dim " << d;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Options, NaiveCase,
    testing::Values(
        Case{"Default", [](FbankOptions *) {}, 2000},
        Case{"OneFrame", [](FbankOptions *o) { o->mel.num_bins = 40; }, 400},
        Case{"Blackman", [](FbankOptions *o) { o->frame.window_type = "blackman"; }, 1500},
        Case{"BlackmanCoeff",
             [](FbankOptions *o) {
               o->frame.window_type = "blackman";
               o->frame.blackman_coeff = 0.4f;
             },
             1500},
        Case{"Hamming", [](FbankOptions *o) { o->frame.window_type = "hamming"; }, 1500},
        Case{"Hanning", [](FbankOptions *o) { o->frame.window_type = "hanning"; }, 1500},
        Case{"Rectangular", [](FbankOptions *o) { o->frame.window_type = "rectangular"; }, 1500},
        Case{"NotPowerOfTwo", [](FbankOptions *o) { o->frame.round_to_power_of_two = false; },
             1500},
        Case{"NoSnip", [](FbankOptions *o) { o->frame.snip_edges = false; }, 1237},
        Case{"NoSnipShorterThanWindow", [](FbankOptions *o) { o->frame.snip_edges = false; }, 100},
        Case{"EnergyHtk", [](FbankOptions *o) { o->use_energy = o->htk_compat = true; }, 1500},
        Case{"WindowedEnergy",
             [](FbankOptions *o) {
               o->use_energy = true;
               o->raw_energy = false;
             },
             1500},
        Case{"EnergyFloor",
             [](FbankOptions *o) {
               o->use_energy = true;
               o->energy_floor = 1e10f;
             },
             1500},
        Case{"Magnitude", [](FbankOptions *o) { o->use_power = false; }, 1500},
        Case{"Linear", [](FbankOptions *o) { o->use_log_fbank = o->use_power = false; }, 1500},
        Case{"KeepOffset",
             [](FbankOptions *o) {
               o->frame.remove_dc_offset = false;
               o->mel.low_freq = 0;
             },
             900},
        Case{"NoPreemphasis", [](FbankOptions *o) { o->frame.preemphasis_coefficient = 0; }, 900},
        Case{"Narrow",
             [](FbankOptions *o) {
               o->mel.low_freq = 300;
               o->mel.high_freq = -4000;
             },
             900},
        Case{"OddRate", [](FbankOptions *o) { o->frame.sample_frequency = 11025; }, 900},
        Case{"OddFrame",
             [](FbankOptions *o) {
               o->frame.frame_length = 20.19f;
               o->frame.frame_shift = 3.3f;
             },
             900}),
    [](const testing::TestParamInfo<Case> &info) { return std::string(info.param.name); });

TEST(Fbank, CountsFrames) {
  FrameOptions opts;
  EXPECT_EQ(opts.NumFrames(399), 0);
  EXPECT_EQ(opts.NumFrames(400), 1);
  EXPECT_EQ(opts.NumFrames(559), 1);
  EXPECT_EQ(opts.NumFrames(560), 2);
  opts.snip_edges = false;
  EXPECT_EQ(opts.NumFrames(79), 0);
  EXPECT_EQ(opts.NumFrames(80), 1);
  EXPECT_EQ(opts.NumFrames(239), 1);
  EXPECT_EQ(opts.NumFrames(240), 2);
}

TEST(Fbank, TooShortSaysHowShort) {
  Fbank fbank((FbankOptions()));
  try {
    fbank.Compute(Sound(399, 1));
    FAIL() << "no DataError";
  } catch (const DataError &e) {
    EXPECT_NE(std::string(e.what()).find("too short: 399 samples"), std::string::npos) << e.what();
  }
}

TEST(Fbank, SilenceIsTheLogOfEpsilon) {
  FbankOptions opts;
  opts.frame.dither = 0;
  opts.use_energy = true;
  const Tensor feats = Fbank(opts).Compute(Tensor::Zeros(1, 800));
  for (int64_t i = 0; i < feats.Size(); ++i) EXPECT_FLOAT_EQ(feats.Data()[i], -15.942385f);
}

TEST(Fbank, DitherDependsOnTheSeedAlone) {
  FbankOptions opts;
  Fbank a(opts), b(opts);
  const Tensor x = Sound(4000, 2), silence = Tensor::Zeros(1, 16000);
  a.Compute(Sound(9000, 3), 8);  // what came before must not matter
  const Tensor first = a.Compute(x, 7);
  EXPECT_EQ(MaxAbsDiff(first, b.Compute(x, 7)), 0);
  EXPECT_GT(MaxAbsDiff(first, b.Compute(x, 6)), 0);
  // Noise of unit variance has an energy near the number of samples in a frame.
  opts.use_energy = true;
  const Tensor noise = Fbank(opts).Compute(silence, 1);
  double mean = 0;
  for (int64_t t = 0; t < noise.Rows(); ++t)
    mean += std::exp(noise(t, 0)) / static_cast<double>(noise.Rows());
  EXPECT_NEAR(mean, 400, 20);
}

TEST(Fbank, VtlnMovesTheFilters) {
  FbankOptions opts;
  opts.frame.dither = 0;
  const Tensor x = Sound(900, 4);
  Fbank fbank(opts);
  const Tensor plain = fbank.Compute(x);
  for (const float warp : {0.8f, 0.95f, 1.0f, 1.1f, 1.3f}) {
    const Tensor feats = fbank.Compute(x, 0, warp);
    const auto want = NaiveFbank(opts, x, static_cast<double>(warp));
    double worst = 0;
    for (int64_t t = 0; t < feats.Rows(); ++t) {
      for (int64_t d = 0; d < feats.Cols(); ++d) {
        worst = std::max(
            worst, std::abs(feats(t, d) - want[static_cast<size_t>(t)][static_cast<size_t>(d)]));
      }
    }
    EXPECT_LE(worst, 1e-3) << warp;
    EXPECT_EQ(MaxAbsDiff(feats, plain) == 0, warp == 1) << warp;
  }
  opts.mel.vtln.low = 20;  // not above the lower edge: matters only to those who warp
  Fbank narrow(opts);
  EXPECT_EQ(MaxAbsDiff(narrow.Compute(x), plain), 0);
  EXPECT_THROW(narrow.Compute(x, 0, 0.9f), UsageError);
  EXPECT_THROW(fbank.Compute(x, 0, 0), UsageError);
  EXPECT_THROW(fbank.Compute(x, 0, 90), UsageError);
}

TEST(Fbank, ComputesIntoAGivenViewAsWell) {
  FbankOptions opts;
  Fbank fbank(opts);
  const Tensor x = Sound(16000, 2);
  Tensor out(fbank.NumFrames(x.Cols()), fbank.Dim());
  fbank.Compute(x, 1, out);
  const Tensor again = fbank.Compute(x, 1);
  EXPECT_EQ(MaxAbsDiff(out, again), 0);
}

TEST(FbankOptions, RefusesWhatCannotBe) {
  auto refused = [](const std::function<void(FbankOptions *)> &set) {
    FbankOptions opts;
    set(&opts);
    try {
      opts.Check();
      Fbank fbank(opts);
    } catch (const UsageError &) {
      return true;
    }
    return false;
  };
  EXPECT_FALSE(refused([](FbankOptions *) {}));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->frame.window_type = "hann"; }));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->frame.frame_shift = 0; }));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->frame.frame_length = NAN; }));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->frame.frame_length = 0.06f; }));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->frame.dither = -1; }));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->frame.preemphasis_coefficient = 1.5f; }));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->frame.sample_frequency = 0; }));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->mel.num_bins = 2; }));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->mel.num_bins = 200; }));  // empty filters
  EXPECT_TRUE(refused([](FbankOptions *o) { o->mel.high_freq = 9000; }));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->mel.low_freq = 8000; }));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->mel.high_freq = -8000; }));
  EXPECT_TRUE(refused([](FbankOptions *o) { o->energy_floor = -1; }));
  EXPECT_TRUE(refused([](FbankOptions *o) {
    o->frame.sample_frequency = 11025;
    o->frame.round_to_power_of_two = false;  // 275 samples: odd
  }));
}

}  // namespace
}  // namespace u2moe
