// Where a long recording is cut into segments: rules on trailing silence and length, as those of
// Kaldi's online decoders.
#ifndef U2MOE_PIPELINE_ENDPOINTER_H_
#define U2MOE_PIPELINE_ENDPOINTER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "util/options.h"

namespace u2moe {

// A rule ends a segment when all of it holds. Times are in seconds.
struct EndpointRule {
  bool must_contain_nonsilence = true;
  float min_trailing_silence = 0;
  float min_utterance_length = 0;
};

// The first rule ends what is silence alone; the second is the one that speech ends by, in its
// pauses; the third bounds a segment's length, and with it memory. A frame is silence if the
// probability of blank (and of a space between words) is above blank_threshold.
struct EndpointOptions {
  EndpointRule rule1{false, 5, 0}, rule2{true, 1, 0}, rule3{false, 0, 20};
  float blank_threshold = 0.8f;

  void Register(OptionParser *po);  // --endpoint.rule1.min-trailing-silence and so on
  void Check() const;               // throws UsageError
  std::string ToString() const;
};

// Decides frame by frame. Frames are numbered from 0 over the whole recording; each belongs to one
// segment. A segment ends within silence, not at its end: the last half second of it, or half of
// it where it is shorter, begins the next segment, so that words that begin late find their
// beginning there. Where the length decides (a rule without trailing silence), the segment ends in
// the middle of the longest silence of its later half; in its most silent frame if there is none.
// Of equal ones the later.
class Endpointer {
 public:
  Endpointer(const EndpointOptions &opts, double frame_seconds);

  // The next frame's probability of silence. If the segment ends now: the frame before which it
  // ends and the next one begins, at most one after this frame. Then Accept begins there again,
  // also with frames that it has seen.
  std::optional<int64_t> Accept(double silence);

  int64_t Begin() const { return begin_; }  // of the segment that goes on
  // The next frame is this one, the first of a segment.
  void Restart(int64_t begin);
  // Frames after which some rule ends a segment at the latest.
  int64_t MaxFrames() const;

 private:
  bool Fires(const EndpointRule &rule) const;
  int64_t LengthCut() const;

  EndpointOptions opts_;
  double frame_seconds_;
  int64_t begin_ = 0;
  std::vector<double> silence_;  // of the frames of the segment
  int64_t trailing_ = 0;         // frames of silence at its end
  bool nonsilence_ = false;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_ENDPOINTER_H_
