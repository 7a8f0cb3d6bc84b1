// The label-synchronous searches (decode/attention-beam.h) with the network: a model's
// left-to-right decoder and its CTC head over the encoder output of a segment.
#ifndef U2MOE_PIPELINE_ATTENTION_SEARCH_H_
#define U2MOE_PIPELINE_ATTENTION_SEARCH_H_

#include <cstdint>
#include <vector>

#include "decode/allowed-words.h"
#include "decode/attention-beam.h"
#include "model/asr-model.h"

namespace u2moe {

// begin / step / end as a CtcSearch, but over encoder output, and with nothing to say before the
// end: a decoder attends to all frames of a segment, so frames are gathered. How they are cut into
// steps makes no difference. Not for several threads at once: each has one of its own.
class AttentionSearch {
 public:
  // model, ready for inference with its CTC head and left-to-right decoder, must outlive the
  // search, and so must the allowed words, whose tokens are the model's; null: any may be found.
  // with_ctc: CTC scores of the results even where opts.ctc_weight is 0.
  AttentionSearch(const Context &ctx, const AsrModel &model, const AttentionBeamOptions &opts,
                  bool with_ctc = false, const AllowedWords *words = nullptr);

  // Forgets everything: the next Step starts a segment.
  void Begin();
  // encoder_out [n, D] of the host, n >= 0. Throws DataError for another D and for values that are
  // not finite.
  void Step(ConstView encoder_out);
  // Decides: at most opts.nbest hypotheses, best first, at least one. A segment without frames has
  // the empty one with score 0. Only Begin() may follow.
  std::vector<AttentionHypothesis> End();

  // Decoder rows computed since construction.
  int64_t NumComputed() const { return computed_; }

 private:
  Context ctx_;
  const AsrModel &model_;
  AttentionBeamOptions opts_;
  bool with_ctc_;
  const AllowedWords *words_;
  std::vector<float> gathered_;  // [T, D]
  int64_t frames_ = 0, computed_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_ATTENTION_SEARCH_H_
