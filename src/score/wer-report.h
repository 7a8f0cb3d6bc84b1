// How results of scoring are written.
#ifndef U2MOE_SCORE_WER_REPORT_H_
#define U2MOE_SCORE_WER_REPORT_H_

#include <ostream>
#include <string>
#include <vector>

#include "score/bootstrap.h"
#include "score/wer.h"

namespace u2moe {

// Some of the words: those listed, or all others (score/biased-wer.h).
struct WerPart {
  std::string name, rate;  // "biased", "B-WER"
  const WerResult *first = nullptr, *second = nullptr;
  const BootstrapResult *bootstrap = nullptr;
};

// All there is to say. second and bootstrap may be null; second only with bootstrap.
struct WerReport {
  WerOptions opts;
  const WerResult *first = nullptr, *second = nullptr;
  const BootstrapResult *bootstrap = nullptr;
  std::string drawn;  // what the bootstrap drew: "150 utterances", "6 speakers"
  uint64_t seed = 0;
  std::vector<WerPart> parts;
  int64_t num_phrases = 0;  // that the parts are made by
};

// Kaldi's three lines:
//   %WER 12.34 [ 12 / 97, 1 ins, 2 del, 9 sub ]          %CER for characters; [PARTIAL] as Kaldi
//   %SER 40.00 [ 4 / 10 ]
//   Scored 10 sentences, 0 not present in hyp.
// then, with a bootstrap,
//   Interval 95% [ 8.10, 17.02 ] by bootstrap over 10 utterances, 10000 draws, seed 1
// and, with a second hypothesis,
//   Second 11.34 [ 11 / 97, 1 ins, 2 del, 8 sub ], interval 95% [ 7.00, 16.10 ]
//   Difference -1.00 (second - first), interval 95% [ -3.01, 0.98 ]: no difference
// and the same for each part:
//   %B-WER 30.00 [ 6 / 20, 1 ins, 0 del, 5 sub ] of 12 phrases
//   B-WER interval 95% [ 10.00, 50.00 ]
//   B-WER second 20.00 [ 4 / 20, 0 ins, 0 del, 4 sub ], interval 95% [ 5.00, 40.00 ]
//   B-WER difference -10.00 (second - first), interval 95% [ -20.01, -1.08 ]: the second is better
void WriteWerText(std::ostream &os, const WerReport &report);

// The lines of Kaldi's compute-wer-bootci: mean of the draws and 1.96 deviations on either side, in
// percent; the share of draws in which the second hypothesis has fewer errors.
//   Set1: %WER 26.00 95% Conf Interval [ 24.12, 27.88 ]
//   Set2: %WER 25.00 95% Conf Interval [ 23.10, 26.90 ]        with a second hypothesis, and then
//   Probability of Set2 improving Set1: 91.23
void WriteBootstrapText(std::ostream &os, const BootstrapResult &result, bool has_second);

// One JSON object of the same. Rates in percent; null where there is none.
void WriteWerJson(std::ostream &os, const WerReport &report);

// Four lines per utterance, as Kaldi's wer_per_utt_details: the units of reference and hypothesis
// under each other (*** where there is none), what was done (C, S, D, I), and the counts of C, S,
// I, D. The counts add up to the summary. A fifth line, #missing, marks an utterance without a
// hypothesis.
void WritePerUtterance(std::ostream &os, const WerResult &result);

// One line per edit, as Kaldi's compute-wer writes them into its third argument: "correct a",
// "substitution a b", "deletion a", "insertion b". The result needs its alignment; with kKaldi the
// lines follow Kaldi's other rule (kKaldiText), as Kaldi's do, so that kinds of edits may differ
// from the summary's, though never their number.
void WriteEdits(std::ostream &os, const WerResult &result, AlignRule rule);

// "no difference", "the second is better" or "the first is better", by the interval of the
// difference.
std::string Verdict(const BootstrapResult &bootstrap);

}  // namespace u2moe

#endif  // U2MOE_SCORE_WER_REPORT_H_
