// How results of scoring are written.
#ifndef U2MOE_SCORE_WER_REPORT_H_
#define U2MOE_SCORE_WER_REPORT_H_

#include <ostream>
#include <string>
#include <vector>

#include "score/bootstrap.h"
#include "score/wer-comparison.h"
#include "score/wer.h"

namespace u2moe {

// Some of the words, or of the utterances: those listed and all others (score/biased-wer.h), those
// with a label (score/label-wer.h).
struct WerPart {
  std::string group, name;  // where it stands in the JSON: in the object `group`, unless that is ""
  std::string title, rate;  // "%B-WER" and "B-WER", "Label en" twice: what its lines begin with
  std::string of;           // "12 phrases"
  const WerResult *first = nullptr, *second = nullptr;
  const BootstrapResult *bootstrap = nullptr;
};

// All there is to say.
struct WerReport {
  WerOptions opts;
  std::string name;  // where the hypothesis came from
  const WerResult *first = nullptr;
  const BootstrapResult *bootstrap = nullptr;          // of the first; null: none
  const std::vector<WerComparison> *others = nullptr;  // null or empty: none; else with bootstrap
  std::string drawn;  // what the bootstrap drew: "150 utterances", "6 speakers"
  uint64_t seed = 0;
  std::vector<WerPart> parts;
  int64_t num_phrases = 0;  // of the parts that are listed words

  size_t NumOthers() const { return others == nullptr ? 0 : others->size(); }
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
//   MAPSSWE 14 segments, mean -0.071 (second - first), Z -1.000, p 0.3173: no difference
// with several others, instead, with p-values by Holm's correction, which the verdicts go by,
//   System 2 11.34 [ 11 / 97, 1 ins, 2 del, 8 sub ], interval 95% [ 7.00, 16.10 ]: ark:exp/b/hyp
//   System 2 difference -1.00 (from the first), interval 95% [ ... ], p 0.3100, Holm's p 0.6200:
//   ... System 2 MAPSSWE 14 segments, mean -0.071, Z -1.000, p 0.3173, Holm's p 0.6346: no
//   difference
// and for each part (of the first hypothesis alone where there are several others):
//   %B-WER 30.00 [ 6 / 20, 1 ins, 0 del, 5 sub ] of 12 phrases
//   B-WER interval 95% [ 10.00, 50.00 ]
//   B-WER second 20.00 [ 4 / 20, 0 ins, 0 del, 4 sub ], interval 95% [ 5.00, 40.00 ]
//   B-WER difference -10.00 (second - first), interval 95% [ -20.01, -1.08 ]: the second is better
//   Label en 12.00 [ 6 / 50, 1 ins, 0 del, 5 sub ] of 5 utterances
void WriteWerText(std::ostream &os, const WerReport &report);

// The lines of Kaldi's compute-wer-bootci: mean of the draws and 1.96 deviations on either side, in
// percent; the share of draws in which the second hypothesis has fewer errors.
//   Set1: %WER 26.00 95% Conf Interval [ 24.12, 27.88 ]
//   Set2: %WER 25.00 95% Conf Interval [ 23.10, 26.90 ]        with a second hypothesis, and then
//   Probability of Set2 improving Set1: 91.23
void WriteBootstrapText(std::ostream &os, const BootstrapResult &result, bool has_second);

// One JSON object of the same. Rates in percent; null where there is none.
void WriteWerJson(std::ostream &os, const WerReport &report);

// "no difference", "the second is better" or "the first is better", by the interval of the
// difference.
std::string Verdict(const BootstrapResult &bootstrap);

}  // namespace u2moe

#endif  // U2MOE_SCORE_WER_REPORT_H_
