#include "feat/sliding-cmvn.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "feat/feat-checks.h"

namespace u2moe {

void SlidingCmvnOptions::Register(OptionParser *po) {
  po->Register("cmn-window", &cmn_window, "length of the window, in frames");
  po->Register("min-cmn-window", &min_window,
               "frames of the window at the start, some of them after the frame; without --center");
  po->Register("norm-vars", &norm_vars, "divide by the standard deviations");
  po->Register("center", &center, "window around each frame; false: the frame and those before it");
  po->Register("max-warnings", &max_warnings,
               "warnings per utterance about dimensions that do not vary; -1: all");
}

void SlidingCmvnOptions::Check() const {
  if (cmn_window < 1) throw UsageError("--cmn-window=", cmn_window, ": expected 1 or more");
  if (min_window < 1) throw UsageError("--min-cmn-window=", min_window, ": expected 1 or more");
  if (max_warnings < -1) {
    throw UsageError("--max-warnings=", max_warnings, ": expected -1 or more");
  }
}

FrameWindow SlidingWindow(const SlidingCmvnOptions &opts, int64_t t, int64_t num_frames) {
  const int64_t size = opts.cmn_window;
  FrameWindow w;
  if (opts.center) {
    w.begin = std::max<int64_t>(t - size / 2, 0);
    w.end = w.begin + size;
  } else {
    w.begin = std::max<int64_t>(t - size, 0);
    w.end = std::max<int64_t>(t + 1, opts.min_window);
  }
  if (w.end > num_frames) {
    w.begin = std::max<int64_t>(w.begin - (w.end - num_frames), 0);
    w.end = num_frames;
  }
  return w;
}

Tensor ApplySlidingCmvn(const SlidingCmvnOptions &opts, ConstView feats) {
  CheckHasFrames(feats);
  CheckFinite(feats);
  const int64_t num_frames = feats.Rows(), dim = feats.Cols();
  // Sums that follow the window. Taking the first frame off changes nothing but keeps squares
  // small, so that the difference of two of them is exact enough.
  const float *const origin = feats.Row(0);
  std::vector<double> sum(static_cast<size_t>(dim), 0.0), squares(sum);
  const auto add = [&](int64_t t, double sign) {
    for (int64_t d = 0; d < dim; ++d) {
      const double x = static_cast<double>(feats(t, d)) - origin[d];
      sum[static_cast<size_t>(d)] += sign * x;
      squares[static_cast<size_t>(d)] += sign * x * x;
    }
  };
  Tensor out(num_frames, dim);
  FrameWindow window{0, 0};
  int64_t num_warnings = 0;
  for (int64_t t = 0; t < num_frames; ++t) {
    const FrameWindow next = SlidingWindow(opts, t, num_frames);
    while (window.end < next.end) add(window.end++, 1);
    while (window.begin < next.begin) add(window.begin++, -1);
    const double n = static_cast<double>(window.end - window.begin);
    int64_t num_floored = 0;
    for (int64_t d = 0; d < dim; ++d) {
      const double mean = sum[static_cast<size_t>(d)] / n;
      double y = static_cast<double>(feats(t, d)) - origin[d] - mean;
      if (opts.norm_vars && n == 1) y = 0;
      if (opts.norm_vars && n > 1) {
        const double variance = squares[static_cast<size_t>(d)] / n - mean * mean;
        num_floored += variance < 1e-10;
        y /= std::sqrt(std::max(variance, 1e-10));
      }
      out(t, d) = static_cast<float>(y);
    }
    if (num_floored == 0) continue;
    if (opts.max_warnings < 0 || num_warnings < opts.max_warnings) {
      LOG_WARN << num_floored << " of " << dim << " dimensions do not vary in the " << n
               << " frames around frame " << t << "; their variance was raised to 1e-10";
    } else if (num_warnings == opts.max_warnings) {
      LOG_WARN << "further warnings of this kind are left out; --max-warnings=-1 shows them";
    }
    ++num_warnings;
  }
  return out;
}

}  // namespace u2moe
