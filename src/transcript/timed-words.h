// Words with times: what a recogniser or an alignment says of a recording, before it is written in
// one of the formats of transcript-writer.h.
#ifndef U2MOE_TRANSCRIPT_TIMED_WORDS_H_
#define U2MOE_TRANSCRIPT_TIMED_WORDS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace u2moe {

struct TimedWord {
  std::string text;
  double begin = 0, end = 0;  // seconds of the recording
  double confidence = -1;     // 0 to 1; -1: none
};

// A stretch of one channel of a recording. Words are in order; their times may overlap, as those of
// a recogniser do at times.
struct TimedSegment {
  std::string recording;
  int32_t channel = 1;
  std::string utterance;
  double begin = 0, end = 0;  // seconds of the recording
  std::vector<TimedWord> words;
};

// Throws DataError, naming utterance and word, for times that are not finite, are negative, lie
// beyond ten years or end before they begin; for a word that is empty, not UTF-8 or holds white
// space or control characters; for a recording without a name or with control characters in it; for
// a confidence outside 0 to 1 that is not -1; and for a channel below 1.
void CheckTimedSegment(const TimedSegment &segment);

// From times of an utterance, cut out of a recording from `begin` to `end`, to those of the
// recording: adds begin, and moves what then lies outside to the nearer end. The segment's own
// times become begin and end.
void ShiftToRecording(double begin, double end, TimedSegment *segment);

// The words with a space between them.
std::string TextOf(const TimedSegment &segment);

// Times are written in whole milliseconds: the nearest, halves away from zero. Differences of times
// are taken after rounding, so that what touches still does.
int64_t Milliseconds(double seconds);

// value / 10^decimals in decimal notation, whatever the locale: (-1500, 3) is "-1.500".
std::string FixedPoint(int64_t value, int decimals);

}  // namespace u2moe

#endif  // U2MOE_TRANSCRIPT_TIMED_WORDS_H_
