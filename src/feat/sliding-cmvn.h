#ifndef U2MOE_FEAT_SLIDING_CMVN_H_
#define U2MOE_FEAT_SLIDING_CMVN_H_

#include <cstdint>

#include "tensor/tensor.h"
#include "tensor/view.h"
#include "util/options.h"

namespace u2moe {

// Kaldi's options of normalisation with the statistics of a moving window.
struct SlidingCmvnOptions {
  int32_t cmn_window = 600;  // frames
  int32_t min_window = 100;  // frames
  bool norm_vars = false;
  bool center = false;
  int32_t max_warnings = 5;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

// The frames [begin, end) whose statistics normalise frame t of num_frames.
//   center: cmn_window frames, t in the middle; moved inwards at the ends.
//   else: t and the cmn_window frames before it (one more than the name says, as in Kaldi), but at
//   least min_window frames from the start on.
struct FrameWindow {
  int64_t begin, end;
};
FrameWindow SlidingWindow(const SlidingCmvnOptions &opts, int64_t t, int64_t num_frames);

// y[t] = x[t] - mean, or (x[t] - mean) / deviation with norm_vars, over the window of t; in double.
// The variance is floored at 1e-10, and a window of one frame gives 0. Warns at most max_warnings
// times (-1: always) where that happens. Throws DataError without frames or if a value is not
// finite.
Tensor ApplySlidingCmvn(const SlidingCmvnOptions &opts, ConstView feats);

}  // namespace u2moe

#endif  // U2MOE_FEAT_SLIDING_CMVN_H_
