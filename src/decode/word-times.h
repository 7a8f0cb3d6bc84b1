// When the words of an alignment were spoken. The frames in which CTC puts a token tell it only
// roughly: its peaks are short, and come when the network is sure, not when the sound begins.
#ifndef U2MOE_DECODE_WORD_TIMES_H_
#define U2MOE_DECODE_WORD_TIMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "decode/ctc-align.h"
#include "transcript/timed-words.h"
#include "util/options.h"
#include "util/unit-table.h"

namespace u2moe {

// Where the frames of an encoder lie in time: what frame t is computed from has its middle at
// center + t shift, and reaches so far to both sides. Seconds.
struct FrameTimes {
  double shift = 0.04, center = 0.0425, reach = 0.0425;

  // The end of what the last of so many frames is computed from; 0 for none.
  double Duration(int32_t num_frames) const {
    return num_frames > 0 ? center + shift * (num_frames - 1) + reach : 0;
  }
};

// A word's frames in time: a shift each, about the middle of what they are computed from.
struct WordFrames {
  double begin = 0, end = 0;
  // The time without a word's frames before and after it, up to the neighbour or the end of the
  // utterance; from 0 to kMaxGap.
  double gap_before = 0, gap_after = 0;

  // Beyond this a pause says no more about the word's edges.
  static constexpr double kMaxGap = 0.5;
};

// words: those of the alignment's tokens. duration: seconds of the utterance.
std::vector<WordFrames> FramesOfWords(const CtcAlignment &alignment,
                                      const std::vector<TokenWord> &words, const FrameTimes &frames,
                                      double duration);

// From the times of frames to those of words: begin' = begin + begin_offset - begin_share
// gap_before and end' = end + end_offset + end_share gap_after. The defaults extend words into the
// pauses and know no delay of a model; word-time-fit.h finds better ones.
struct WordTimeOptions {
  double begin_offset = 0, begin_share = 0.4;
  double end_offset = 0, end_share = 0.15;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  // As a configuration file has them.
  std::string ToConfig() const;
};

// The times of the words, 0 to duration, in order: where two would overlap, they meet in the middle
// of the overlap. Texts and confidences are left alone; one word for each of frames.
void SetWordTimes(const std::vector<WordFrames> &frames, const WordTimeOptions &opts,
                  double duration, std::vector<TimedWord> *words);

// Uncorrected: from the peak of the first token to that of the last, frame t lasting from t shift
// to (t + 1) shift.
void SetPeakTimes(const CtcAlignment &alignment, const std::vector<TokenWord> &token_words,
                  const FrameTimes &frames, std::vector<TimedWord> *words);

// How well a word fits its frames.
struct WordScore {
  double log_prob = 0;   // of the path from its first to its last frame, the mean over frames
  double posterior = 0;  // the geometric mean of its tokens' probabilities in their peaks
};
std::vector<WordScore> ScoreWords(const CtcAlignment &alignment,
                                  const std::vector<TokenWord> &words);

}  // namespace u2moe

#endif  // U2MOE_DECODE_WORD_TIMES_H_
