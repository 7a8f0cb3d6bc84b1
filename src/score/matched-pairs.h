// The matched pairs sentence segment word error test (MAPSSWE; Gillick and Cox 1989) as NIST's
// sc_stats makes it, and Holm's correction for several tests.
#ifndef U2MOE_SCORE_MATCHED_PAIRS_H_
#define U2MOE_SCORE_MATCHED_PAIRS_H_

#include <cstdint>
#include <vector>

#include "score/wer.h"

namespace u2moe {

// Of the differences second - first in errors, segment by segment.
struct MatchedPairs {
  int64_t segments = 0;            // with an error of either
  double mean = 0, deviation = 0;  // of the difference; the deviation is that of a sample (n - 1)
  double z = 0;                    // mean in standard errors; 0 where no two differences differ
  double p = 1;                    // of a |z| as large where there is no difference
};

// Both results with their alignments, of the same utterances and references (Error if not; CHECK
// without alignment). A segment is a stretch of an utterance with errors of either hypothesis,
// bounded by its ends or by `min_correct` neighbouring words that both have right and nothing
// inserted between: errors in different segments are taken to be independent. As in sc_stats, z is
// 0 where all differences are equal, one segment included, even if that difference is not 0.
MatchedPairs MatchedPairsTest(const WerResult &first, const WerResult &second, int min_correct = 2);

// The p-values such that rejecting those below a level keeps the probability of any false rejection
// below it (Holm 1979), in the order given.
std::vector<double> HolmAdjusted(const std::vector<double> &p);

}  // namespace u2moe

#endif  // U2MOE_SCORE_MATCHED_PAIRS_H_
