#include "feat/frame-context.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

// The slope of the line through frames t - window..t + window, of the slope, and so on; each frame
// beyond an end is the one at the end of the *features*, so slopes are taken of features that are
// long enough.
double NaiveDelta(ConstView feats, int64_t d, int64_t t, int order, int window) {
  if (order == 0) return feats(std::clamp<int64_t>(t, 0, feats.Rows() - 1), d);
  double sum = 0, norm = 0;
  for (int j = -window; j <= window; ++j) {
    sum += j * NaiveDelta(feats, d, t + j, order - 1, window);
    norm += j * j;
  }
  return sum / norm;
}

TEST(AddDeltas, AreRepeatedSlopes) {
  Rng rng(1);
  for (const int64_t num_frames : {1, 2, 5, 30}) {
    for (const int32_t order : {0, 1, 3}) {
      for (const int32_t window : {1, 2, 4}) {
        DeltaOptions opts;
        opts.order = order;
        opts.window = window;
        const Tensor x = RandomTensor(&rng, num_frames, 3);
        const Tensor y = AddDeltas(opts, x);
        ASSERT_EQ(y.Rows(), num_frames);
        ASSERT_EQ(y.Cols(), 3 * (order + 1));
        for (int64_t t = 0; t < num_frames; ++t) {
          for (int64_t c = 0; c < y.Cols(); ++c) {
            EXPECT_NEAR(y(t, c), NaiveDelta(x, c % 3, t, static_cast<int>(c / 3), window), 1e-6)
                << num_frames << " frames, order " << order << ", window " << window;
          }
        }
      }
    }
  }
}

TEST(AddDeltas, TruncatesFirst) {
  Rng rng(2);
  const Tensor x = RandomTensor(&rng, 9, 5);
  DeltaOptions opts;
  opts.truncate = 2;
  EXPECT_EQ(MaxAbsDiff(AddDeltas(opts, x), AddDeltas(DeltaOptions(), x.View().ColRange(0, 2))), 0);
  opts.truncate = 5;
  EXPECT_EQ(MaxAbsDiff(AddDeltas(opts, x), AddDeltas(DeltaOptions(), x)), 0);
  opts.truncate = 6;
  EXPECT_THROW(AddDeltas(opts, x), DataError);
  EXPECT_THROW(AddDeltas(DeltaOptions(), Tensor(0, 5)), DataError);
}

TEST(AddDeltas, ANanReachesNoFurtherThanItsWindow) {
  Rng rng(3);
  Tensor x = RandomTensor(&rng, 40, 1);
  x(20, 0) = NAN;
  const Tensor y = AddDeltas(DeltaOptions(), x);
  for (int64_t t = 0; t < 40; ++t) {
    EXPECT_EQ(std::isnan(y(t, 0)), t == 20);
    EXPECT_EQ(std::isnan(y(t, 1)), t != 20 && std::abs(t - 20) <= 2);
    EXPECT_EQ(std::isnan(y(t, 2)), std::abs(t - 20) <= 4);
  }
}

TEST(AddDeltas, OptionsAreChecked) {
  const auto refused = [](int32_t order, int32_t window, int32_t truncate) {
    DeltaOptions opts;
    opts.order = order;
    opts.window = window;
    opts.truncate = truncate;
    try {
      opts.Check();
    } catch (const UsageError &) {
      return true;
    }
    return false;
  };
  EXPECT_FALSE(refused(0, 1, 0));
  EXPECT_TRUE(refused(-1, 2, 0));
  EXPECT_TRUE(refused(2, 0, 0));
  EXPECT_TRUE(refused(2, 2, -1));
}

TEST(SpliceFrames, RepeatsTheEnds) {
  Rng rng(4);
  for (const int64_t num_frames : {1, 3, 20}) {
    SpliceOptions opts;
    opts.left_context = 4;
    opts.right_context = 1;
    const Tensor x = RandomTensor(&rng, num_frames, 3);
    const Tensor y = SpliceFrames(opts, x);
    ASSERT_EQ(y.Rows(), num_frames);
    ASSERT_EQ(y.Cols(), 18);
    for (int64_t t = 0; t < num_frames; ++t) {
      for (int64_t j = 0; j < 6; ++j) {
        const int64_t s = std::clamp<int64_t>(t + j - 4, 0, num_frames - 1);
        for (int64_t d = 0; d < 3; ++d) EXPECT_EQ(y(t, 3 * j + d), x(s, d));
      }
    }
  }
  EXPECT_THROW(SpliceFrames(SpliceOptions(), Tensor(0, 3)), DataError);
  SpliceOptions negative;
  negative.left_context = -1;
  EXPECT_THROW(negative.Check(), UsageError);
}

}  // namespace
}  // namespace u2moe
