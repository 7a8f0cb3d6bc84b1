// One live recording from samples, or from features, to encoder output and CTC log-probabilities:
// what has arrived is pushed in, and what it determines comes out at once.
//
//   LiveSession session(ctx, model, FbankOptionsOf(info.features), encode_options, 48000);
//   while (more) show(session.Accept(samples));
//   show(session.Flush());
#ifndef U2MOE_PIPELINE_LIVE_SESSION_H_
#define U2MOE_PIPELINE_LIVE_SESSION_H_

#include <cstdint>

#include "feat/live-features.h"
#include "model/asr-model.h"
#include "pipeline/encoder-stream.h"

namespace u2moe {

// The next encoder frames of a recording, often none.
struct LiveOutput {
  Tensor encoder_out;  // [m, D]
  Tensor logp;         // [m, V], natural logarithms
};

// From features on. The frames are those of StreamingEncoder and AsrModel::CtcLogProbs on the whole
// recording with the same options, to the bit, however the features were cut into pieces. Not for
// several threads at once.
class LiveEncoder {
 public:
  // model, made ready for inference, must outlive it. Throws DataError if it cannot stream.
  // tag: SequenceFacts::tag.
  LiveEncoder(const Context &ctx, const AsrModel &model, const EncodeOptions &opts,
              int32_t tag = -1)
      : ctx_(ctx), model_(model), stream_(ctx, model.Encoder(), opts, tag) {}

  // feats [n, F] before CMVN, n >= 0. Throws DataError for another F, and where values are not
  // finite, there or in what becomes of them; then nothing may follow.
  LiveOutput Accept(ConstView feats);
  // The end of the recording: the frames that are left. Throws DataError if it was too short for
  // one encoder frame. Nothing may follow.
  LiveOutput Flush();

  int64_t NumFrames() const { return num_frames_; }  // of encoder output, so far

 private:
  LiveOutput Finish(Tensor encoder_out);

  Context ctx_;
  const AsrModel &model_;
  StreamingEncoder stream_;
  int64_t num_feats_ = 0, num_frames_ = 0;
  float largest_ = 0;  // magnitude of a feature
};

// From samples on. The output is that of LiveEncoder on Fbank::Compute of the whole recording,
// resampled by Resample where it has another rate than the features; to the bit at the same rate,
// to rounding else, however the samples were cut into pieces.
class LiveSession {
 public:
  // audio_rate: of the samples, in Hz. dither_seed: see Fbank; without dither it has no effect.
  // Throws UsageError for options that Fbank refuses, DataError for a rate that cannot be changed,
  // and as LiveEncoder.
  LiveSession(const Context &ctx, const AsrModel &model, const FbankOptions &fbank,
              const EncodeOptions &opts, double audio_rate, uint64_t dither_seed = 0)
      : features_(fbank, audio_rate, dither_seed), encoder_(ctx, model, opts) {}

  // samples [1, n] in the int16 range, n >= 0. Throws as LiveEncoder::Accept.
  LiveOutput Accept(ConstView samples) { return encoder_.Accept(features_.Accept(samples)); }
  // The end of the recording. Throws as LiveEncoder::Flush, and for less than one feature frame.
  LiveOutput Flush();

  double Seconds() const { return features_.Seconds(); }  // of audio, so far

 private:
  LiveFeatures features_;
  LiveEncoder encoder_;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_LIVE_SESSION_H_
