#ifndef U2MOE_TRANSCRIPT_CONFIDENCE_MAP_H_
#define U2MOE_TRANSCRIPT_CONFIDENCE_MAP_H_

#include <string>
#include <vector>

#include "transcript/timed-words.h"
#include "util/options.h"

namespace u2moe {

// Log-odds, log(p / (1 - p)), of a confidence held within 1e-7 of 0 and 1, as sclite holds it.
double ConfidenceLogOdds(double confidence);

// From the confidences of a recogniser, which are too sure of themselves, to probabilities: a line
// on the log-odds. slope is 1 / temperature; an offset other than 0 also says how often words are
// right where the recogniser cannot tell. The default changes nothing.
struct ConfidenceMap {
  double slope = 1, offset = 0;
  // What it was fitted on (SetDigest in score/nce.h), "": nothing.
  std::string fitted_on;

  void Register(OptionParser *po);  // --confidence-slope, -offset, -fitted-on
  void Check() const;               // throws UsageError
  // As a configuration file has them.
  std::string ToConfig() const;
  bool IsIdentity() const { return slope == 1 && offset == 0; }

  // 0 to 1 to 0 to 1; what is negative, no confidence, stays as it is.
  double Apply(double confidence) const;
  void Apply(std::vector<TimedWord> *words) const;
};

// --confidence-map, for tools that write confidences.
struct ConfidenceMapOption {
  std::string file;  // what compute-nce --fit wrote, "": confidences stay as they are

  void Register(OptionParser *po);
  // Says in the log what was read. Throws UsageError for a file that is none of compute-nce's.
  ConfidenceMap Read() const;
};

}  // namespace u2moe

#endif  // U2MOE_TRANSCRIPT_CONFIDENCE_MAP_H_
