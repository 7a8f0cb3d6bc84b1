// Filter banks of audio that arrives in pieces.
#ifndef U2MOE_FEAT_ONLINE_FBANK_H_
#define U2MOE_FEAT_ONLINE_FBANK_H_

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "feat/fbank.h"

namespace u2moe {

// Computes the frames of one recording as soon as its samples determine them. The frames are those
// of Fbank::Compute on the whole recording with the same dither seed, to the bit, however the
// samples were cut into pieces. Memory does not grow with the recording.
class OnlineFbank {
 public:
  explicit OnlineFbank(const FbankOptions &opts, uint64_t dither_seed = 0);  // throws UsageError

  int64_t Dim() const { return fbank_.Dim(); }
  int64_t NumSamples() const { return num_samples_; }  // received
  int64_t NumFrames() const { return num_frames_; }    // returned

  // Takes the next samples [1, n], n from 0, and returns the frames [k, Dim()], k from 0, that they
  // determine.
  Tensor Accept(ConstView samples);

  // The recording has ended: returns the frames that reach over its end (none with snip_edges).
  // Throws DataError if it was too short for one frame. Nothing may follow.
  Tensor Flush();

 private:
  Tensor ComputeUpTo(int64_t end);
  void ForgetSamples();

  Fbank fbank_;
  Rng dither_;
  std::vector<float> kept_;  // samples from first_kept_ on, with dither
  int64_t first_kept_ = 0, num_samples_ = 0, num_frames_ = 0;
  bool flushed_ = false;
};

}  // namespace u2moe

#endif  // U2MOE_FEAT_ONLINE_FBANK_H_
