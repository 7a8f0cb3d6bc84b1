// Features of a recording that is still being made.
#ifndef U2MOE_FEAT_LIVE_FEATURES_H_
#define U2MOE_FEAT_LIVE_FEATURES_H_

#include <cstdint>
#include <functional>
#include <string>

#include "audio/audio-stream.h"
#include "audio/resample.h"
#include "feat/compute-feats.h"
#include "feat/online-fbank.h"
#include "util/options.h"

namespace u2moe {

// Filter banks of one recording whose samples are pushed in: those of Fbank::Compute on the whole,
// to the bit, however it was cut; where the samples have another rate than the features, on the
// whole resampled, to rounding.
class LiveFeatures {
 public:
  // audio_rate: of the samples, in Hz. Throws UsageError for options that Fbank refuses, DataError
  // for a rate that cannot be changed.
  LiveFeatures(const FbankOptions &opts, double audio_rate, uint64_t dither_seed)
      : audio_rate_(audio_rate),
        resampler_(audio_rate, static_cast<double>(opts.frame.sample_frequency)),
        fbank_(opts, dither_seed) {}

  // The next samples [1, n] in the int16 range, n from 0 -> the frames [k, D] that they determine.
  Tensor Accept(ConstView samples);
  // The end of the recording: the frames that are left. Throws DataError if it was too short for
  // one frame. Nothing may follow.
  Tensor Flush();

  int64_t Dim() const { return fbank_.Dim(); }
  double Seconds() const { return static_cast<double>(num_samples_) / audio_rate_; }  // received

 private:
  double audio_rate_;
  StreamingResampler resampler_;
  OnlineFbank fbank_;
  int64_t num_samples_ = 0;  // before resampling
};

// Reads the stream to its end and hands on its LiveFeatures in pieces [piece_frames, D], each as
// soon as its samples have arrived, each frame through `transform`; the last piece may be shorter.
// Returns the seconds of audio. Throws DataError for broken audio, another sampling rate that
// `rate` does not allow, or less than one frame.
double ComputeLiveFeatures(AudioStream *audio, const FbankOptions &opts, const RateOptions &rate,
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
