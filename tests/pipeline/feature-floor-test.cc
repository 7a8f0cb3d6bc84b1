// Digital silence becomes silence such as the model was trained on, and nothing else changes.
#include "pipeline/feature-floor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "model/asr-model.h"
#include "modelfile/model-file.h"
#include "support/small-model.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

const GlobalCmvn kCmvn{{10, 20, -4}, {0.5, 0.25, 1}};  // deviations of 2, 4 and 1

TEST(FeatureFloorTest, RaisesWhatLiesBelowAllTraining) {
  Tensor feats(5, 3);
  const float rows[5][3] = {{-16, -16, -16},   // normalised: -13, -9, -12
                            {4, 8, -7},        // -3 each: on the floor, which is not below it
                            {3, 60, -16},      // one is far above: the frame is no silence
                            {-16, 9, -16},     // -13, -2.75, -12: the second stays
                            {12, 30, -3.5f}};  // speech
  for (int64_t t = 0; t < 5; ++t) std::copy_n(rows[t], 3, feats.View().Row(t));
  Tensor got = Tensor::Copy(feats);
  FeatureFloor(kCmvn, 3).Apply(&got);
  EXPECT_TRUE(SameBits(got.View().RowRange(1, 2), feats.View().RowRange(1, 2)));
  EXPECT_TRUE(SameBits(got.View().RowRange(4, 1), feats.View().RowRange(4, 1)));
  const float want[2][3] = {{4, 8, -7}, {4, 9, -7}};
  for (int64_t j = 0; j < 3; ++j) {
    EXPECT_EQ(got(0, j), want[0][j]);
    EXPECT_EQ(got(3, j), want[1][j]);
  }
  // What is raised is not raised again.
  Tensor again = Tensor::Copy(got);
  FeatureFloor(kCmvn, 3).Apply(&again);
  EXPECT_TRUE(SameBits(again, got));
}

TEST(FeatureFloorTest, WhereThereIsNone) {
  Rng rng(5);
  const Tensor feats = RandomTensor(&rng, 7, 3, 100);
  const GlobalCmvn none{{0, 0, 0}, {1, 1, 1}};
  for (const FeatureFloor &floor : {FeatureFloor(kCmvn, 0), FeatureFloor(none, 3)}) {
    Tensor got = Tensor::Copy(feats);
    floor.Apply(&got);
    EXPECT_TRUE(SameBits(got, feats));
  }
  Tensor empty;
  FeatureFloor(kCmvn, 3).Apply(&empty);
  EXPECT_TRUE(empty.Empty());
  // What is no number stays for those who refuse it with its place.
  Tensor odd(1, 3);
  odd(0, 0) = std::numeric_limits<float>::quiet_NaN();
  odd(0, 1) = odd(0, 2) = -16;
  FeatureFloor(kCmvn, 3).Apply(&odd);
  EXPECT_EQ(odd(0, 1), -16);
}

TEST(FeatureFloorTest, OfAModel) {
  AsrModel model(SmallModelOptions(1, 2).Config());
  InitModel(&model, 3);
  GlobalCmvn cmvn = GlobalCmvnOf(&model);
  const size_t dim = static_cast<size_t>(model.Config().encoder.feature_dim);
  EXPECT_EQ(cmvn.mean, std::vector<double>(dim, 0));
  EXPECT_EQ(cmvn.istd, std::vector<double>(dim, 1));
  for (size_t j = 0; j < dim; ++j) {
    cmvn.mean[j] = static_cast<double>(j) - 3;
    cmvn.istd[j] = 0.5 + static_cast<double>(j);
  }
  SetGlobalCmvn(cmvn, "test", &model);
  model.PrepareForInference(Context());
  EXPECT_EQ(GlobalCmvnOf(&model).mean, cmvn.mean);
  EXPECT_EQ(GlobalCmvnOf(&model).istd, cmvn.istd);
}

}  // namespace
}  // namespace u2moe
