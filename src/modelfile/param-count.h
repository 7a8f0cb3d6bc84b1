#ifndef U2MOE_MODELFILE_PARAM_COUNT_H_
#define U2MOE_MODELFILE_PARAM_COUNT_H_

#include <cstdint>

#include "model/asr-model.h"

namespace u2moe {

// How many parameters a model has and uses. Running statistics and CMVN are no parameters. What one
// frame or token uses is everything but, in each mixture, the E - K experts that were not chosen;
// an embedding counts whole.
struct ParamCounts {
  int64_t total = 0;
  int64_t encoder = 0, ctc = 0, left_decoder = 0,
          right_decoder = 0;                  // the parts; they sum to total
  int64_t feed_forward = 0, gate = 0;         // over all parts; gates are not in feed_forward
  int64_t active_per_frame = 0;               // encoder and CTC head
  int64_t active_left = 0, active_right = 0;  // per token, each decoder
  int64_t buffers = 0;                        // stored floats that are no parameters
};

ParamCounts CountParams(AsrModel *model);

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_PARAM_COUNT_H_
