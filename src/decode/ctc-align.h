#ifndef U2MOE_DECODE_CTC_ALIGN_H_
#define U2MOE_DECODE_CTC_ALIGN_H_

#include <cstdint>
#include <vector>

#include "base/span.h"
#include "tensor/view.h"

namespace u2moe {

// A token on the path, in the frames from begin to before end.
struct AlignedToken {
  int32_t token = 0;
  int32_t begin = 0, end = 0;
  int32_t peak = 0;  // the frame in which it is most probable, the earliest of equal ones
  // Natural logarithms of its probability: the mean over its frames, and in the peak.
  double log_prob = 0, peak_log_prob = 0;
};

struct CtcAlignment {
  std::vector<AlignedToken> tokens;
  std::vector<float> frame_log_probs;  // what the path has in each frame, blanks included
  double score = 0;                    // their sum, in double, in the order of time

  int32_t NumFrames() const { return static_cast<int32_t>(frame_log_probs.size()); }
  // By frame: the token, or the blank.
  std::vector<int32_t> Path(int32_t blank) const;
};

// The alignment that a path is, given as its token, or the blank, in each frame: equal neighbours
// are one token. Probabilities are 1, and the peak is the first frame. The inverse of Path where no
// token follows itself without a blank.
CtcAlignment AlignmentOfPath(Span<int32_t> path, int32_t blank);

// The most probable path of CTC (CtcChain in util/ctc-topology.h, as the loss has it) that stands
// for the tokens, in logp [T, V], natural logarithms of probabilities. Of equally probable ones it
// is that whose tokens come, and give way to the next, the earliest: the one with the later state
// of the chain in the last frame in which two differ. No tokens: all frames are blank.
//
// Throws DataError for tokens outside [0, V) and the blank among them, for fewer frames than the
// tokens and the blanks between repeats need (saying how many), for no path with a probability
// above 0, and, naming frame and column, for what is no log-probability.
//
// Takes time in proportion to T N, and memory to N sqrt(T): hours of audio can be aligned at once.
CtcAlignment AlignCtc(ConstView logp, Span<int32_t> tokens, int32_t blank);

}  // namespace u2moe

#endif  // U2MOE_DECODE_CTC_ALIGN_H_
