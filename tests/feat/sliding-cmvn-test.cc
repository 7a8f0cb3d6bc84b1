#include "feat/sliding-cmvn.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

// Each window summed anew, its variance around its own mean.
double Naive(const SlidingCmvnOptions &opts, ConstView x, int64_t t, int64_t d) {
  const FrameWindow w = SlidingWindow(opts, t, x.Rows());
  const double n = static_cast<double>(w.end - w.begin);
  double mean = 0, variance = 0;
  for (int64_t s = w.begin; s < w.end; ++s) mean += x(s, d) / n;
  for (int64_t s = w.begin; s < w.end; ++s) variance += (x(s, d) - mean) * (x(s, d) - mean) / n;
  if (!opts.norm_vars) return x(t, d) - mean;
  return n == 1 ? 0 : (x(t, d) - mean) / std::sqrt(std::max(variance, 1e-10));
}

TEST(SlidingCmvn, EveryWindowSummedAnew) {
  Rng rng(1);
  for (const int64_t num_frames : {1, 2, 7, 90}) {
    Tensor x = RandomTensor(&rng, num_frames, 3);
    for (int64_t t = 0; t < num_frames; ++t) {
      x(t, 1) = 1000 + 0.1f * x(t, 1);  // far from 0, close together
      x(t, 2) = t < 50 ? 0 : x(t, 2);   // does not vary at first
    }
    for (int i = 0; i < 16; ++i) {
      SlidingCmvnOptions opts;
      opts.cmn_window = i & 1 ? 11 : 30;
      opts.min_window = i & 2 ? 1 : 20;  // larger than a window of 11, too
      opts.center = i & 4;
      opts.norm_vars = i & 8;
      opts.Check();
      const Tensor y = ApplySlidingCmvn(opts, x);
      for (int64_t t = 0; t < num_frames; ++t) {
        for (int64_t d = 0; d < 3; ++d) {
          ASSERT_NEAR(y(t, d), Naive(opts, x, t, d), 1e-5)
              << num_frames << " frames, case " << i << ", frame " << t << ", dim " << d;
        }
      }
    }
  }
}

TEST(SlidingCmvn, WindowsAreKaldis) {
  SlidingCmvnOptions opts;
  opts.cmn_window = 10;
  opts.min_window = 4;
  const auto window = [&](int64_t t, int64_t n) {
    const FrameWindow w = SlidingWindow(opts, t, n);
    return std::make_pair(w.begin, w.end);
  };
  using P = std::pair<int64_t, int64_t>;
  EXPECT_EQ(window(0, 100), P(0, 4));
  EXPECT_EQ(window(3, 100), P(0, 4));
  EXPECT_EQ(window(4, 100), P(0, 5));
  EXPECT_EQ(window(50, 100), P(40, 51));  // ten before it
  EXPECT_EQ(window(99, 100), P(89, 100));
  EXPECT_EQ(window(0, 3), P(0, 3));
  opts.center = true;
  EXPECT_EQ(window(0, 100), P(0, 10));
  EXPECT_EQ(window(50, 100), P(45, 55));
  EXPECT_EQ(window(97, 100), P(90, 100));
  EXPECT_EQ(window(2, 5), P(0, 5));
  opts.cmn_window = 3;
  EXPECT_EQ(window(50, 100), P(49, 52));
}

TEST(SlidingCmvn, BadInput) {
  Rng rng(2);
  Tensor x = RandomTensor(&rng, 5, 2);
  EXPECT_THROW(ApplySlidingCmvn(SlidingCmvnOptions(), Tensor(0, 2)), DataError);
  x(3, 1) = INFINITY;
  EXPECT_THROW(ApplySlidingCmvn(SlidingCmvnOptions(), x), DataError);
  SlidingCmvnOptions opts;
  opts.cmn_window = 0;
  EXPECT_THROW(opts.Check(), UsageError);
  opts.cmn_window = 1;
  opts.min_window = 0;
  EXPECT_THROW(opts.Check(), UsageError);
}

TEST(SlidingCmvn, WarnsAsOftenAsAllowed) {
  const Tensor x = Tensor::Zeros(20, 2);
  for (const int32_t allowed : {-1, 0, 3, 100}) {
    SlidingCmvnOptions opts;
    opts.norm_vars = true;
    opts.max_warnings = allowed;
    testing::internal::CaptureStderr();
    ApplySlidingCmvn(opts, x);
    const std::string log = testing::internal::GetCapturedStderr();
    int64_t lines = 0, at = 0;
    for (size_t i = log.find("do not vary"); i != log.npos; i = log.find("do not vary", i + 1))
      ++lines;
    EXPECT_EQ(lines, allowed < 0 ? 20 : std::min(allowed, 20)) << log;
    at = static_cast<int64_t>(log.find("max-warnings=-1"));
    EXPECT_EQ(at >= 0, allowed == 0 || allowed == 3) << log;
  }
}

}  // namespace
}  // namespace u2moe
