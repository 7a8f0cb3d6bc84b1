// Where tune-weights looks, and what it says.
#ifndef U2MOE_PIPELINE_TUNING_REPORT_H_
#define U2MOE_PIPELINE_TUNING_REPORT_H_

#include <ostream>
#include <string>

#include "decode/tune-weights.h"
#include "score/wer.h"
#include "util/options.h"

namespace u2moe {

// Lists of weights as "0,0.5" or "0:0.1:1" (first:step:last) or both.
struct TuningGridOptions {
  std::string ctc = "0:0.1:1,1.5,2,3", reverse = "0:0.1:1", lm = "0:0.1:1,1.5,2",
              bonus = "-1,-0.5,0,0.5,1,2";
  int32_t halvings = 3;

  void Register(OptionParser *po);
  TuningGrid Grid() const;  // throws UsageError for what is no list or holds what cannot be
};

// The weights and errors of the first of each list, of no tuning, of the grid's best, of what was
// chosen, and of the best of each list; then how the rate changes with each weight alone.
void WriteTuningTable(std::ostream &os, const TuningSet &set, const TuningGrid &grid,
                      const TunedWeights &coarse, const TunedWeights &best,
                      const std::string &rate);

// name=value lines for attention-rescore --config, those that the set has scores for.
void WriteTuningConfig(const std::string &wxfilename, const TuningSet &set,
                       const TunedWeights &best, const WerOptions &wer, const std::string &refs);

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_TUNING_REPORT_H_
