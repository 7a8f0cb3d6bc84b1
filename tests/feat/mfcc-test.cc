#include "feat/mfcc.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "base/error.h"
#include "feat/naive-fbank.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

// The definition in double over naive filter banks.
std::vector<double> NaiveMfccFrame(const MfccOptions &opts, const std::vector<double> &fbank) {
  const std::vector<double> log_mel(fbank.begin() + (opts.use_energy ? 1 : 0), fbank.end());
  const double n = static_cast<double>(log_mel.size()), q = opts.cepstral_lifter;
  std::vector<double> c;
  for (int k = 0; k < opts.num_ceps; ++k) {
    double sum = 0;
    for (size_t b = 0; b < log_mel.size(); ++b) {
      sum += log_mel[b] * std::cos(M_PI / n * (static_cast<double>(b) + 0.5) * k);
    }
    sum *= std::sqrt((k == 0 ? 1 : 2) / n);
    if (q > 0) sum *= 1 + q / 2 * std::sin(M_PI * k / q);
    c.push_back(sum);
  }
  if (opts.use_energy) c[0] = fbank[0];
  if (opts.htk_compat) {
    if (!opts.use_energy) c[0] *= std::sqrt(2);
    std::rotate(c.begin(), c.begin() + 1, c.end());
  }
  return c;
}

struct Case {
  const char *name;
  std::function<void(MfccOptions *)> set;
};

class NaiveCase : public testing::TestWithParam<Case> {};

TEST_P(NaiveCase, AgreesWithTheDefinition) {
  MfccOptions opts;
  opts.frame.dither = 0;
  GetParam().set(&opts);
  Mfcc mfcc(opts);
  const Tensor x = Sound(1500, 6);
  for (const float warp : {1.0f, 0.9f}) {
    const Tensor feats = mfcc.Compute(x, 0, warp);
    const auto fbank = NaiveFbank(opts.Fbank(), x, static_cast<double>(warp));
    ASSERT_EQ(feats.Rows(), static_cast<int64_t>(fbank.size()));
    ASSERT_EQ(feats.Cols(), opts.num_ceps);
    ASSERT_EQ(feats.Cols(), mfcc.Dim());
    for (int64_t t = 0; t < feats.Rows(); ++t) {
      const auto want = NaiveMfccFrame(opts, fbank[static_cast<size_t>(t)]);
      for (int64_t d = 0; d < feats.Cols(); ++d) {
        // Up to 30 filter banks of size 20, summed in float.
        ASSERT_NEAR(feats(t, d), want[static_cast<size_t>(d)], 1e-3) << t << " " << d;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Options, NaiveCase,
    testing::Values(Case{"Default", [](MfccOptions *) {}},
                    Case{"C0", [](MfccOptions *o) { o->use_energy = false; }},
                    Case{"WindowedEnergy", [](MfccOptions *o) { o->raw_energy = false; }},
                    Case{"EnergyFloor", [](MfccOptions *o) { o->energy_floor = 1e10f; }},
                    Case{"Htk", [](MfccOptions *o) { o->htk_compat = true; }},
                    Case{"HtkC0",
                         [](MfccOptions *o) {
                           o->htk_compat = true;
                           o->use_energy = false;
                         }},
                    Case{"NoLifter", [](MfccOptions *o) { o->cepstral_lifter = 0; }},
                    Case{"SmallLifter", [](MfccOptions *o) { o->cepstral_lifter = 7.5f; }},
                    Case{"OneCoefficient",
                         [](MfccOptions *o) {
                           o->num_ceps = 1;
                           o->use_energy = false;
                         }},
                    Case{"OneCoefficientHtk",
                         [](MfccOptions *o) {
                           o->num_ceps = 1;
                           o->htk_compat = true;
                         }},
                    Case{"AllCoefficients",
                         [](MfccOptions *o) {
                           o->mel.num_bins = o->num_ceps = 40;
                           o->mel.low_freq = 40;
                           o->mel.high_freq = -400;
                         }}),
    [](const testing::TestParamInfo<Case> &info) { return std::string(info.param.name); });

TEST(Mfcc, DitherDependsOnTheSeedAlone) {
  Mfcc a((MfccOptions())), b((MfccOptions()));
  const Tensor x = Sound(1500, 1);
  a.Compute(Sound(900, 2), 8);
  EXPECT_EQ(MaxAbsDiff(a.Compute(x, 7), b.Compute(x, 7)), 0);
  EXPECT_GT(MaxAbsDiff(a.Compute(x, 7), b.Compute(x, 6)), 0);
}

TEST(Mfcc, TooShortIsADataError) {
  Mfcc mfcc((MfccOptions()));
  EXPECT_THROW(mfcc.Compute(Sound(399, 1)), DataError);
  EXPECT_EQ(mfcc.Compute(Sound(400, 1)).Rows(), 1);
}

TEST(MfccOptions, RefusesWhatCannotBe) {
  const auto refused = [](const std::function<void(MfccOptions *)> &set) {
    MfccOptions opts;
    set(&opts);
    try {
      Mfcc mfcc(opts);
    } catch (const UsageError &) {
      return true;
    }
    return false;
  };
  EXPECT_FALSE(refused([](MfccOptions *o) { o->num_ceps = 23; }));
  EXPECT_TRUE(refused([](MfccOptions *o) { o->num_ceps = 24; }));
  EXPECT_TRUE(refused([](MfccOptions *o) { o->num_ceps = 0; }));
  EXPECT_TRUE(refused([](MfccOptions *o) { o->cepstral_lifter = -1; }));
  EXPECT_TRUE(refused([](MfccOptions *o) { o->cepstral_lifter = NAN; }));
  EXPECT_TRUE(refused([](MfccOptions *o) { o->energy_floor = -1; }));
  EXPECT_TRUE(refused([](MfccOptions *o) { o->mel.num_bins = 2; }));
}

}  // namespace
}  // namespace u2moe
