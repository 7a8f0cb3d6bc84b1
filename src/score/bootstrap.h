// Intervals for error rates by the bootstrap (Bisani and Ney 2004): the test set is drawn again,
// with replacement, many times, and the rate computed each time.
#ifndef U2MOE_SCORE_BOOTSTRAP_H_
#define U2MOE_SCORE_BOOTSTRAP_H_

#include <cstdint>
#include <vector>

namespace u2moe {

// What is drawn as a whole: an utterance, or all utterances of a speaker.
struct BootstrapUnit {
  int64_t errors = 0;   // of the hypothesis
  int64_t errors2 = 0;  // of a second hypothesis for the same references, if there is one
  int64_t words = 0;    // of the references
};

struct Interval {
  double low = 0, high = 0;
  bool Holds(double x) const { return low <= x && x <= high; }
};

// Of a rate over the draws.
struct Spread {
  double mean = 0, deviation = 0;
};

struct BootstrapResult {
  Interval rate;             // of errors / words, 95 %: from the 2.5th to the 97.5th percentile
  Interval rate2;            // of errors2 / words
  Interval difference;       // of (errors2 - errors) / words, from the same draws (paired)
  double second_better = 0;  // share of draws in which errors2 < errors, ties counting half
  double second_fewer = 0;   // the same share without the ties
  Spread spread, spread2;    // of errors / words and errors2 / words
  int64_t num_draws = 0;
};

// Draws units.size() units at a time. num_draws 0 means 10000, fewer for more than 10000 units, but
// at least 1000. The same seed gives the same result on every machine. Draws without a single word
// are passed over. No units, or no words at all, give intervals of [0, 0].
BootstrapResult Bootstrap(const std::vector<BootstrapUnit> &units, int64_t num_draws,
                          uint64_t seed);

}  // namespace u2moe

#endif  // U2MOE_SCORE_BOOTSTRAP_H_
