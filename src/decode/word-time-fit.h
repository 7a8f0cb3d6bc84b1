// The options of word-times.h, found on recordings whose word times are known, and how far times
// are off.
#ifndef U2MOE_DECODE_WORD_TIME_FIT_H_
#define U2MOE_DECODE_WORD_TIME_FIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "decode/word-times.h"
#include "transcript/timed-words.h"

namespace u2moe {

class WordTimeFitter {
 public:
  // Words of one utterance: their frames and true times, in one clock. Throws DataError if the
  // reference has other words than `words`; then nothing is added. Words are told apart but for
  // their case (FoldCase).
  void Add(const std::vector<TimedWord> &words, const std::vector<WordFrames> &frames,
           const std::vector<TimedWord> &reference);
  int64_t NumWords() const { return static_cast<int64_t>(begins_.size()); }

  // For begins and for ends alone: the share, from 0 to 0.5 in steps of 0.05, and the offset,
  // rounded to milliseconds, with the least sum of absolute errors; of equal ones the smaller
  // share. Throws DataError where there are no words.
  WordTimeOptions Fit() const;

 private:
  struct Edge {
    double time, gap, reference;
  };
  // sign: what a share does to the time, -1 at begins and 1 at ends.
  static void FitEdges(const std::vector<Edge> &edges, double sign, double *share, double *offset);

  std::vector<Edge> begins_, ends_;
};

// Errors of word boundaries, in seconds.
class WordTimeErrors {
 public:
  // Of one utterance; as many words in each.
  void Add(const std::vector<TimedWord> &words, const std::vector<TimedWord> &reference);
  // "1234 words: begins median 34 ms, p90 91 ms, bias -2 ms; ends ...; all ...": quantiles of the
  // absolute errors, and the median of the signed ones (below 0: too early).
  std::string ToString() const;
  double AbsoluteQuantile(double q) const;  // of begins and ends together

 private:
  std::vector<double> begins_, ends_;
};

}  // namespace u2moe

#endif  // U2MOE_DECODE_WORD_TIME_FIT_H_
