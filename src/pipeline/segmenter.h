// A recording of any length as segments that are decoded one by one, each with what the encoder
// makes of it.
#ifndef U2MOE_PIPELINE_SEGMENTER_H_
#define U2MOE_PIPELINE_SEGMENTER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "model/asr-model.h"
#include "pipeline/encode-options.h"
#include "pipeline/endpointer.h"
#include "pipeline/live-session.h"

namespace u2moe {

struct SpeechSegment {
  int64_t begin = 0;  // encoder frames of the recording
  ConstView feats;    // what the frames were computed from: the first of them and all later ones
  ConstView encoder_out, logp;  // [frames, D], [frames, V]
  // The first and the last frame of the segment that is not silence; -1: there is none.
  int64_t first_sound = -1, last_sound = -1;
};

// Each segment is an utterance of its own to the encoder, as in training: caches and positions
// begin anew with its first frame, from features that are kept for that. With a chunk size it is
// encoded as a live stream; where it ends is known a moment later, and what the encoder did beyond
// is done again for the next segment. Without, windows as long as a segment can be are encoded as
// wholes to find where segments end, and then each segment as a whole. Every encoder frame is in
// one segment, and the segments do not depend on how the features were cut into pieces. Memory is
// that of the longest segment. Not for several threads at once.
class Segmenter {
 public:
  using Emit = std::function<void(const SpeechSegment &)>;

  // model, ready for inference, must outlive the segmenter. silence_tokens: blank, and the space
  // between words where it is a unit. frame_seconds: from one encoder frame to the next. emit is
  // called with each segment as it ends. Throws DataError if the model cannot stream and shall.
  Segmenter(const Context &ctx, const AsrModel &model, const EncodeOptions &encode,
            const EndpointOptions &endpoint, double frame_seconds,
            std::vector<int32_t> silence_tokens, Emit emit);

  // feats [n, F] before CMVN, n >= 0. Throws DataError as LiveEncoder::Accept; then nothing may
  // follow.
  void Accept(ConstView feats);
  // The end of the recording: the segments that are left. A recording too short for one encoder
  // frame has none. Nothing may follow.
  void Finish();

 private:
  void AdvanceStream(bool at_end);
  void AdvanceWindows(bool at_end);
  ConstView Feats() const;  // from the first frame of the segment on
  double Silence(const float *logp) const;
  void DropFeats(int64_t frames);
  void EmitFrames(int64_t begin, ConstView encoder_out, ConstView logp, ConstView feats);
  void EmitWhole(int64_t begin, ConstView feats, int64_t frames);

  Context ctx_;
  const AsrModel &model_;
  const EncodeOptions encode_;
  const double blank_threshold_;
  const std::vector<int32_t> silence_tokens_;
  const Emit emit_;
  Endpointer endpointer_;
  std::optional<LiveEncoder> encoder_;  // of the segment; with chunks
  std::vector<float> feats_;            // rows from first_feat_ on are the segment's
  int64_t first_feat_ = 0;
  int64_t fed_ = 0;                        // rows of Feats() that the encoder has
  bool flushed_ = false;                   // it was told the end
  std::vector<float> encoder_out_, logp_;  // of the segment
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_SEGMENTER_H_
