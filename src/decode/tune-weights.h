// The weights of rescoring that make the fewest errors on a development set, from the scores of its
// n-best lists: the networks run once, for all weights.
#ifndef U2MOE_DECODE_TUNE_WEIGHTS_H_
#define U2MOE_DECODE_TUNE_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "decode/rescoring.h"

namespace u2moe {

// The n-best list of one utterance: the scores of each hypothesis (`index` and `total` are not
// looked at) and the errors that it makes.
struct TuningList {
  std::vector<RescoredHypothesis> hyps;
  std::vector<int64_t> errors;
};

struct TuningSet {
  std::vector<TuningList> lists;
  int64_t num_units = 0;  // words, of all references
  bool has_right_to_left = false, has_language = false;
};

// Where to look: every combination first. A part that the set does not have keeps the weight 0.
struct TuningGrid {
  std::vector<float> ctc, reverse, lm, bonus;
};

struct TunedWeights {
  RescoringOptions weights;
  int64_t errors = 0;
};

// Errors of the hypotheses that win with these weights: the best total (RescoredTotal), of equal
// ones the first.
int64_t TuningErrors(const TuningSet &set, const RescoringOptions &weights);
// attention-rescore's defaults, without the parts that the set does not have.
RescoringOptions UntunedWeights(const TuningSet &set);
// Errors where the best hypothesis of each list is known.
int64_t OracleErrors(const TuningSet &set);

// How far weights are from those without tuning, in steps of the refinement (RefineWeights): a set
// that cannot tell two choices apart gives no reason to go further.
double DistanceFromUntuned(const TuningSet &set, const RescoringOptions &weights);

// Deterministic: fewer errors are better; of as many, what is nearer to the weights without tuning;
// of as near ones, the smaller LM weight, magnitude of the length bonus, reverse and CTC weight, in
// this order.
bool Better(const TuningSet &set, const TunedWeights &a, const TunedWeights &b);

// The best point of the grid.
TunedWeights SearchGrid(const TuningSet &set, const TuningGrid &grid);
// Goes on from there: looks at all neighbours one step away, in any number of weights at once, and
// moves to the best, until none is better; then halves the steps, `halvings` times. Steps begin at
// 0.05, that of the length bonus at 0.25. Where the weights without tuning make as few errors as
// what was found, they are chosen. Negative halvings: `from` as it is.
TunedWeights RefineWeights(const TuningSet &set, TunedWeights from, int halvings);

}  // namespace u2moe

#endif  // U2MOE_DECODE_TUNE_WEIGHTS_H_
