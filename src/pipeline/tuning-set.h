#ifndef U2MOE_PIPELINE_TUNING_SET_H_
#define U2MOE_PIPELINE_TUNING_SET_H_

#include <string>
#include <vector>

#include "decode/tune-weights.h"
#include "score/wer.h"

namespace u2moe {

// Tables of n-best lists, keyed <utterance>-<n>, n from 1.
struct TuningTables {
  std::string tokens;      // int32 vectors
  std::string text;        // the same as words
  std::string components;  // attention-rescore --components: left to right, CTC, right to left
  std::string lm_scores;   // or ""
};

// Errors are counted as compute-wer does with opts. Throws Error, naming keys, where tables lack an
// entry that another one has, where a list lacks a number, and, but for --mode=present, for a
// reference without a list. num_left_out: references that were left out.
TuningSet ReadTuningSet(const TuningTables &tables, const std::vector<Transcript> &refs,
                        const WerOptions &opts, int64_t *num_left_out);

// Throws UsageError if the two are one set: by a common utterance, or because the texts are the
// same under other names. Weights that were chosen on a set make its error rate look better than it
// is.
void RefuseSameSet(const std::vector<Transcript> &dev, const std::string &dev_name,
                   const std::vector<Transcript> &reported, const std::string &reported_name);

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_TUNING_SET_H_
