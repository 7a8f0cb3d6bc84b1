// How much confidences say about which words are right: NIST's normalised cross entropy, a table of
// calibration, and the fit of a map (transcript/confidence-map.h) that makes them say more.
#ifndef U2MOE_SCORE_NCE_H_
#define U2MOE_SCORE_NCE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "score/wer.h"
#include "transcript/confidence-map.h"
#include "transcript/timed-words.h"

namespace u2moe {

struct JudgedWord {
  double confidence = 0;  // 0 to 1
  bool correct = false;
};

// Recognised words, utterance by utterance.
using JudgedUtterances = std::vector<std::vector<JudgedWord>>;

// Aligns the words of each reference with those of the recording of its key, by opts, and judges
// them: a substituted or inserted word is wrong, a deleted one does not count. Words are normalised
// one by one; one that becomes several gives all its confidence, one that becomes none is left out.
// Throws what ScoreTranscripts throws, and DataError for a word without confidence.
JudgedUtterances JudgeWords(const std::vector<Transcript> &refs,
                            const std::map<std::string, std::vector<TimedWord>> &words,
                            const WerOptions &opts);

std::vector<JudgedWord> AllWords(const JudgedUtterances &utterances);

// 1 - H / H_0: H is the cross entropy of what was right with the confidences (held within 1e-7 of 0
// and 1, as in sclite), H_0 that with their best constant, the share of right words. 1: they know
// all, 0: nothing, below: less than nothing. NaN where all or no words are right, as where there
// are none.
double NormalizedCrossEntropy(const std::vector<JudgedWord> &words);

struct CalibrationBin {
  double low = 0, high = 0;  // confidences from low to below high, the last to 1
  int64_t words = 0, correct = 0;
  double mean = 0;  // confidence; 0 without words
};
std::vector<CalibrationBin> CalibrationTable(const std::vector<JudgedWord> &words, int num_bins);
// The mean over words of |share of right words - mean confidence| of their bin; 0 without words.
double CalibrationError(const std::vector<CalibrationBin> &table);

// The slope, and with with_offset the offset, of the least cross entropy, by Newton's method; a
// weak pull to the map that changes nothing (a variance of 100) keeps both finite where the words
// could be told apart without error. The slope is at least 1e-3: confidences that are the lower,
// the more words are right, become all alike.
ConfidenceMap FitConfidenceMap(const std::vector<JudgedWord> &words, bool with_offset);

// As above, the offset only if it helps: if two halves (utterances in turn), fitted on one and
// tried on the other, have a lower cross entropy with it than without. Throws Error without words.
ConfidenceMap ChooseConfidenceMap(const JudgedUtterances &utterances);

// 16 hexadecimal digits of the keys and words, in whatever order the utterances come.
std::string SetDigest(const std::vector<Transcript> &set);

}  // namespace u2moe

#endif  // U2MOE_SCORE_NCE_H_
