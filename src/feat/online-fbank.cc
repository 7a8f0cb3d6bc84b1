#include "feat/online-fbank.h"

#include <algorithm>

#include "base/check.h"

namespace u2moe {

OnlineFbank::OnlineFbank(const FbankOptions &opts, uint64_t dither_seed)
    : fbank_(opts), dither_(dither_seed) {}

Tensor OnlineFbank::Accept(ConstView samples) {
  CHECK(!flushed_) << "samples after the end of the recording";
  CHECK(samples.Rows() == 1 || samples.Empty());
  const int64_t n = samples.Cols();
  const FrameOptions &frame = fbank_.Options().frame;
  const size_t old = kept_.size();
  kept_.resize(old + static_cast<size_t>(n));
  if (n > 0) AddDither(frame.dither, samples.Row(0), n, &dither_, &kept_[old]);
  num_samples_ += n;
  // What lies wholly before the end so far stays as it is, whatever comes.
  int64_t end = num_frames_;
  while (frame.FirstSample(end) + frame.WindowSize() <= num_samples_ &&
         end < frame.NumFrames(num_samples_)) {
    ++end;
  }
  return ComputeUpTo(end);
}

Tensor OnlineFbank::Flush() {
  CHECK(!flushed_) << "Flush() twice";
  flushed_ = true;
  fbank_.CheckLength(num_samples_);
  return ComputeUpTo(fbank_.NumFrames(num_samples_));
}

Tensor OnlineFbank::ComputeUpTo(int64_t end) {
  const FrameOptions &frame = fbank_.Options().frame;
  Tensor out(end - num_frames_, Dim());
  for (int64_t i = 0; i < out.Rows(); ++i) {
    // Places within kept_. Reflection at the start happens only while nothing has been forgotten.
    const int64_t first = frame.FirstSample(num_frames_ + i) - first_kept_;
    fbank_.ComputeFrameAt(kept_.data(), static_cast<int64_t>(kept_.size()), first,
                          out.View().Row(i));
  }
  num_frames_ = end;
  ForgetSamples();
  return out;
}

void OnlineFbank::ForgetSamples() {
  // A frame reflected at the end of the recording reaches back to one sample before its own first
  // one, where its length is odd.
  const FrameOptions &frame = fbank_.Options().frame;
  const int64_t needed = std::min(num_samples_, frame.FirstSample(num_frames_) - 1);
  if (needed <= first_kept_) return;
  kept_.erase(kept_.begin(), kept_.begin() + (needed - first_kept_));
  first_kept_ = needed;
}

}  // namespace u2moe
