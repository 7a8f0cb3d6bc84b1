#include "feat/vad.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

TEST(ComputeVadEnergy, ByHand) {
  // Mean 4: the threshold is 1 + 0.5 * 4 = 3.
  const float energy[] = {0, 3, 4, 9, 0, 8};
  Tensor x = Tensor::Zeros(6, 2);
  for (int64_t t = 0; t < 6; ++t) x(t, 0) = energy[t];
  VadEnergyOptions opts;
  opts.energy_threshold = 1;
  EXPECT_EQ(ComputeVadEnergy(opts, x), std::vector<float>({0, 0, 1, 1, 0, 1}));
  opts.frames_context = 1;  // loud of all: 0/2, 1/3, 2/3, 2/3, 2/3, 1/2
  EXPECT_EQ(ComputeVadEnergy(opts, x), std::vector<float>({0, 0, 1, 1, 1, 0}));
  opts.proportion_threshold = 0.5f;
  EXPECT_EQ(ComputeVadEnergy(opts, x), std::vector<float>({0, 0, 1, 1, 1, 1}));
  opts.frames_context = 1000000000;  // 3/6 everywhere
  EXPECT_EQ(ComputeVadEnergy(opts, x), std::vector<float>(6, 1.0f));
  opts.frames_context = 0;
  opts.energy_mean_scale = 0;
  EXPECT_EQ(ComputeVadEnergy(opts, x), std::vector<float>({0, 1, 1, 1, 0, 1}));
}

TEST(ComputeVadEnergy, KaldisDefaults) {
  Tensor x(3, 1);
  x(0, 0) = 20;  // mean 16, threshold 5 + 8
  x(1, 0) = 13;
  x(2, 0) = 15;
  EXPECT_EQ(ComputeVadEnergy(VadEnergyOptions(), x), std::vector<float>({1, 0, 1}));
}

TEST(ComputeVadEnergy, OneFrameNoneAndNan) {
  VadEnergyOptions opts;
  Tensor one = Tensor::Zeros(1, 1);
  EXPECT_EQ(ComputeVadEnergy(opts, one), std::vector<float>({0}));
  EXPECT_THROW(ComputeVadEnergy(opts, Tensor(0, 1)), DataError);
  Tensor x = Tensor::Zeros(3, 2);
  x(1, 1) = NAN;  // not the energy
  EXPECT_EQ(ComputeVadEnergy(opts, x).size(), 3u);
  x(1, 0) = NAN;
  EXPECT_THROW(ComputeVadEnergy(opts, x), DataError);
}

TEST(ComputeVadEnergy, OptionsAreChecked) {
  VadEnergyOptions opts;
  opts.Check();
  opts.proportion_threshold = 1;
  EXPECT_THROW(opts.Check(), UsageError);
  opts = VadEnergyOptions();
  opts.energy_mean_scale = -1;
  EXPECT_THROW(opts.Check(), UsageError);
  opts = VadEnergyOptions();
  opts.frames_context = -1;
  EXPECT_THROW(opts.Check(), UsageError);
}

TEST(SelectVoicedFrames, KeepsWhereOne) {
  Rng rng(1);
  const Tensor x = RandomTensor(&rng, 4, 3);
  const Tensor y = SelectVoicedFrames({0, 1, 0, 1}, x);
  ASSERT_EQ(y.Rows(), 2);
  EXPECT_EQ(MaxAbsDiff(y.View().RowRange(0, 1), x.View().RowRange(1, 1)), 0);
  EXPECT_EQ(MaxAbsDiff(y.View().RowRange(1, 1), x.View().RowRange(3, 1)), 0);
  EXPECT_THROW(SelectVoicedFrames({0, 1, 0}, x), DataError);
  EXPECT_THROW(SelectVoicedFrames({0, 0, 0, 0}, x), DataError);
  EXPECT_THROW(SelectVoicedFrames({0, 1, 0.5f, 1}, x), DataError);
  EXPECT_THROW(SelectVoicedFrames({0, 1, NAN, 1}, x), DataError);
  EXPECT_THROW(SelectVoicedFrames({}, Tensor(0, 3)), DataError);
}

}  // namespace
}  // namespace u2moe
