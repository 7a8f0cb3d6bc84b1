#ifndef U2MOE_PIPELINE_ATTENTION_OUTPUT_H_
#define U2MOE_PIPELINE_ATTENTION_OUTPUT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "decode/attention-beam.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"

namespace u2moe {

// What attention-decode writes: tokens, and where they are asked for the scores of hypotheses and
// their parts.
class AttentionOutput {
 public:
  // wspecifiers; "": not written. nbest above 1: keys are <utterance>-<n>.
  AttentionOutput(const std::string &tokens, const std::string &scores,
                  const std::string &components, int32_t nbest);

  // nbest: at least one.
  void Write(const std::string &utterance, const std::vector<AttentionHypothesis> &nbest);
  void Close();
  // Utterances the best hypothesis of which the limit of length cut off.
  int64_t NumCut() const { return num_cut_; }

 private:
  const bool numbered_;
  Int32VectorWriter tokens_;
  std::unique_ptr<VectorWriter> scores_;
  std::unique_ptr<DoubleVectorWriter> components_;
  int64_t num_cut_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_ATTENTION_OUTPUT_H_
