// Features of a recording that is still being made.
#ifndef U2MOE_FEAT_LIVE_FEATURES_H_
#define U2MOE_FEAT_LIVE_FEATURES_H_

#include <cstdint>
#include <functional>
#include <string>

#include "audio/audio-stream.h"
#include "feat/compute-feats.h"
#include "feat/online-fbank.h"
#include "util/options.h"

namespace u2moe {

// Reads the stream to its end and hands on its frames in pieces [piece_frames, D], each as soon as
// its samples have arrived; the last one may be shorter. Together they are what Fbank::Compute
// gives for the whole, each frame through `transform`. Returns the seconds of audio. Throws
// DataError for broken audio, another sampling rate or less than one frame.
double ComputeLiveFeatures(AudioStream *audio, const FbankOptions &opts,
                           const std::function<Tensor(Tensor)> &transform, uint64_t dither_seed,
                           int64_t piece_frames, const std::function<void(ConstView)> &emit);

struct LiveOptions {
  int32_t online_frames = 0;  // of a piece; 0: not live
  std::string online_key = "live";

  void Register(OptionParser *po);
  // Throws UsageError, also for options of po that have no meaning in a live recording.
  void Check(const OptionParser &po) const;
};

// From one recording, audio_rxfilename, to a table of its pieces under the keys of LivePiece. Into
// a pipe each is written at once; a file appears at the end. Throws Error if the recording is
// broken.
void WriteLiveFeatures(const LiveOptions &live, const FbankOptions &fbank, const HtkHeader &htk,
                       const std::function<Tensor(Tensor)> &transform,
                       const ComputeFeatsOptions &opts, const std::string &audio_rxfilename,
                       const std::string &feats_wspecifier);

}  // namespace u2moe

#endif  // U2MOE_FEAT_LIVE_FEATURES_H_
