// The network's attention decoders as the Scorer of decode/rescoring.h.
#ifndef U2MOE_PIPELINE_MODEL_SCORER_H_
#define U2MOE_PIPELINE_MODEL_SCORER_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "decode/rescoring.h"
#include "model/asr-model.h"

namespace u2moe {

// All hypotheses of an utterance go through a decoder as one tree: each distinct beginning (or
// ending, right to left) and the keys and values of the encoder output are computed once. A score
// does not depend on what else is in the list. The log-probabilities are float32 as the network
// gives them, their sums double.
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

  // Decoder rows computed so far, and how many it would have been without common beginnings.
  int64_t NumComputed() const { return computed_; }
  int64_t NumAsked() const { return asked_; }

 private:
  std::vector<double> Score(const Decoder &decoder, bool reverse, ConstView encoder_out,
                            const std::vector<std::vector<int32_t>> &hyps) const;

  Context ctx_;
  const AsrModel &model_;
  mutable std::atomic<int64_t> computed_{0}, asked_{0};
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_MODEL_SCORER_H_
