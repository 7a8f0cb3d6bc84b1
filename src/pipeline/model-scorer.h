// The network's attention decoders as the Scorer of decode/rescoring.h.
#ifndef U2MOE_PIPELINE_MODEL_SCORER_H_
#define U2MOE_PIPELINE_MODEL_SCORER_H_

#include <cstdint>
#include <vector>

#include "decode/rescoring.h"
#include "model/asr-model.h"

namespace u2moe {

// All hypotheses of an utterance go through a decoder in one ragged batch, so the keys and values
// of the encoder output are computed once for all of them. The log-probabilities are float32 as the
// network gives them, their sums double.
class ModelScorer : public Scorer {
 public:
  // model must outlive the scorer.
  ModelScorer(const Context &ctx, const AsrModel &model) : ctx_(ctx), model_(model) {}

  bool HasRightToLeft() const override { return model_.HasRightDecoder(); }
  // encoder_out [T, D] with T >= 1; throws DataError otherwise.
  std::vector<double> ScoreLeftToRight(
      ConstView encoder_out, const std::vector<std::vector<int32_t>> &hyps) const override;
  std::vector<double> ScoreRightToLeft(
      ConstView encoder_out, const std::vector<std::vector<int32_t>> &hyps) const override;

 private:
  std::vector<double> Score(const Decoder &decoder, bool reverse, ConstView encoder_out,
                            const std::vector<std::vector<int32_t>> &hyps) const;

  Context ctx_;
  const AsrModel &model_;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_MODEL_SCORER_H_
